"""moto's S3 with a guard in front of it.

moto takes any request, whoever signed it and however old it is. The guard computes signatures as
botocore does and refuses what S3 would refuse: wrong secrets, changed addresses, presigned
addresses that have expired.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import md5
from importlib.metadata import version
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import Client

from onsite.servers import kept

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ALGORITHM = "AWS4-HMAC-SHA256"
STATUS = {403: "403 Forbidden", 400: "400 Bad Request", 503: "503 Service Unavailable"}


class Refused(Exception):  # noqa: N818  (it is an answer, not a fault)
    """What S3 answers instead of doing it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Guard:
    """A WSGI application in front of `app` that lets signed requests through."""

    def __init__(self, app: WSGIApplication, credentials: Credentials, megabytes: int) -> None:
        """Let through what `credentials` signed, and in all as many `megabytes`."""
        self._app = app
        self._credentials = credentials
        self._left = megabytes << 20
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, answer: StartResponse) -> Iterable[bytes]:
        """Answer, or let the store answer."""
        try:
            self._check(environ)
            self._count(int(environ.get("CONTENT_LENGTH") or 0))
        except Refused as refused:
            body = (
                f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{refused.code}</Code>'
                f"<Message>{escape(refused.message)}</Message></Error>"
            ).encode()
            headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
            answer(STATUS[refused.status], headers)
            return [body]
        # without a type moto takes a body for a form, and stores nothing
        environ["CONTENT_TYPE"] = environ.get("CONTENT_TYPE") or "binary/octet-stream"
        return self._app(environ, answer)

    def _count(self, length: int) -> None:
        with self._lock:
            self._left -= length
            if self._left < 0:
                raise Refused(503, "SlowDown", "this stand-in has taken all that it may hold")

    def _check(self, environ: WSGIEnvironment) -> None:
        path, _, query = str(environ["REQUEST_URI"]).partition("?")
        fields = dict(parse_qsl(query, keep_blank_values=True))
        if "X-Amz-Signature" in fields:
            self._check_address(environ, path, query, fields)
        elif environ.get("HTTP_AUTHORIZATION", "").startswith(ALGORITHM):
            self._check_header(environ, path, query)
        elif "AWSAccessKeyId" in fields or environ.get("HTTP_AUTHORIZATION"):
            raise Refused(
                400,
                "InvalidRequest",
                f"The authorization mechanism you have provided is not supported. Please use "
                f"{ALGORITHM}.",
            )
        else:
            raise Refused(403, "AccessDenied", "Access Denied")

    def _check_address(
        self, environ: WSGIEnvironment, path: str, query: str, fields: dict[str, str]
    ) -> None:
        try:
            made = datetime.strptime(fields["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
            ends = made.replace(tzinfo=UTC) + timedelta(seconds=int(fields["X-Amz-Expires"]))
            scope, names = fields["X-Amz-Credential"], fields["X-Amz-SignedHeaders"]
        except (KeyError, ValueError):
            raise Refused(
                400, "AuthorizationQueryParametersError", "the address is not whole"
            ) from None
        rest = "&".join(w for w in query.split("&") if not w.startswith("X-Amz-Signature="))
        self._compare(
            S3SigV4QueryAuth,
            environ,
            f"{path}?{rest}",
            scope,
            names,
            fields["X-Amz-Date"],
            fields["X-Amz-Signature"],
        )
        if datetime.now(UTC) > ends:
            raise Refused(403, "AccessDenied", "Request has expired")

    def _check_header(self, environ: WSGIEnvironment, path: str, query: str) -> None:
        said = environ["HTTP_AUTHORIZATION"].removeprefix(ALGORITHM).split(",")
        words = dict(word.strip().partition("=")[::2] for word in said)
        try:
            scope, names, signature = (
                words[name] for name in ("Credential", "SignedHeaders", "Signature")
            )
            date = environ["HTTP_X_AMZ_DATE"]
        except KeyError:
            raise Refused(
                400, "AuthorizationHeaderMalformed", "the header Authorization is not whole"
            ) from None
        self._compare(S3SigV4Auth, environ, f"{path}?{query}", scope, names, date, signature)

    def _compare(
        self,
        kind: type[Any],
        environ: WSGIEnvironment,
        target: str,
        scope: str,
        names: str,
        date: str,
        signature: str,
    ) -> None:
        access, _, place = unquote(scope).partition("/")
        if access != self._credentials.access_key:
            raise Refused(403, "InvalidAccessKeyId", "there is no such access key")
        _, region, service, *_ = [*place.split("/"), "", "", ""]
        request = AWSRequest(
            method=environ["REQUEST_METHOD"],
            url=f"http://{environ['HTTP_HOST']}{target}",
            headers={name: header(environ, name) for name in unquote(names).split(";")},
        )
        request.context["timestamp"] = date
        signer = kind(self._credentials, service, region)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        if not secrets.compare_digest(signer.signature(text, request), signature):
            raise Refused(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )


def header(environ: WSGIEnvironment, name: str) -> str:
    """The request's header `name`."""
    key = name.upper().replace("-", "_")
    found = environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", "")
    return str(found)


class Handler(WSGIRequestHandler):
    """Says what it is, and logs no query: in it are signatures."""

    server_version = f"moto/{version('moto')} (a stand-in for S3)"
    sys_version = ""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log the path alone."""
        self.log("info", '"%s %s" %s', self.command, self.path.partition("?")[0], str(code))


def rehearse(guard: Guard, credentials: Credentials) -> None:
    """Have everything imported that is imported late: root's Python may be out of reach then."""
    client = Client(guard)

    def call(method: str, target: str, data: bytes = b"") -> str:
        request = AWSRequest(method=method, url=f"http://localhost/rehearsal{target}")
        S3SigV4QueryAuth(credentials, "s3", "us-east-1").add_auth(request)
        address = request.url.removeprefix("http://localhost")
        length = {"CONTENT_LENGTH": str(len(data))}  # moto wants it, even when it is 0
        answer = client.open(address, method=method, data=data, environ_overrides=length)
        if answer.status_code >= 300:
            sys.exit(f"moto answers {answer.status} to {method} {target}: {answer.text}")
        return answer.text

    call("PUT", "")
    call("PUT", "/a", b"a")
    call("GET", "/a")
    call("HEAD", "/a")
    upload = call("POST", "/b?uploads=").partition("<UploadId>")[2].partition("<")[0]
    call("PUT", f"/b?partNumber=1&uploadId={upload}", b"b")
    tag = md5(b"b", usedforsecurity=False).hexdigest()
    part = f"<Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
    whole = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>"
    call("POST", f"/b?uploadId={upload}", whole.encode())
    call("GET", "?list-type=2")
    call("GET", "?uploads=")
    call("GET", "?versions=")
    for key in "ab":
        call("DELETE", f"/{key}")
    call("DELETE", "")


def end(_: int, __: FrameType | None) -> None:
    """Leave at once: what there is dies with its owner anyway."""
    sys.exit(0)


def main() -> None:
    """Serve until told to stop."""
    wanted = kept.settings()
    signal.signal(signal.SIGTERM, end)
    os.environ["TMPDIR"] = str(kept.HERE)  # where large objects lie
    store = create_backend_app("s3")
    credentials = Credentials(wanted["access"], wanted["secret"])
    guard = Guard(store, credentials, wanted["megabytes"])
    server = make_server("127.0.0.1", wanted["port"], guard, threaded=True, request_handler=Handler)
    rehearse(guard, credentials)
    kept.drop_root(wanted["account"])
    kept.say_ready()
    server.serve_forever()


if __name__ == "__main__":
    main()
