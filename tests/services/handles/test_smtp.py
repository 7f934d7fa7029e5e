"""Mail: caught as objects, refused by rules, kept through a kill."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from onsite.errors import OnsiteError
from onsite.services import MailCatcher, smtp
from onsite.services.handles import smtp as module


@pytest.fixture
def post() -> Iterator[MailCatcher]:
    with smtp() as handle:
        yield handle


def letter(subject: str = "Grüße", text: str = "Hello.\n") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ada@example.org", "bob@example.org", subject
    mail.set_content(text)
    return mail


def send(post: MailCatcher, *mails: EmailMessage, to: str | None = None) -> None:
    with post.connect() as client:
        for mail in mails:
            client.send_message(mail, to_addrs=to)


def test_mails_are_objects(post: MailCatcher) -> None:
    mail = letter()
    mail["Bcc"] = "eve@example.org"
    mail.add_attachment(b"\x00\x01", maintype="application", subtype="zip", filename="a.zip")
    send(post, mail)
    (caught,) = post.mails
    assert caught.sender == "ada@example.org"
    assert caught.recipients == ("bob@example.org", "eve@example.org")
    assert caught.subject == "Grüße"
    assert caught.text == "Hello.\n"
    assert caught.message["Bcc"] is None
    (attachment,) = caught.message.iter_attachments()
    assert (attachment.get_filename(), attachment.get_content()) == ("a.zip", b"\x00\x01")
    assert "ada@example.org to bob@example.org" in repr(caught)


def test_mails_come_in_order_and_can_be_forgotten(post: MailCatcher) -> None:
    send(post, *(letter(str(n)) for n in range(12)))
    assert [mail.subject for mail in post.wait(12)] == [str(n) for n in range(12)]
    post.clear()
    assert post.mails == ()
    send(post, letter("last"))
    assert [mail.number for mail in post.mails] == [13]
    with pytest.raises(OnsiteError, match=r"1 of 2 mails came within 0.1 s"):
        post.wait(2, seconds=0.1)


def test_recipients_are_refused_by_rule(post: MailCatcher) -> None:
    post.answer({"Full@example.org": "452 mailbox full"})
    with post.connect() as client:
        refused = client.send_message(letter(), to_addrs=["full@example.org", "bob@example.org"])
    assert refused == {"full@example.org": (452, b"mailbox full")}
    assert [mail.recipients for mail in post.mails] == [("bob@example.org",)]
    post.answer({"*": "451 try later"})
    with pytest.raises(smtplib.SMTPRecipientsRefused), post.connect() as client:
        client.send_message(letter())
    post.answer({})
    send(post, letter())
    assert len(post.mails) == 2
    with pytest.raises(OnsiteError, match="looks like '452 try later'"):
        post.answer({"*": "250 OK"})


def test_mails_outlive_a_kill(post: MailCatcher) -> None:
    send(post, letter("before"))
    post.kill()
    with pytest.raises(ConnectionRefusedError):
        post.connect()
    post.start()
    send(post, letter("after"))
    assert [(mail.number, mail.subject) for mail in post.mails] == [(1, "before"), (2, "after")]
    assert post.version in repr(post)
    assert "catching mail" in repr(post)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAILS", 3)
    monkeypatch.setattr(module, "MEGABYTES", 1)
    with smtp() as post:
        send(post, *(letter(str(n)) for n in range(5)))
        assert [mail.subject for mail in post.mails] == ["2", "3", "4"]
        with pytest.raises(smtplib.SMTPException, match="552"), post.connect() as client:
            client.send_message(_large())
        assert len(post.mails) == 3


def _large() -> EmailMessage:
    return letter(text=("x" * 70 + "\n") * 20_000)


def test_your_own_server(post: MailCatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSITE_SMTP_URL", post.url)
    with smtp() as own:
        send(own, letter())
        assert own.service == "SMTP server"
        assert (own.host, own.port) == (post.host, post.port)
        for use in (lambda: own.mails, own.clear, own.stop, lambda: own.answer({})):
            with pytest.raises(OnsiteError, match="is your own; manage it yourself"):
                use()
    assert len(post.mails) == 1


@pytest.mark.parametrize(
    ("address", "message"),
    [("localhost:25", "must look like smtp://"), ("smtp://127.0.0.1:1", "cannot be used")],
)
def test_your_own_server_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, address: str, message: str
) -> None:
    monkeypatch.setenv("ONSITE_SMTP_URL", address)
    with pytest.raises(OnsiteError, match=message):
        smtp()


def test_closed() -> None:
    post = smtp()
    post.close()
    post.close()
    for use in (lambda: post.url, lambda: post.mails, post.connect, post.clear, post.start):
        with pytest.raises(OnsiteError, match=r"closed; call smtp\(\) for a new one"):
            use()
