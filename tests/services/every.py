"""How each handle is started and first used, for tests that go through all of them."""

from __future__ import annotations

SITE = "web('wsgiref.simple_server:demo_app', 'gunicorn')"

EVERY = {
    "celery_worker": (
        "import celery, statistics; kv = valkey()\n"
        "app = celery.Celery('shop', broker=kv.url, backend=kv.url)\n"
        "mean = app.task(statistics.mean, name='mean')\n"
        "handle = celery_worker(app)\n"
        "assert mean.delay([1, 3]).get(timeout=30) == 2\n"
    ),
    "faulty": (
        "kv = valkey(); handle = faulty(kv)\n"
        "import redis as library\n"
        "with library.Redis.from_url(handle.url) as client: assert client.ping()\n"
        "assert handle.counts()['accepted'] == 1\n"
    ),
    "haproxy": (
        f"site = {SITE}; handle = haproxy(app=[site])\n"
        "import httpx; assert 'Hello world' in httpx.get(handle.url).text\n"
    ),
    "kafka": (
        "handle = kafka(); handle.create_topic('t')\n"
        "producer = handle.producer(); producer.produce('t', 'x')\n"
        "assert producer.flush(20) == 0\n"
    ),
    "load": f"site = {SITE}; handle = load(site, rate=5, seconds=60)\n",
    "mariadb": (
        "handle = mariadb()\n"
        "with handle.connect() as connection, connection.cursor() as cursor:\n"
        "    assert cursor.execute('SELECT 1') == 1\n"
    ),
    "memcached": (
        "handle = memcached(); handle.client.set('k', 'v', noreply=False)\n"
        "assert handle.client.get('k') == 'v'\n"
    ),
    "nginx": (
        "handle = nginx('server { listen {address}; return 204; }', workers=2)\n"
        "import httpx; assert httpx.get(handle.url).status_code == 204\n"
    ),
    "oidc": (
        "handle = oidc()\n"
        "import httpx; assert httpx.get(handle.metadata['jwks_uri']).json()['keys']\n"
    ),
    "pgbouncer": (
        "pg = postgres(); handle = pgbouncer(pg)\n"
        "with handle.connect() as c: assert c.execute('SELECT 1').fetchone() == (1,)\n"
    ),
    "postgres": (
        "handle = postgres()\n"
        "with handle.connect() as c: assert c.execute('SELECT 1').fetchone() == (1,)\n"
    ),
    "postgres with settings": (
        "handle = postgres(work_mem='8MB')\n"
        "with handle.connect() as c: assert c.execute('SHOW work_mem').fetchone() == ('8MB',)\n"
    ),
    "postgres_cluster": (
        "handle = postgres_cluster(); handle.catch_up(); assert handle.lag()[0].bytes == 0\n"
    ),
    "rabbitmq": (
        "handle = rabbitmq(); handle.connect().channel().queue_declare('jobs')\n"
        "assert handle.depth('jobs')\n"
    ),
    "redis": "handle = redis(); assert handle.client.ping()\n",
    "s3": (
        "handle = s3(); handle.client.put_object(Bucket=handle.bucket, Key='k', Body=b'x')\n"
        "got = handle.client.get_object(Bucket=handle.bucket, Key='k')\n"
        "assert got['Body'].read() == b'x'\n"
    ),
    "smtp": (
        "handle = smtp()\n"
        "post = handle.connect()\n"
        "post.sendmail('a@example.org', ['b@example.org'], 'Subject: Hi\\n\\nText'); post.quit()\n"
        "assert [mail.subject for mail in handle.mails] == ['Hi']\n"
    ),
    "supervisor": (
        "handle = supervisor({'sleeper': 'sleep 600'}); handle.wait('sleeper', 'RUNNING')\n"
    ),
    "valkey": "handle = valkey(); assert handle.client.ping()\n",
    "valkey with a replica": (
        "kv = valkey(persistence='aof'); handle = kv.replica()\n"
        "assert handle.client.info('replication')['master_link_status'] == 'up'\n"
    ),
    "valkey_cluster": "handle = valkey_cluster(); assert handle.client.set('k', 1)\n",
    **{
        f"web by {server}": (
            f"handle = web('wsgiref.simple_server:demo_app', {server!r})\n"
            "import httpx; assert 'Hello world' in httpx.get(handle.url).text\n"
        )
        for server in ("gunicorn", "hypercorn", "waitress")
    },
    "web by uvicorn": (
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'http':\n"
        "        await send({'type': 'http.response.start', 'status': 204})\n"
        "        await send({'type': 'http.response.body'})\n"
        "handle = web(app, 'uvicorn')\n"
        "import httpx; assert httpx.get(handle.url).status_code == 204\n"
    ),
}
"""Code that makes `handle`, after `from onsite.services import *`, and sees it do its work."""
