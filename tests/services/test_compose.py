"""docs/compose.yml: of the right form, and in step with the handles. No container runs here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from onsite import services
from onsite.services.address import DEFAULT_PORTS
from onsite.services.handles.oidc import USERS
from onsite.services.packages import PACKAGES

DOCS = Path(__file__).resolve().parents[2] / "docs"
FILE = DOCS / "compose.yml"
WHOLE: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = WHOLE["services"]


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
    first, *more = service["ports"]
    assert first == f"127.0.0.1:{url.port}:{inside}"
    assert all(port.startswith("127.0.0.1:") for port in more)
    assert url.hostname == "127.0.0.1"
    secrets = {*service.get("environment", {}).values(), *service.get("command", ())}
    for config in service.get("configs", ()):
        content = WHOLE["configs"][config["source"]]["content"]
        secrets |= set(re.findall(r"[^\s:\"]+", content))
    assert url.password is None or url.password in secrets


def test_no_two_share_a_port() -> None:
    taken = [port.rpartition(":")[0] for one in SERVICES.values() for port in one["ports"]]
    assert len(taken) == len(set(taken))


def test_every_handle_has_a_container_or_a_reason_why_not() -> None:
    """A server that can be the user's own is here; of all other handles the docs say why not."""
    assert set(SERVICES) == {name for name, one in PACKAGES.items() if one.variable}
    section = (DOCS / "services.md").read_text(encoding="utf-8")
    reasons = section.partition("These handles have no container:")[2].partition("\n## ")[0]
    without = set(re.findall(r"`(\w+)`", reasons))
    handles = {name for name in services.__all__ if name.islower()} - {"redis"}
    assert without >= handles - set(SERVICES)
    assert not without & set(SERVICES)


def test_the_realm_is_what_the_handle_asks_for() -> None:
    realm = json.loads(WHOLE["configs"]["keycloak"]["content"])
    url = urlsplit(SERVICES["oidc"]["labels"]["onsite.url"])
    (client,) = realm["clients"]
    assert url.path == f"/realms/{realm['realm']}"
    assert (url.username, url.password) == (client["clientId"], client["secret"])
    assert client["attributes"] == {"pkce.code.challenge.method": "S256"}
    assert {one["username"] for one in realm["users"]} == set(USERS)


def test_the_docs_say_how_to_use_each() -> None:
    text = (DOCS / "services.md").read_text(encoding="utf-8")
    assert "docker compose -f docs/compose.yml up" in text
    for service in SERVICES.values():
        labels = service["labels"]
        assert f"export {labels['onsite.variable']}={labels['onsite.url']}" in text
