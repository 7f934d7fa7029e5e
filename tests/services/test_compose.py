"""docs/compose.yml: of the right form, and in step with the handles. No container runs here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from onsite.services.address import DEFAULT_PORTS
from onsite.services.packages import PACKAGES

DOCS = Path(__file__).resolve().parents[2] / "docs"
FILE = DOCS / "compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]


def check(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            str(file),
        ],
        capture_output=True,
        text=True,
    )


def test_it_has_the_form_of_the_compose_specification(tmp_path: Path) -> None:
    checked = check(FILE)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    broken = tmp_path / "compose.yml"
    broken.write_text(FILE.read_text(encoding="utf-8").replace("image:", "imagine:", 1))
    assert check(broken).returncode != 0, "the check can fail"


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_one_of_ours_at_its_usual_port(name: str) -> None:
    service = SERVICES[name]
    labels = service["labels"]
    assert labels["onsite.variable"] == PACKAGES[name].variable
    said = labels["onsite.url"]
    url = urlsplit(said if "://" in said else f"{name}://{said}")  # Kafka's have no scheme
    inside = labels.get("onsite.port") or DEFAULT_PORTS[url.scheme]
    assert service["ports"] == [f"127.0.0.1:{url.port}:{inside}"]
    assert url.hostname == "127.0.0.1"
    secrets = {*service.get("environment", {}).values(), *service.get("command", ())}
    assert url.password is None or url.password in secrets


def test_the_docs_say_how_to_use_each() -> None:
    text = (DOCS / "services.md").read_text(encoding="utf-8")
    assert "docker compose -f docs/compose.yml up" in text
    for service in SERVICES.values():
        labels = service["labels"]
        assert f"export {labels['onsite.variable']}={labels['onsite.url']}" in text
