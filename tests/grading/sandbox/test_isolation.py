"""What a run can see and touch: nothing of this machine's people, of the worker, of other runs."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from tests.grading.notebooks import notebook
from tests.grading.sandbox.ordinary import OrdinaryUser, start

from onsite.grading.result import RunResult
from onsite.grading.runner import Runner
from onsite.grading.sandbox import Sandbox
from onsite.services import folders

Anybody = Runner | OrdinaryUser
ROOT = Path(__file__).parents[3]


def printed(result: RunResult, cell: str = "c0") -> str:
    """What a cell printed; it has to have ended well."""
    assert result[cell].status == "ok", result[cell]
    return "".join(o["text"] for o in result[cell].outputs if o.get("name") == "stdout")


def says(anybody: Anybody, source: str) -> str:
    return printed(anybody.run(notebook(textwrap.dedent(source)))).strip()


# --- files ------------------------------------------------------------------------------------


def test_there_is_nothing_but_the_system(anybody: Anybody) -> None:
    allowed = {"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "dev", "proc", "tmp"}
    way = {Path(place).parts[1] for place in (sys.prefix, sys.base_prefix, str(ROOT))}
    found = set(says(anybody, "import os\nprint(*os.listdir('/'))").split())
    assert found - allowed - way == {"srv"}
    assert found - allowed - {"srv"} <= way, "the way to Python and to this package"


def test_no_course_no_home_no_temporary_files(anybody: Anybody) -> None:
    with tempfile.NamedTemporaryFile() as other:
        places = [
            *(str(ROOT / name) for name in ("source", "release", "submitted", "notebooks", ".git")),
            *(str(ROOT / name) for name in ("tests", "gradebook.db", "pyproject.toml")),
            *(str(Path.home() / name) for name in (".bashrc", ".cache", ".ssh", ".local")),
            *("/etc/shadow", "/etc/hostname", "/var", "/run", "/home", "/boot", "/sys", "/opt"),
            other.name,
        ]
        source = f"import os\nprint([place for place in {places!r} if os.path.lexists(place)])"
        assert says(anybody, source) == "[]"


def test_the_way_to_python_shows_nothing_on_either_side(anybody: Anybody) -> None:
    """Of each folder above Python's own, only the next one is there."""
    source = f"""
    import os
    from pathlib import Path
    for place in {[sys.prefix, sys.base_prefix, str(ROOT / "src/onsite")]!r}:
        for parent in Path(place).parents[:-1]:
            if not str(parent).startswith("/usr"):
                print(parent, *os.listdir(parent))
    """
    for line in says(anybody, source).splitlines():
        parent, *names = line.split()
        for name in names:
            path = Path(parent, name)
            needed = (Path(sys.prefix), Path(sys.base_prefix), ROOT / "src/onsite")
            assert any(place.is_relative_to(path) for place in needed), path


def test_the_system_cannot_be_changed(anybody: Anybody) -> None:
    source = f"""
    import os
    for folder in ("/", "/usr", "/etc", "/dev", "/srv", "/srv/templates", "/srv/packages",
                   {sys.prefix!r}, {sys.base_prefix!r}, {str(ROOT / "src/onsite")!r}):
        for attempt in (lambda: open(f"{{folder}}/new", "w"), lambda: os.mkdir(f"{{folder}}/new"),
                        lambda: os.chmod(folder, 0o777), lambda: os.utime(folder)):
            try:
                attempt()
                print(folder)
            except OSError:
                pass
    for folder, folders, files in os.walk("/srv/templates"):
        for name in files:
            try:
                open(f"{{folder}}/{{name}}", "r+b")
                print(folder, name)
            except OSError:
                pass
    """
    assert says(anybody, source) == ""


def test_nothing_is_left_in_the_next_run(anybody: Anybody) -> None:
    plant = """
    import os, pathlib
    for place in ("/tmp", "/tmp/home", "/tmp/work", "/tmp/tmp", "/dev/shm"):
        pathlib.Path(place, "planted").write_text("x")
    startup = pathlib.Path(os.environ["IPYTHONDIR"], "profile_default/startup")
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("print('started')")
    pathlib.Path.home().joinpath(".bashrc").write_text("echo started")
    from multiprocessing import shared_memory
    kept = shared_memory.SharedMemory("planted-too", create=True, size=100)
    import ctypes
    assert ctypes.CDLL(None).shmget(4711, 100, 0o1666) >= 0
    assert ctypes.CDLL(None).semget(4711, 1, 0o1666) >= 0
    assert ctypes.CDLL(None).mq_open(b"/planted", 0o102, 0o666, None) >= 0
    import sys, math
    math.pi = 3
    sys.modules["planted"] = math
    """
    look = """
    import ctypes, math, os, sys
    for folder, _, files in os.walk("/tmp"):
        print(*files)
    print(*os.listdir("/dev/shm"), *(m for m in sys.modules if m == "planted"))
    libc = ctypes.CDLL(None)
    print(*(n for n in (libc.shmget(4711, 100, 0), libc.semget(4711, 1, 0),
                        libc.mq_open(b"/planted", 0, 0, None)) if n >= 0))
    assert math.pi > 3.1
    """
    printed(anybody.run(notebook(textwrap.dedent(plant))))
    assert says(anybody, look) == ""


def test_nothing_of_a_run_is_on_this_machine(boxed: Runner) -> None:
    mark = f"onsite-mark-{os.getpid()}"
    plant = f"""
    import pathlib
    for place in ("/tmp", "/tmp/home", "/dev/shm"):
        pathlib.Path(place, {mark!r}).write_text({mark!r})
    from multiprocessing import shared_memory
    kept = shared_memory.SharedMemory({mark + "-too"!r}, create=True, size=100)
    """

    def look(_cell: object) -> bool:
        for place in (tempfile.gettempdir(), "/dev/shm", "/var/tmp"):  # noqa: S108
            found.extend(Path(place).glob(f"*/{mark}*"))
            found.extend(Path(place).glob(f"*{mark}*"))
        return False

    found: list[Path] = []
    printed(boxed.run(notebook(textwrap.dedent(plant), "1"), stop=look))
    assert found == []


# --- environment and account ------------------------------------------------------------------


def test_the_environment_is_a_short_list(monkeypatch: pytest.MonkeyPatch, box: Sandbox) -> None:
    for name in ("SECRET_TOKEN", "ONSITE_POSTGRES_URL", "AWS_SECRET_ACCESS_KEY", "LD_PRELOAD_X"):
        monkeypatch.setenv(name, "s3cret")
    source = """
    import os
    print(open("/proc/self/environ").read(), *os.environ.items())
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            print(open(f"/proc/{pid}/environ").read())
        except OSError:
            pass
    """
    with Runner(sandbox=box, environment={"EXTRA": "yes"}) as one:
        found = says(one, source)
    assert "s3cret" not in found
    assert "('EXTRA', 'yes')" in found


def test_the_account_is_nobody(anybody: Anybody) -> None:
    source = """
    import os, re
    print(os.getresuid(), os.getresgid(), {0, 1000} & set(os.getgroups()))
    status = open("/proc/self/status").read()
    print(*re.findall(r"Cap\\w+:\\s+(\\w+)|NoNewPrivs:\\s+(\\d)", status))
    """
    account, rights = says(anybody, source).splitlines()
    assert account == "(1000, 1000, 1000) (1000, 1000, 1000) set()"
    assert rights == " ".join([*["('0000000000000000', '')"] * 5, "('', '1')"])


def test_no_root_and_nobody_else_can_be_had(anybody: Anybody) -> None:
    source = """
    import os, subprocess
    for attempt in (lambda: os.setuid(0), lambda: os.setuid(65534), lambda: os.setgroups([0]),
                    lambda: os.chown("/tmp/home", 0, 0), lambda: os.sethostname("x")
                    if hasattr(os, "sethostname") else os.chroot("/tmp")):
        try:
            attempt()
            print("it works")
        except OSError:
            pass
    for tool in ("unshare -U true", "unshare -r true", "su -c true", "sudo -n true",
                 "mount -t tmpfs none /mnt", "nsenter -t 1 -a true"):
        if subprocess.run(tool, shell=True, capture_output=True).returncode == 0:
            print(tool)
    """
    assert says(anybody, source) == ""


def test_no_descriptor_leads_out(anybody: Anybody) -> None:
    """What a run has inherited: /dev/null, pipes and socket pairs."""
    source = """
    import os
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:  # of the listing itself
            continue
        if not target.startswith(("pipe:", "socket:", "anon_inode:[event")) and name != "0":
            print(name, target)
    print(os.readlink("/proc/self/fd/0"), os.readlink("/proc/self/cwd"))
    """
    assert says(anybody, source) == "/dev/null /tmp/work"


# --- processes --------------------------------------------------------------------------------


def test_only_its_own_processes_are_there(anybody: Anybody) -> None:
    source = "import os\nprint(os.getpid(), *filter(str.isdecimal, os.listdir('/proc')))"
    own, *found = map(int, says(anybody, source).split())
    assert found == [own], "not even its init"


def test_init_is_closed(anybody: Anybody) -> None:
    """The watcher has the same user, but shows and takes nothing."""
    source = """
    import os, signal
    print(os.path.exists("/proc/1"))
    try:
        open("/proc/1/oom_score_adj", "w").write("1000")
        print("written")
    except FileNotFoundError:
        pass
    for number in signal.valid_signals():
        try:
            os.kill(1, number)
            print("taken:", number)
        except OSError:
            pass
    """
    assert says(anybody, source) == "False"


@pytest.mark.slow
def test_two_runs_at_once_do_not_see_each_other(box: Sandbox) -> None:
    ready = threading.Barrier(2, timeout=30)
    noisy = """
    import os, pathlib, socket, time, pty
    pathlib.Path("/tmp/secret").write_text("s3cret")
    pathlib.Path("/dev/shm/secret").write_text("s3cret")
    listener = socket.create_server(("127.0.0.1", 4711))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind("\\0secret")
    abstract.listen()
    ends = pty.openpty()
    """
    curious = """
    import os, pathlib, socket
    print([p for p in ("/tmp/secret", "/dev/shm/secret", "/dev/pts/0") if os.path.exists(p)])
    for family, address in ((socket.AF_INET, ("127.0.0.1", 4711)), (socket.AF_UNIX, "\\0secret")):
        with socket.socket(family) as s:
            print(s.connect_ex(address) != 0)
    print(len(list(filter(str.isdecimal, os.listdir("/proc")))))
    try:
        os.kill(-1, 9)
    except ProcessLookupError:
        print("nobody to kill")
    """

    def meet(_cell: object) -> bool:
        ready.wait()
        return False

    with Runner(sandbox=box) as one, ThreadPoolExecutor(2) as pool:
        book = notebook(textwrap.dedent(noisy), "import time; time.sleep(1)", "print('alive')")
        other = notebook("1", textwrap.dedent(curious), "1")
        first = pool.submit(one.run, book, stop=lambda c: meet(c) if c.id == "c0" else False)
        second = pool.submit(one.run, other, stop=lambda c: meet(c) if c.id == "c0" else False)
        found = printed(second.result(), "c1").splitlines()
        assert found == ["[]", "True", "True", "1", "nobody to kill"]
        assert printed(first.result(), "c2") == "alive\n"


def test_the_worker_is_the_same_afterwards(boxed: Runner) -> None:
    boxed.run(notebook("1"))
    assert boxed._zygote is not None
    before = boxed._zygote._process.pid
    attack = """
    import os, signal, ctypes
    for pid in range(1, 300):
        for number in (signal.SIGSTOP, signal.SIGKILL):
            if pid != os.getpid():
                try:
                    os.kill(pid, number)
                except OSError:
                    pass
    os.killpg(0, signal.SIGKILL)
    """
    assert boxed.run(notebook(textwrap.dedent(attack)))["c0"].status == "killed"
    assert printed(boxed.run(notebook("print('here')"))) == "here\n"
    assert boxed._zygote._process.pid == before


# --- network ----------------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server of this machine, on all of its addresses."""
    with socket.create_server(("", 0)) as server:
        yield server


def test_the_only_network_is_its_own_loopback(anybody: Anybody, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    addresses = ["127.0.0.1", "1.1.1.1", "169.254.169.254"]
    for found in psutil.net_if_addrs().values():
        addresses += [a.address for a in found if a.family == socket.AF_INET]
    source = f"""
    import socket
    print(*(name for _, name in socket.if_nameindex()))
    for address in {sorted(set(addresses))!r}:
        with socket.socket() as s:
            s.settimeout(3)
            if s.connect_ex((address, {port})) == 0:
                print("reached", address)
    """
    assert says(anybody, source) == "lo"


def test_no_socket_of_this_machine_can_be_reached(anybody: Anybody) -> None:
    name = f"onsite-{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0{name}")
        abstract.listen()
        with socket.socket(socket.AF_UNIX) as named:
            named.bind(f"{folder}/socket")
            named.listen()
            Path(folder).chmod(0o755)
            Path(folder, "socket").chmod(0o777)
            source = f"""
            import os, socket
            for address in ("\\0{name}", {folder!r} + "/socket"):
                with socket.socket(socket.AF_UNIX) as s:
                    print(s.connect_ex(address) != 0)
            """
            assert says(anybody, source) == "True\nTrue"


def test_a_name_is_unknown_at_once(anybody: Anybody) -> None:
    source = """
    import socket
    try:
        socket.getaddrinfo("example.org", 443)
    except OSError as error:
        print(type(error).__name__)
    print(socket.gethostbyname("localhost"))
    """
    assert says(anybody, source) == "gaierror\n127.0.0.1"


def test_servers_of_the_run(anybody: Anybody) -> None:
    source = """
    import asyncio, concurrent.futures, http.server, subprocess, threading, urllib.request

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
        print(answer.status)

    async def echo(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    for host in ("127.0.0.1", "::1", "localhost"):
        running = await asyncio.start_server(echo, host, 0)
        port = running.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"hello\\n")
        print((await reader.readline()).decode().strip())

    process = await asyncio.create_subprocess_exec("echo", "sub", stdout=-1)
    print((await process.communicate())[0].decode().strip())
    print(subprocess.check_output("id -un", shell=True, text=True).strip())
    with concurrent.futures.ThreadPoolExecutor() as pool:
        print(*pool.map(abs, [-1, -2]))
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        print(*pool.map(abs, [-3, -4]))
    import multiprocessing
    with multiprocessing.Manager() as manager:
        shared = manager.dict(a=1)
        print(shared["a"], multiprocessing.Value("i", 5).value, multiprocessing.Lock().acquire())
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(*pool.map(abs, [-5]))
    """
    assert says(anybody, source).split("\n") == [
        *("200", "hello", "hello", "hello", "sub", "student", "1 2", "3 4", "1 5 True", "5"),
    ]


# --- endings ----------------------------------------------------------------------------------


def marked(mark: str) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]


def wait_until_gone(mark: str) -> None:
    for _ in range(200):
        if not marked(mark):
            return
        time.sleep(0.05)
    raise AssertionError(f"{marked(mark)} are left")


STAYS = """
import os, subprocess, signal
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
for _ in range(2):
    subprocess.Popen(["sleep", "1000", {mark!r}], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 256)
        os.execvp("sleep", ["sleep", "1000", {mark!r}])
    os._exit(0)
"""


@pytest.mark.parametrize("last", ["1", "os._exit(1)", "1 / 0", "import time; time.sleep(100)"])
def test_no_process_outlives_its_run(boxed: Runner, last: str) -> None:
    mark = f"infinity-{os.getpid()}"
    source = STAYS.format(mark=mark).replace("1000", "1000s")
    from dataclasses import replace

    limits = replace(boxed._limits, seconds_per_cell=3)
    result = boxed.run(notebook("import os", source, last), limits=limits)
    assert result["c1"].status == "ok", result["c1"]
    assert marked(mark) == [], "at once"


PROGRAM = """
import sys, threading
from onsite.grading.runner import Runner
from onsite.grading.sandbox import find
from tests.grading.notebooks import notebook
with Runner(sandbox=find()) as one:
    one.run(notebook("1"))
    print(one._zygote._process.pid, flush=True)
    result = one.run(notebook({cell!r}))
    print(result.ending, [c.status for c in result.cells], flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["runner", "bubblewrap", "zygote", "init"])
def test_nothing_outlives_a_kill(victim: str, tmp_path: Path) -> None:
    """By SIGKILL from outside; and where the runner is left, it goes on."""
    mark = f"infinity-{victim}-{os.getpid()}"
    # sleep refuses the mark as a number, sh does not care for one
    cell = f"import subprocess\nsubprocess.run(['sh', '-c', 'sleep 10', {mark!r}])"
    environment = os.environ | {
        "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{ROOT}",
        "TMPDIR": str(tmp_path),
        "ONSITE_RUNTIME": str(folders.home()),
    }
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(cell=cell)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    try:
        bubblewrap = psutil.Process(int(program.stdout.readline()))
        while not (found := marked(mark)):
            time.sleep(0.1)
        _, init, zygote = found[0].parents()[:3]
        chosen = {"bubblewrap": bubblewrap, "zygote": zygote, "init": init}
        pid = program.pid if victim == "runner" else chosen[victim].pid
        os.kill(pid, signal.SIGKILL)
        if victim != "runner":
            assert program.stdout.readline() == "complete ['ok']\n"
        program.stdin.close()
        program.wait(30)
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
    wait_until_gone(mark)
    for process in (bubblewrap, zygote, init):
        for _ in range(200):
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                break
            time.sleep(0.05)
        else:
            raise AssertionError(f"{process} is left")
    assert list(tmp_path.iterdir()) == []


FLOOD = """
import os, socket
socket.setdefaulttimeout(1)
null, kept = os.open("/dev/null", os.O_RDONLY), []
try:
    while True:
        ends = socket.socketpair()
        kept.append(ends)
        for _ in range(10):
            socket.send_fds(ends[0], [b"x"], [null] * 200)
except OSError as error:
    print(error.errno, len(kept))
"""

TOGETHER = """
import resource, sys, threading
from onsite.grading.runner import Runner
from onsite.grading.sandbox import find
from tests.grading.notebooks import notebook
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, most))  # as most systems have it
flooded = threading.Event()
def stop(cell):
    print(cell.status, cell.outputs[0]["text"], flush=True)
    flooded.set()
    return False
with Runner(sandbox=find()) as one:
    other = notebook(sys.argv[1], "import time; time.sleep(5)")
    thread = threading.Thread(target=one.run, args=(other,), kwargs={"stop": stop})
    thread.start()
    assert flooded.wait(60)
    before = one._zygote._process.pid
    print(one.run(notebook("1"))["c0"].status, one._zygote._process.pid == before, flush=True)
    thread.join()
"""


@pytest.mark.slow
def test_descriptors_under_way_in_one_run_stop_no_other(box: Sandbox) -> None:
    """The system counts them by user, and an ordinary user's grader is the same one outside."""
    with tempfile.TemporaryDirectory() as home:
        program = start(["-c", TOGETHER, FLOOD], Path(home), box, stdout=subprocess.PIPE)
        said, _ = program.communicate(timeout=120)
    lines = said.decode().split("\n")
    assert lines[0].startswith(f"ok {errno.ETOOMANYREFS} "), "the flood reached its own limit"
    assert "ok True" in lines
