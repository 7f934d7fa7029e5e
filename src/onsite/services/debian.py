"""Programs out of Debian packages, unpacked without root into the course's own cache.

apt is told to keep its state in a folder of ours, so it needs no root and changes nothing of the
machine's. It reads the machine's list of installed packages, and thereby downloads only what is
missing here: the package, and the libraries and packages that it depends on. They are unpacked
into one tree below `packages/`, never installed; programs run in place with LD_LIBRARY_PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from onsite.errors import OnsiteError
from onsite.services import folders

SECONDS = 300
"""How long one call of apt may take."""
# Hooks of the machine's own configuration are meant for its own state, and some need root.
# Servers need neither translations, catalogues nor documentation.
_CONFIGURATION = """\
Dir::State "{place}/state";
Dir::State::status "{status}";
Dir::Cache "{place}/cache";
Debug::NoLocking "true";
APT::Sandbox::User "";
APT::Architecture "{architecture}";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::Retries "1";
Acquire::http::Timeout "15";
Acquire::https::Timeout "15";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Keep-Downloaded-Packages;
#clear DPkg::Post-Invoke;
#clear Acquire::IndexTargets::deb::DEP-11;
"""
_UNUSED = ("doc", "man", "lintian", "bug", "locale")


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of an unpacked package and of what it needs."""

    root: Path
    package: str
    version: str

    @property
    def origin(self) -> str:
        """Where its programs came from, for people."""
        return f"Debian package {self.package} {self.version} in the course's cache"

    @property
    def environment(self) -> dict[str, str]:
        """What its programs have to be told: where their libraries are."""
        found = [*self.root.glob("usr/lib/*-linux-*"), *self.root.glob("lib/*-linux-*")]
        inherited = os.environ.get("LD_LIBRARY_PATH")
        words = [*map(str, found), *([inherited] if inherited else [])]
        return {"LD_LIBRARY_PATH": ":".join(words)} if found else {}


def is_possible() -> bool:
    """Whether this machine has what it takes to fetch Debian packages."""
    return all(map(shutil.which, ("apt-get", "dpkg", "dpkg-deb")))


def unpacked(names: tuple[str, ...]) -> Tree | None:
    """Find one of the packages `names` in the cache."""
    for name in names:
        place = folders.home() / "packages" / name
        try:
            note = json.loads((place / "package.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        return Tree(place / "root", name, note["version"])
    return None


def fetch(names: tuple[str, ...]) -> Tree:
    """Find one of the packages `names` in the cache, or download and unpack it there.

    Two processes may do so at once: one waits for the other. One that is interrupted leaves a
    folder that is not used and that the next one deletes.

    Raises:
        OnsiteError: the machine has no apt, or apt cannot bring the package.
    """
    if tree := unpacked(names):
        return tree
    if not is_possible():
        raise OnsiteError(
            f"the package {names[0]} can be fetched only on Debian or Ubuntu: no apt-get here."
        )
    packages = folders.home() / "packages"
    with folders.locked(packages / ".lock"):
        if tree := unpacked(names):  # somebody else has fetched it meanwhile
            return tree
        return _fetch(names, packages)


def _fetch(names: tuple[str, ...], packages: Path) -> Tree:
    new = packages / ".new"
    folders.free_tree(new)  # of somebody who was interrupted
    try:
        apt = _Apt(packages / ".apt")
        name = apt.download(names)
        archives = sorted((apt.cache / "archives").glob("*.deb"))
        (new / "root").mkdir(parents=True)
        for archive in archives:
            _run(["dpkg", "-x", str(archive), str(new / "root")])
        for unused in _UNUSED:
            shutil.rmtree(new / "root/usr/share" / unused, ignore_errors=True)
        version = next(
            (_field(a, "Version") for a in archives if a.name.startswith(f"{name}_")), None
        )
        if version is None:  # installed here, and its version is no longer to be had
            raise OnsiteError(f"apt downloaded no package {name}: this machine may have it.")
        (new / "package.json").write_text(json.dumps({"version": version}), encoding="utf-8")
        folders.open_to_all(new)
        folders.free_tree(packages / name)
        new.rename(packages / name)
    except OSError as error:
        raise OnsiteError(
            f"the package {names[0]} cannot be unpacked into {packages}: "
            f"{error.strerror or error}; free room there, or set ONSITE_RUNTIME to another folder."
        ) from error
    finally:
        folders.free_tree(new)
        folders.free_tree(packages / ".apt" / "cache")
    return Tree(packages / name / "root", name, version)


class _Apt:
    """apt with a state of its own at `place`."""

    def __init__(self, place: Path) -> None:
        self.cache = place / "cache"
        shutil.rmtree(self.cache, ignore_errors=True)
        for folder in (place / "state/lists/partial", self.cache / "archives/partial"):
            folder.mkdir(parents=True, exist_ok=True)
        self._lists = place / "state/lists"
        self._configuration = place / "apt.conf"
        self._configuration.write_text(
            _CONFIGURATION.format(
                place=place,
                status="/var/lib/dpkg/status",
                architecture=_run(["dpkg", "--print-architecture"]).stdout.strip(),
            ),
            encoding="utf-8",
        )

    def download(self, names: tuple[str, ...]) -> str:
        """Download the first of `names` that there is; returns which.

        The lists of an earlier download are tried first; they may be too old or not there.
        """
        if any(self._lists.glob("*_Packages*")):
            for name in names:
                if not self._install(name).returncode:
                    return name
        updated = self._call("update")
        # a source that fails is no reason to give up: others may have the package
        reasons = [_complaint(updated)]
        for name in names:
            tried = self._install(name)
            if not tried.returncode:
                return name
            reasons.append(_complaint(tried))
        why = "; ".join(dict.fromkeys(filter(None, reasons)))
        raise OnsiteError(
            f"apt cannot bring the package {names[0]} ({why}); connect to the network and try "
            "again, or install it by other means."
        )

    def _install(self, name: str) -> subprocess.CompletedProcess[str]:
        options = ("--download-only", "--no-install-recommends", "--reinstall", "--yes", "-qq")
        return self._call("install", *options, name)

    def _call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return _run(["apt-get", "-c", str(self._configuration), *words], check=False)


def _run(command: list[str], check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise OnsiteError(
            f"`{command[0]}` took more than {SECONDS} s; check the network and try again."
        ) from None
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise OnsiteError(f"`{command[0]}` failed: {' '.join(said)}")
    return done


def _complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The first error, or else warning, that apt wrote."""
    lines = [line.strip() for line in done.stderr.splitlines()]
    for mark in ("E: ", "W: "):
        for line in lines:
            if line.startswith(mark):
                return " ".join(line.removeprefix(mark).split())
    return ""


def _field(archive: Path, name: str) -> str:
    return _run(["dpkg-deb", "--field", str(archive), name]).stdout.strip()
