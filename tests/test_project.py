"""The repository as a whole: locks, environments, layers, style, and what must never be in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import rattler
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = ["requirements.lock", "requirements-test.lock"]
# Conda's names for what is called otherwise on pip's side.
CONDA_NAMES = {"redis": "redis-py"}
# Each layer may import the ones to its right and itself.
LAYERS = {
    "course": {"course"},
    "services": {"services", "servers"},
    "servers": {"servers"},
    "grading": {"grading", "course", "services", "stage"},
    "study": {"study", "grading", "course", "services"},
    "teaching": {"teaching", "grading", "course", "services"},
}
SHARED = {"errors", "files"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def committed_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def pinned(lock: str) -> dict[str, set[str]]:
    """Each package of a lock file with its pinned versions (one for each Python it differs on)."""
    pins: dict[str, set[str]] = {}
    for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "# ":
            requirement = Requirement(line.rstrip("\\ "))
            pins.setdefault(normal(requirement.name), set()).add(str(requirement.specifier))
    return pins


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_is_pinned_and_hashed_and_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert all(spec.startswith("==") for specs in pinned(lock).values() for spec in specs)
    blocks = re.split(r"\n(?=\S)", text)
    unhashed = [b.splitlines()[0] for b in blocks if "==" in b and "--hash=sha256:" not in b]
    assert unhashed == []
    assert "://" not in text


def test_locks_hold_every_dependency_and_agree() -> None:
    base, test = pinned(LOCKS[0]), pinned(LOCKS[1])
    wanted = {normal(Requirement(r).name) for r in PROJECT["dependencies"]}
    assert wanted <= base.keys()
    extras = PROJECT["optional-dependencies"].values()
    assert {normal(Requirement(r).name) for extra in extras for r in extra} <= test.keys()
    assert {name: test.get(name) for name in base} == base, "the test lock must contain the base"


def test_environment_yml_is_in_step_with_pyproject() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert set(environment) == {"name", "channels", "dependencies"}
    by_pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    # rattler is the conda project's own parser: it refuses what conda would refuse.
    specs = [rattler.MatchSpec(d) for d in environment["dependencies"] if isinstance(d, str)]
    found = {
        spec.name.normalized: str(spec.version or "").replace(" ", "")
        for spec in specs
        if spec.name
    }
    assert found.pop("python") == PROJECT["requires-python"]
    found.pop("pip")
    assert by_pip.pop() == "-e ."
    for requirement in map(Requirement, by_pip):
        found[normal(requirement.name)] = str(requirement.specifier)
    wanted = {
        CONDA_NAMES.get(normal(r.name), normal(r.name)): r.specifier
        for r in map(Requirement, PROJECT["dependencies"])
    }
    assert set(found) == set(wanted)
    for name, specifier in wanted.items():
        assert set(found[name].split(",")) == set(str(specifier).split(",")), name


def test_imports_point_down_only() -> None:
    package = ROOT / "src" / "onsite"
    wrong = []
    for path in sorted(package.rglob("*.py")):
        layer = path.relative_to(package).parts[0]
        if layer not in LAYERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]
                if node.module == "onsite":
                    modules = [f"onsite.{alias.name}" for alias in node.names]
            for module in modules:
                parts = module.split(".")
                if (
                    parts[0] == "onsite"
                    and len(parts) > 1
                    and parts[1] not in LAYERS[layer] | SHARED
                ):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} imports {module}")
    assert wrong == []


def test_no_committed_file_names_a_package_registry_or_this_machine() -> None:
    # Written in pieces, so that this file does not name them either.
    hosts = ["pypi." + "org", "python" + "hosted", "registry.npm" + "js", "deb.deb" + "ian"]
    folders = ["/work/" + "main", "/work/" + "wt-", "/root" + "/", str(Path.home()) + "/."]
    found = []
    for path in committed_files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [f"{path.relative_to(ROOT)}: {word}" for word in hosts + folders if word in text]
    assert found == []


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        targets = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
        broken += [
            f"{path.relative_to(ROOT)}: {target}"
            for target in targets
            if "://" not in target and not (path.parent / target).exists()
        ]
    assert broken == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        pytest.param(["mypy"], marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_code_style(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
