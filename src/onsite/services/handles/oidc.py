"""OpenID Connect: `op = oidc()` gives a provider to sign in with."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.packages import package_of
from onsite.services.python_program import installed_version, python_recipe
from onsite.services.server_handle import ServerHandle

PACKAGE = package_of("oidc")
USERS = {
    "ada": {"name": "Ada", "email": "ada@example.org", "email_verified": True},
    "bob": {"name": "Bob", "email": "bob@example.org", "email_verified": False},
}
SECONDS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider answered, without redirects being followed."""

    status: int
    location: str
    """Where to go next; empty when it was no redirect."""
    text: str


class Oidc(ServerHandle):
    """An OpenID provider with a confidential and a public client."""

    service = "the course's OpenID provider on Authlib"
    call = "oidc"
    variable = PACKAGE.variable

    def __init__(
        self,
        issuer: str,
        version: str,
        client: tuple[str, str],
        server: process.Server | None = None,
        public_client_id: str = "",
        key: str = "",
    ) -> None:
        """Read the provider's description.

        Args:
            issuer: its address.
            version: of what it is made of.
            client: id and secret.
            server: the private one; None for a user's own.
            public_client_id: the client without a secret; there is none on a user's own.
            key: what its orders ask for.
        """
        self._issuer = issuer
        self.version = version
        self.client_id, self.client_secret = client
        self.public_client_id = public_client_id
        self._key = key
        if server is None:
            self.service = "OpenID provider"
        said = _request(f"{issuer}/.well-known/openid-configuration")
        self._metadata: dict[str, Any] = json.loads(said.text)
        super().__init__(urlsplit(issuer).netloc, server)

    @property
    def url(self) -> str:
        """The issuer: what `iss` says, and where the description lies below."""
        self._require_open()
        return self._issuer

    @property
    def metadata(self) -> dict[str, Any]:
        """Its description: authorization_endpoint, token_endpoint, jwks_uri..."""
        self._require_open()
        return dict(self._metadata)

    def login(self, url: str, user: str | None = "ada") -> str:
        """Do what a person does in the browser that was sent to `url`: sign in, or deny (None).

        Returns:
            Where the browser is sent then: the client's redirect address with `code` and `state`,
            or with `error`.

        Raises:
            OnsiteError: the provider shows an error instead of going back to the client, or it is
                one of the user's own, whose pages are not known.
        """
        self._private()
        answer = _request(url, urlencode({"user": user or ""}).encode())
        if not answer.location:
            raise OnsiteError(
                f"the provider does not go on from there (status {answer.status}): {answer.text}"
            )
        return answer.location

    def rotate_keys(self) -> str:
        """Sign with a new key from now on; the one before stays in the JWKS, older ones do not.

        Returns:
            The new key's `kid`.
        """
        self._private()
        answer = _request(f"{self._issuer}/onsite/rotate-keys", b"", {"X-Onsite-Key": self._key})
        return str(json.loads(answer.text))


def oidc(
    redirect_uris: Sequence[str] = ("http://127.0.0.1/callback",),
    users: Mapping[str, Mapping[str, Any]] = USERS,
    seconds: int = 300,
) -> Oidc:
    """Give a private OpenID provider; each call starts another.

    It has the authorization code flow with PKCE (S256, for all clients), refresh tokens that are
    good for one use, JWKS, userinfo and revocation. With `ONSITE_OIDC_URL` set it is the user's
    own, which must know the client that the address names.

    Args:
        redirect_uris: where clients may have people sent back to, letter by letter.
        users: who can sign in, with their claims.
        seconds: how long access and ID tokens are good.

    Raises:
        OnsiteError: a library is missing, it does not start, or the user's own does not answer.
    """
    own = PACKAGE.own_address()
    if own:
        return _on_own_provider(own)
    version = installed_version("oidc", "authlib")
    installed_version("oidc", "flask")
    secret, key = secrets.token_hex(16), secrets.token_hex(16)
    clients = [
        {"client_id": "notebook", "secret": secret, "redirect_uris": list(redirect_uris)},
        {"client_id": "notebook-public", "secret": None, "redirect_uris": list(redirect_uris)},
    ]
    people = {name: dict(claims) for name, claims in users.items()}
    server = process.launch(
        python_recipe(
            "openid_provider",
            {"clients": clients, "users": people, "seconds": seconds, "key": key},
            service=Oidc.service,
            version=version,
            origin=f"wheel authlib {version}",
        )
    )
    try:
        issuer = f"http://127.0.0.1:{server.port}"
        return Oidc(issuer, version, ("notebook", secret), server, "notebook-public", key)
    except BaseException:
        server.close()
        raise


def _on_own_provider(address: str) -> Oidc:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.username:
        raise OnsiteError(
            f"{PACKAGE.variable} must look like https://client-id:secret@host/path-of-the-issuer."
        )
    issuer = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    client = unquote(parts.username), unquote(parts.password or "")
    try:
        return Oidc(issuer, "(version unknown)", client)
    except (OSError, ValueError) as error:
        raise OnsiteError(
            f"the provider at {PACKAGE.variable} cannot be used ({error}); start it, or unset "
            f"{PACKAGE.variable} for a private one."
        ) from error


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _request(
    url: str, data: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    if urlsplit(url).scheme not in ("http", "https"):
        raise OnsiteError(f"{url!r} is no address of a provider.")
    asked = Request(url, data=data, headers=dict(headers or {}))  # noqa: S310  (checked above)
    try:
        with build_opener(_NoRedirects).open(asked, timeout=SECONDS) as answer:
            return Answer(answer.status, "", answer.read().decode())
    except HTTPError as error:
        with error:
            return Answer(error.code, error.headers.get("Location", ""), error.read().decode())
    except URLError as error:
        raise OSError(str(error.reason)) from error
