"""Objects: round trips, multipart, presigned addresses, and what must be refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from onsite.errors import OnsiteError
from onsite.services import S3, s3
from onsite.services.handles import s3 as module

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def store() -> Iterator[S3]:
    with s3() as handle:
        yield handle


def get(store: S3, key: str) -> bytes:
    return bytes(store.client.get_object(Bucket=store.bucket, Key=key)["Body"].read())


def presign(store: S3, verb: str, key: str, seconds: int = 60, **more: str) -> str:
    where = {"Bucket": store.bucket, "Key": key, **more}
    return str(store.client.generate_presigned_url(verb, Params=where, ExpiresIn=seconds))


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


def test_it_says_that_it_is_moto(store: S3) -> None:
    assert not store.is_real
    assert "moto" in repr(store)
    assert "stand-in for S3" in store._repr_html_()
    assert httpx.get(store.url).headers["Server"].startswith(f"moto/{store.version} (a stand-in")
    assert store.secret_key not in repr(store)


@pytest.mark.parametrize("key", ["plain", "a/b c/ü+%&=?~*", "dots/../x", "//double//"])
def test_objects_come_back_as_they_went(store: S3, key: str) -> None:
    body = bytes(range(256))
    store.client.put_object(Bucket=store.bucket, Key=key, Body=body, Metadata={"made-by": "ada"})
    assert get(store, key) == body
    listed = store.client.list_objects_v2(Bucket=store.bucket)["Contents"]
    assert key in {one["Key"] for one in listed}
    assert store.client.head_object(Bucket=store.bucket, Key=key)["Metadata"] == {"made-by": "ada"}
    store.client.delete_object(Bucket=store.bucket, Key=key)
    with pytest.raises(ClientError, match="NoSuchKey"):
        get(store, key)


def test_multipart(store: S3) -> None:
    here: dict[str, Any] = {"Bucket": store.bucket, "Key": "large"}
    upload = store.client.create_multipart_upload(**here)["UploadId"]
    bodies = [b"a" * 5 * MEGABYTE, b"b" * 5 * MEGABYTE, b"the end"]
    parts = [
        {
            "PartNumber": n,
            "ETag": store.client.upload_part(
                **here, UploadId=upload, PartNumber=n, Body=bodies[n - 1]
            )["ETag"],
        }
        for n in (3, 1, 2)
    ]
    with pytest.raises(ClientError, match="NoSuchKey"):
        get(store, "large")
    assert len(store.client.list_multipart_uploads(Bucket=store.bucket)["Uploads"]) == 1
    parts.sort(key=lambda part: part["PartNumber"])
    done = store.client.complete_multipart_upload(
        **here, UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert done["ETag"].strip('"').endswith("-3")
    assert get(store, "large") == b"".join(bodies)
    part = store.client.get_object(**here, Range="bytes=5242878-5242881")["Body"].read()
    assert part == b"aabb"


def test_a_part_that_is_too_small_is_refused(store: S3) -> None:
    here: dict[str, Any] = {"Bucket": store.bucket, "Key": "small"}
    upload = store.client.create_multipart_upload(**here)["UploadId"]
    parts = [
        {
            "PartNumber": n,
            "ETag": store.client.upload_part(**here, UploadId=upload, PartNumber=n, Body=b"x")[
                "ETag"
            ],
        }
        for n in (1, 2)
    ]
    with pytest.raises(ClientError, match="EntityTooSmall"):
        store.client.complete_multipart_upload(
            **here, UploadId=upload, MultipartUpload={"Parts": parts}
        )
    store.client.abort_multipart_upload(**here, UploadId=upload)
    assert "Uploads" not in store.client.list_multipart_uploads(Bucket=store.bucket)


def test_the_transfer_manager(store: S3, tmp_path: Any) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"0123456789abcdef" * MEGABYTE)  # 16 MB: in several parts, by threads
    store.client.upload_file(str(source), store.bucket, "file")
    store.client.download_file(store.bucket, "file", str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()


def test_presigned_addresses_put_and_get(store: S3) -> None:
    # without a type: moto by itself would store nothing then
    put = httpx.put(presign(store, "put_object", "by address/ü"), content=b"hello")
    assert put.status_code == 200
    assert get(store, "by address/ü") == b"hello"
    answer = httpx.get(presign(store, "get_object", "by address/ü"))
    assert (answer.status_code, answer.content) == (200, b"hello")


def test_presigned_addresses_expire(store: S3) -> None:
    store.client.put_object(Bucket=store.bucket, Key="k", Body=b"x")
    url = presign(store, "get_object", "k", seconds=1)
    time.sleep(2.1)
    answer = httpx.get(url)
    assert code(answer) == (403, "AccessDenied")
    assert "Request has expired" in answer.text


def test_presigned_addresses_are_for_what_was_signed(store: S3) -> None:
    store.client.put_object(Bucket=store.bucket, Key="k", Body=b"x")
    store.client.put_object(Bucket=store.bucket, Key="other", Body=b"secret")
    url = presign(store, "get_object", "k", seconds=60)
    wrong = (403, "SignatureDoesNotMatch")
    assert code(httpx.get(url.replace("/k?", "/other?"))) == wrong
    assert code(httpx.get(url.replace("Expires=60", "Expires=6000"))) == wrong
    assert code(httpx.put(url, content=b"y")) == wrong
    assert code(httpx.delete(url)) == wrong
    typed = presign(store, "put_object", "k", ContentType="text/plain")
    assert code(httpx.put(typed, content=b"<b>", headers={"Content-Type": "text/html"})) == wrong
    assert httpx.put(typed, content=b"y", headers={"Content-Type": "text/plain"}).is_success
    assert get(store, "k") == b"y"


def test_only_its_keys_let_people_in(store: S3) -> None:
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        store.connect(aws_secret_access_key="0" * 40).list_buckets()
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        store.connect(aws_access_key_id="wrong").list_buckets()
    assert code(httpx.get(f"{store.url}/{store.bucket}")) == (403, "AccessDenied")
    assert code(httpx.post(f"{store.url}/moto-api/reset")) == (403, "AccessDenied")
    old = store.connect(config=Config(signature_version="s3"))
    url = old.generate_presigned_url("get_object", Params={"Bucket": store.bucket, "Key": "k"})
    assert code(httpx.get(url)) == (400, "InvalidRequest")
    broken = httpx.get(store.url, headers={"Authorization": "AWS4-HMAC-SHA256 nonsense"})
    assert code(broken) == (400, "AuthorizationHeaderMalformed")


def test_what_it_takes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEGABYTES", 1)
    with s3() as small, pytest.raises(ClientError, match="SlowDown"):
        small.client.put_object(Bucket=small.bucket, Key="k", Body=b"x" * 2 * MEGABYTE)


def test_stop_and_signatures_stay_out_of_the_log() -> None:
    with s3() as store:
        httpx.get(presign(store, "get_object", "missing"))
        assert "/missing" in store.log_tail()
        assert "Signature" not in store.log_tail(100)
        store.stop()
        with pytest.raises(EndpointConnectionError):
            store.client.list_buckets()
        store.start()
        assert store.client.list_buckets()["Buckets"] == [], "it kept its objects in memory"


def test_your_own_server(store: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    address = store.url.replace("://", f"://{store.access_key}:{store.secret_key}@")
    monkeypatch.setenv("ONSITE_S3_URL", address)
    with s3() as own:
        assert not own.is_real, "moto is known by what it calls itself, wherever it runs"
        assert own.bucket != store.bucket
        own.client.put_object(Bucket=own.bucket, Key="k", Body=b"x")
        own.client.create_multipart_upload(Bucket=own.bucket, Key="unfinished")
        bucket = own.bucket
        with pytest.raises(OnsiteError, match="is your own; manage it yourself"):
            own.stop()
    names = [one["Name"] for one in store.client.list_buckets()["Buckets"]]
    assert bucket not in names
    assert store.bucket in names


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://127.0.0.1:9000", "must look like http://access-key:secret-key@"),
        ("http://a:b@127.0.0.1:1", "cannot be used"),
    ],
)
def test_your_own_server_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, address: str, message: str
) -> None:
    monkeypatch.setenv("ONSITE_S3_URL", address)
    with pytest.raises(OnsiteError, match=message):
        s3()


def test_closed() -> None:
    store = s3()
    store.close()
    store.close()
    for use in (lambda: store.url, lambda: store.client, lambda: store.bucket, store.connect):
        with pytest.raises(OnsiteError, match=r"closed; call s3\(\) for a new one"):
            use()
