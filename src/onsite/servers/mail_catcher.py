"""An SMTP server that keeps every mail it gets and sends none on, by aiosmtpd."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from onsite.servers import kept

MAILS = "mails"
RULES = "rules.json"


class Catcher:
    """Writes mails to files, and answers as the handle's rules say."""

    def __init__(self, folder: Path, limit: int) -> None:
        """Keep at most `limit` mails in `folder`, the newest."""
        self._folder = folder
        self._limit = limit
        self._count = sum(1 for _ in folder.glob("*.json"))
        self._last = max((int(path.stem) for path in folder.glob("*.json")), default=0)

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's names)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, unless a rule says otherwise."""
        rules = json.loads((kept.HERE / RULES).read_text(encoding="utf-8"))
        answer: str | None = rules.get(address.lower()) or rules.get("*")
        if answer is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail: its file is there, whole, before the client hears so."""
        content = envelope.original_content or b""
        self._last += 1
        note = {
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "received": time.time(),
        }
        path = self._folder / f"{self._last:09}"
        new = path.with_suffix(".new")
        try:
            path.with_suffix(".eml").write_bytes(content)
            new.write_text(json.dumps(note), encoding="utf-8")
            new.replace(path.with_suffix(".json"))
        except OSError as error:  # the disk is full: for now, so the client may come again
            for part in (new, path.with_suffix(".eml")):
                part.unlink(missing_ok=True)
            return f"452 insufficient storage: {error.strerror}"
        self._count += 1
        if self._count > self._limit:
            self._drop_oldest()
        return f"250 OK kept as {self._last}"

    def _drop_oldest(self) -> None:
        # counted anew: the handle may have deleted some
        there = sorted(self._folder.glob("*.json"))
        for path in there[: -self._limit]:
            path.unlink(missing_ok=True)
            path.with_suffix(".eml").unlink(missing_ok=True)
        self._count = min(len(there), self._limit)


async def serve(listening: socket.socket, catcher: Catcher, megabytes: int) -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, end.set)
    server = await loop.create_server(
        lambda: SMTP(
            catcher,
            hostname="localhost",
            ident="aiosmtpd, catching mail",
            data_size_limit=megabytes << 20,
            enable_SMTPUTF8=True,
            loop=loop,
        ),
        sock=listening,
    )
    kept.say_ready()
    await end.wait()
    server.close()


def main() -> None:
    """Catch mail."""
    wanted = kept.settings()
    listening = socket.create_server(("127.0.0.1", wanted["port"]))
    kept.drop_root(wanted["account"])
    folder = kept.HERE / MAILS
    folder.mkdir(mode=0o700, exist_ok=True)
    os.umask(0o077)
    asyncio.run(serve(listening, Catcher(folder, wanted["mails"]), wanted["megabytes"]))


if __name__ == "__main__":
    main()
