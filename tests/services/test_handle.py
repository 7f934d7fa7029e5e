"""The card that a handle shows in a notebook."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from onsite.services import Valkey, postgres, valkey


class Text(HTMLParser):
    """Collects the text, and that of <code> apart; fails on tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.code = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open[-1:] == ["code"]:
            self.code += data


def read(card: str) -> Text:
    text = Text()
    text.feed(card)
    assert text.open == []
    return text


def test_the_card_says_what_it_is_and_how_to_reach_it() -> None:
    with postgres() as pg, valkey() as kv:
        for handle, product in ((pg, "PostgreSQL"), (kv, "Valkey")):
            card = read(handle._repr_html_())
            assert card.code == handle.url
            for word in (f"{product} {handle.version}", "running", "127.0.0.1:", handle.name):
                assert word in card.text
        kv.stop()
        assert "stopped" in read(kv._repr_html_()).text
    assert read(pg._repr_html_()).code == read(kv._repr_html_()).code == "closed"


def test_passwords_of_the_users_own_servers_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with postgres() as pg, valkey() as kv:
        monkeypatch.setenv("ONSITE_POSTGRES_URL", pg.url)
        monkeypatch.setenv("ONSITE_REDIS_URL", kv.url)
        with postgres() as own_pg, valkey() as own_kv:
            for own in (own_pg, own_kv):
                password = urlsplit(own.url).password
                card = own._repr_html_()
                assert password and password not in card
                assert own.url.replace(password, "***") == read(card).code


def test_every_colour_follows_the_theme() -> None:
    with valkey() as kv:
        style = kv._repr_html_()
    for declaration in style.replace('"', ";").split(";"):
        name, _, value = declaration.partition(":")
        if name.strip() in ("color", "background"):
            assert value.startswith("var(--jp-"), declaration


def test_text_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    with valkey() as kv:
        monkeypatch.setattr(Valkey, "_facts", lambda self: ("<script>alert(1)</script>",))
        assert "<script>" not in kv._repr_html_()


def test_repr_keeps_the_password_to_itself() -> None:
    with valkey() as kv:
        password = kv.url.partition(":")[2].partition("@")[0].lstrip("/:")
        assert password and password not in repr(kv)
