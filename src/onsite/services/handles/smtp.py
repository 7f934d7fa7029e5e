"""Mail: `post = smtp()` gives a server that catches mails and shows them as objects."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from smtplib import SMTP, SMTPException
from urllib.parse import unquote, urlsplit

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.packages import package_of
from onsite.services.python_program import installed_version, python_recipe
from onsite.services.server_handle import ServerHandle

PACKAGE = package_of("smtp")
MAILS = 1000
"""How many mails are kept; older ones are dropped."""
MEGABYTES = 10
"""How large one may be; larger ones are refused, with 552."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was caught."""

    number: int
    """Counted from 1 in the order of arrival."""
    sender: str
    """Who the envelope says it is from (MAIL FROM), which its From line need not agree with."""
    recipients: tuple[str, ...]
    """Who the envelope says it is for (RCPT TO), those of Bcc included."""
    received: datetime
    content: bytes
    """What was sent, byte by byte."""

    @property
    def message(self) -> EmailMessage:
        """The parsed mail: `["Subject"]`, `get_body()`, `iter_attachments()`..."""
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def subject(self) -> str:
        """Its subject, decoded."""
        return str(self.message["Subject"] or "")

    @property
    def text(self) -> str:
        """Its plain text, or else its HTML; lines end as they do in Python."""
        body = self.message.get_body(("plain", "html"))
        return "" if body is None else str(body.get_content()).replace("\r\n", "\n")

    def __repr__(self) -> str:
        """One line: who, for whom, about what."""
        people = f"from {self.sender} to {', '.join(self.recipients)}"
        return f"<mail {self.number} {people}: {self.subject!r}>"


class MailCatcher(ServerHandle):
    """An SMTP server that delivers nothing."""

    service = "aiosmtpd, catching mail"
    call = "smtp"
    variable = PACKAGE.variable

    def __init__(self, url: str, version: str, server: process.Server | None = None) -> None:
        """Stand for the server at `url`."""
        self._url = url
        self.version = version
        if server is None:
            self.service = "SMTP server"
        super().__init__(urlsplit(url).netloc.rpartition("@")[2], server)

    @property
    def url(self) -> str:
        """The address: smtp://host:port."""
        self._require_open()
        return self._url

    @property
    def host(self) -> str:
        """For clients that take host and port."""
        self._require_open()
        return urlsplit(self._url).hostname or ""

    @property
    def port(self) -> int:
        """For clients that take host and port."""
        self._require_open()
        return urlsplit(self._url).port or 25

    def connect(self, timeout: float = 10.0) -> SMTP:
        """Open a connection: `with post.connect() as client: client.send_message(mail)`."""
        return _connect(self._require_url(), timeout)

    @property
    def mails(self) -> tuple[Mail, ...]:
        """What was caught, the oldest first; what a client was told is kept is in it.

        Raises:
            OnsiteError: it is a server of the user's own.
        """
        return tuple(map(_read, sorted(self._folder().glob("*.json"))))

    def wait(self, count: int = 1, seconds: float = 10.0) -> tuple[Mail, ...]:
        """Wait until there are `count` mails; returns all there are.

        Raises:
            OnsiteError: they do not come within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while len(mails := self.mails) < count:
            if time.monotonic() > deadline:
                raise OnsiteError(f"{len(mails)} of {count} mails came within {seconds:g} s.")
            time.sleep(0.02)
        return mails

    def clear(self) -> None:
        """Forget the mails."""
        for note in self._folder().glob("*.json"):
            note.unlink(missing_ok=True)
            note.with_suffix(".eml").unlink(missing_ok=True)

    def answer(self, rules: Mapping[str, str]) -> None:
        """Say what recipients are answered from now on, in place of being taken.

        Args:
            rules: SMTP answers by address, with "*" for all others: {"full@example.org":
                "452 mailbox full, try later", "gone@example.org": "550 no such user"}. Empty: all
                are taken.

        Raises:
            OnsiteError: an answer is not one of refusal, or it is a server of the user's own.
        """
        for answer in rules.values():
            if not (answer[:3].isdigit() and answer[0] in "45" and answer[3:4] == " "):
                raise OnsiteError(f"an answer looks like '452 try later', not like {answer!r}.")
        place = self._private().folder / "data"
        new = place / "rules.new"
        new.write_text(json.dumps({a.lower(): say for a, say in rules.items()}), encoding="utf-8")
        new.chmod(0o644)  # in a folder that only the server can enter; root's file is for nobody
        new.replace(place / "rules.json")

    def _require_url(self) -> str:
        self._require_open()
        return self._url

    def _folder(self) -> Path:
        return self._private().folder / "data" / "mails"


def smtp() -> MailCatcher:
    """Give a private SMTP server that catches all mail; each call starts another.

    It keeps the last thousand mails, each up to 10 MB, through a stop and a kill. It has no TLS and
    asks for no password. With `ONSITE_SMTP_URL` set it is the user's own server, whose mails cannot
    be read.

    Raises:
        OnsiteError: the library is missing, it does not start, or the user's own does not answer.
    """
    own = PACKAGE.own_address()
    if own:
        return _on_own_server(own)
    version = installed_version("smtp", "aiosmtpd")
    server = process.launch(
        python_recipe(
            "mail_catcher",
            {"mails": MAILS, "megabytes": MEGABYTES},
            files={"rules.json": "{}"},
            service=MailCatcher.service,
            version=version,
            origin=f"wheel aiosmtpd {version}",
        )
    )
    return MailCatcher(f"smtp://127.0.0.1:{server.port}", version, server)


def _on_own_server(url: str) -> MailCatcher:
    if urlsplit(url).scheme != "smtp" or not urlsplit(url).hostname:
        raise OnsiteError(f"{PACKAGE.variable} must look like smtp://user:password@host:25.")
    try:
        with _connect(url, 10):
            pass
    except (OSError, SMTPException) as error:
        raise OnsiteError(
            f"the server at {PACKAGE.variable} cannot be used ({error}); start it, or unset "
            f"{PACKAGE.variable} for a private one."
        ) from error
    return MailCatcher(url, "(version unknown)")


def _connect(url: str, timeout: float) -> SMTP:
    parts = urlsplit(url)
    client = SMTP(parts.hostname or "", parts.port or 25, timeout=timeout)
    if parts.username:
        if client.has_extn("starttls"):
            client.starttls()
        client.login(unquote(parts.username), unquote(parts.password or ""))
    return client


def _read(note: Path) -> Mail:
    said = json.loads(note.read_text(encoding="utf-8"))
    return Mail(
        number=int(note.stem),
        sender=said["sender"],
        recipients=tuple(said["recipients"]),
        received=datetime.fromtimestamp(said["received"]).astimezone(),
        content=note.with_suffix(".eml").read_bytes(),
    )
