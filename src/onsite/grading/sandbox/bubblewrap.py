"""The sandbox around a warm process, made by bubblewrap.

Inside there are the system's programs and libraries, Python, its packages, this package, what
servers are made of, and a handful of files below /etc, all read-only; a /proc and a /dev of its
own; and nothing else of this machine: no home, no course, no network. Runs get more of their own
(init.py). bubblewrap needs no rights when the kernel lets an ordinary user make a user namespace.

A warm process of root is root in there too, since bubblewrap could not show it the interpreter
below /root otherwise; its runs are the account `nobody`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import onsite
from onsite.errors import OnsiteError
from onsite.grading.launch import Launch, run_environment
from onsite.grading.sandbox import refusal
from onsite.grading.sandbox.init import FOLDER, OWN, SERVICES, SHARED, STUDENT
from onsite.grading.sandbox.python import package_folders, python_folders, python_links
from onsite.services import debian, folders
from onsite.services.account import server_account

PACKAGES = ("bubblewrap",)
PROBE_SECONDS = 60.0
"""How long the first sandbox may take, on a machine that is very busy."""

#: What making a run's own system takes; SETFCAP for a user namespace made by a root.
_CAPABILITIES = ("SYS_ADMIN", "NET_ADMIN", "SETUID", "SETGID", "SETFCAP", "KILL")
#: What programs look up, and that tells nothing of this machine's people.
_ETC = (
    *("alternatives", "fonts", "java", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime"),
    *("mime.types", "protocols", "services", "ssl/certs", "ssl/openssl.cnf", "pki/tls"),
    *("ca-certificates", "crypto-policies"),
)
_FILES = {
    "/etc/passwd": f"""\
root:x:0:0:root:/:/usr/sbin/nologin
student:x:{STUDENT}:{STUDENT}:student:{FOLDER}/home:/bin/sh
nobody:x:65534:65534:nobody:/:/usr/sbin/nologin
""",
    "/etc/group": f"root:x:0:\nstudent:x:{STUDENT}:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    # nobody listens there, so a name that does not exist is known at once
    "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
}


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How sandboxes are made on this machine; as plain data, for worker processes too."""

    program: Path
    """bubblewrap."""
    account: tuple[int, int] | None = None
    """The user and the group that runs are outside; None: the current user."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """What bubblewrap has to be told to find its libraries."""

    @contextlib.contextmanager
    def zygote(
        self, control: int, optional: Iterable[str], environment: Mapping[str, str], hash_seed: int
    ) -> Iterator[Launch]:
        """How to start a warm process whose socket is the descriptor `control`.

        Args:
            control: that descriptor.
            optional: what it imports beside what all do.
            environment: variables that runs see.
            hash_seed: their PYTHONHASHSEED.
        """
        words = [str(control), " ".join(optional), *self.words]
        variables = run_environment(hash_seed) | dict(environment)
        with self.launch("onsite.grading.sandbox.zygote", words, variables) as launch:
            yield launch

    @property
    def words(self) -> list[str]:
        """What the modules that run in a sandbox are told of the account."""
        return [str(number) for number in self.account or ()]

    @contextlib.contextmanager
    def launch(
        self, module: str, words: list[str], variables: Mapping[str, str], *more: str
    ) -> Iterator[Launch]:
        """How to run a module in a sandbox; the descriptors are closed at the end.

        Args:
            module: its name.
            words: its arguments.
            variables: its environment, besides what every sandbox has.
            more: options of bubblewrap.
        """
        with contextlib.ExitStack() as stack:
            descriptors = {path: stack.enter_context(_text(text)) for path, text in _FILES.items()}
            command = (
                str(self.program),
                *self._namespaces(),
                *_system(),
                *_etc(descriptors),
                *_folders(),
                *more,
                *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", FOLDER),
                *(word for name in self.libraries for word in ("--unsetenv", name)),
                *("--", sys.executable, "-P", "-m", module, *words),
            )
            environment = _environment() | dict(variables) | dict(self.libraries)
            yield Launch(command, environment, tuple(descriptors.values()))

    def _namespaces(self) -> Iterator[str]:
        yield from ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts")
        yield from ("--unshare-cgroup-try", "--hostname", "onsite", "--new-session", "--as-pid-1")
        if self.account is None:
            # As root of a user namespace, since only root may make terminals for a run.
            yield from ("--unshare-user", "--uid", "0", "--gid", "0")
        yield from ("--cap-drop", "ALL")
        for name in _CAPABILITIES:
            yield from ("--cap-add", f"CAP_{name}")


def find() -> Sandbox:
    """Find or fetch bubblewrap, and make sure that a sandbox can be had here by making one.

    Raises:
        OnsiteError: none can be had: why, and what helps.
    """
    sandbox = _find()
    with sandbox.launch("onsite.grading.sandbox.probe", sandbox.words, {}) as launch:
        said = _attempt(launch)
    if said:
        raise OnsiteError(refusal.explain(said))
    _prepare(sandbox)
    return sandbox


def _prepare(sandbox: Sandbox) -> None:
    """Make what servers begin with, once for all runs; without it they make it themselves."""
    place = templates()
    writable = ("--bind", str(place), f"{SHARED}/templates")
    with (
        folders.locked(folders.home() / ".sandboxed.lock"),
        sandbox.launch("onsite.grading.sandbox.prepare", sandbox.words, {}, *writable) as launch,
    ):
        folders.forget_unused(folders.home() / "sandboxed")
        _attempt(launch)


def _attempt(launch: Launch) -> str:
    """What went wrong when that was run; nothing when all went well."""
    try:
        tried = subprocess.run(
            launch.command,
            env=launch.environment,
            pass_fds=launch.descriptors,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = tried.stderr.strip().splitlines() or [f"it ended with code {tried.returncode}"]
    return lines[-1] if tried.returncode else ""


def _find() -> Sandbox:
    if sys.platform != "linux":
        raise OnsiteError(refusal.sentence("only Linux has what it is made of", "grade on Linux"))
    for folder in python_folders():
        if folder.is_relative_to(FOLDER) and folder.relative_to(FOLDER).parts[0] in OWN:
            why = f"{folder} lies where every run has a folder of its own"
            raise OnsiteError(refusal.sentence(why, "install Python and the course elsewhere"))
        if Path.home().is_relative_to(folder):
            why = f"Python lies in {folder}, together with your own files"
            raise OnsiteError(refusal.sentence(why, "install the course with another Python"))
    account = server_account()
    ids = (account.uid, account.gid) if account else None
    if found := shutil.which("bwrap"):
        return Sandbox(Path(found), ids)
    try:
        tree = debian.fetch(PACKAGES)
    except OnsiteError as error:
        why = f"there is no bwrap on PATH, and {str(error).rstrip('.')}"
        raise OnsiteError(refusal.sentence(why, "install the package bubblewrap")) from None
    return Sandbox(tree.root / "usr/bin/bwrap", ids, tree.environment)


def _system() -> Iterator[str]:
    """The distribution's programs and libraries, and what the kernel offers."""
    yield from ("--ro-bind", "/usr", "/usr")
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix", "gnu"):
        path = Path("/", name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.exists():
            yield from ("--ro-bind", str(path), str(path))
    yield from ("--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", FOLDER)


def _etc(texts: Mapping[str, int]) -> Iterator[str]:
    made: set[Path] = set()
    for name in _ETC:
        yield from _parents(Path("/etc", name), made)
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    for path, descriptor in texts.items():
        yield from ("--perms", "0644", "--ro-bind-data", str(descriptor), path)


def _folders() -> Iterator[str]:
    """Python, its packages, this package, and what servers begin with."""
    made: set[Path] = set()
    for folder in python_folders():
        yield from _parents(folder, made)
        yield from ("--ro-bind", str(folder), str(folder))
    for link, target in python_links().items():
        yield from _parents(link, made)
        yield from ("--symlink", target, str(link))
    for name, place in (("templates", templates()), ("packages", folders.home() / "packages")):
        yield from _parents(Path(SHARED, name), made)
        yield from ("--ro-bind", str(place), f"{SHARED}/{name}")


def templates() -> Path:
    """Where this user keeps what servers in sandboxes of this Python begin with; made if missing.

    By Python, since a template belongs to the program that made it.
    """
    key = hashlib.sha256(sys.prefix.encode()).hexdigest()[:12]
    place = folders.home() / "sandboxed" / key / "templates"
    for folder in (place.parents[1], place.parent, place):
        folder.mkdir(mode=0o755, exist_ok=True)
        folder.chmod(0o755)
    (place.parent / "source").write_text(sys.prefix, encoding="utf-8")
    if (account := server_account()) is not None:
        os.chown(place, account.uid, account.gid)
    return place


def _parents(folder: Path, made: set[Path]) -> Iterator[str]:
    """Make the folders above, which bubblewrap would make for root alone."""
    for parent in reversed(folder.parents[:-1]):
        if parent not in made:
            made.add(parent)
            yield from ("--perms", "0755", "--dir", str(parent))


def _environment() -> dict[str, str]:
    """Every variable of a sandbox but those that the caller names."""
    kept = {name: os.environ[name] for name in ("TZ",) if name in os.environ}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "PYTHONPATH": ":".join(map(str, [Path(onsite.__file__).parents[1], *package_folders()])),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "HOME": f"{FOLDER}/home",
        "TMPDIR": FOLDER,
        "USER": "student",
        "LOGNAME": "student",
        "ONSITE_RUNTIME": SERVICES,
        "VIRTUAL_ENV": sys.prefix,
    }


@contextlib.contextmanager
def _text(text: str) -> Iterator[int]:
    """A descriptor that has `text` to be read."""
    read, write = os.pipe()
    try:
        os.write(write, text.encode())
    finally:
        os.close(write)
    try:
        yield read
    finally:
        os.close(read)
