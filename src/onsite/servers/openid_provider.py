"""A small OpenID provider: the protocol is Authlib's, what is here is its memory and its policy.

The policy is stricter than the standards ask for: every client must use PKCE with S256, a code is
good for one attempt, redirect addresses are compared as they are, refresh tokens are good for one
use, and one that is used again ends its whole family.
"""

from __future__ import annotations

import html
import os
import secrets
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, list_to_scope, scope_to_list
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, UserInfo
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, Response, jsonify, request
from joserfc import jwt
from joserfc.jwk import Key, KeySet, RSAKey
from werkzeug.serving import WSGIRequestHandler, make_server

from onsite.servers import kept

SCOPES = ("openid", "profile", "email", "offline_access")
CODE_SECONDS = 60
PAGE = """<!doctype html><title>Sign in</title>
<h1>Sign in to {client}</h1><p>It asks for: {scope}</p>
<form method="post">{buttons}<button name="user" value="">Deny</button></form>"""


@dataclass
class Client(ClientMixin):  # type: ignore[misc]
    """An application that may ask for tokens; without a secret it is a public one."""

    client_id: str
    secret: str | None
    redirect_uris: list[str]

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        return None  # it has to be in each request

    def get_allowed_scope(self, scope: str) -> str:
        return str(list_to_scope([one for one in scope_to_list(scope) or () if one in SCOPES]))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return self.secret is not None and secrets.compare_digest(self.secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return (method == "none") == (self.secret is None)

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


@dataclass
class Code(AuthorizationCodeMixin):  # type: ignore[misc]
    """An authorization code and what it stands for."""

    client_id: str
    user: str
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str
    code_challenge_method: str
    family: str = field(default_factory=lambda: secrets.token_hex(8))
    made: float = field(default_factory=time.time)

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(self.made)

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> list[str]:
        return []


@dataclass
class Token(TokenMixin):  # type: ignore[misc]
    """An access token and the refresh token that was given with it."""

    client_id: str
    user: str
    scope: str
    family: str
    """All tokens that come from one sign-in."""
    access: str
    refresh: str | None
    ends: float
    is_used: bool = False
    """Whether its refresh token was used."""
    has_ended: bool = False

    def check_client(self, client: Client) -> bool:
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        return self.scope

    def get_expires_in(self) -> int:
        return int(self.ends - time.time())

    def is_expired(self) -> bool:
        return time.time() > self.ends

    def is_revoked(self) -> bool:
        return self.has_ended


class Provider:
    """Everything that the provider remembers."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.issuer = f"http://127.0.0.1:{wanted['port']}"
        self.users: dict[str, dict[str, Any]] = wanted["users"]
        self.seconds: int = wanted["seconds"]
        self.clients = {one["client_id"]: Client(**one) for one in wanted["clients"]}
        self.codes: dict[str, Code] = {}
        self.spent: dict[str, str] = {}
        """Families by codes that were tried."""
        self.nonces: set[tuple[str, str]] = set()
        self.tokens: list[Token] = []
        self.keys: list[Key] = [new_key()]
        self.lock = threading.RLock()

    def end_family(self, family: str) -> None:
        """End all tokens that come from one sign-in."""
        for token in self.tokens:
            if token.family == family:
                token.has_ended = True

    def take_code(self, code: str) -> Code | None:
        """Give what `code` stands for, once; a second try ends the tokens of the first."""
        found = self.codes.pop(code, None)
        if found is None:
            if family := self.spent.get(code):
                self.end_family(family)  # somebody else has it, too
            return None
        self.spent[code] = found.family
        return found if time.time() < found.made + CODE_SECONDS else None

    def save(self, token: dict[str, Any], asked: OAuth2Request) -> None:
        """Remember a token that is about to be answered."""
        source: Code | Token = asked.authorization_code or asked.refresh_token
        self.tokens.append(
            Token(
                client_id=asked.client.client_id,
                user=source.user,
                scope=token["scope"],
                family=source.family,
                access=token["access_token"],
                refresh=token.get("refresh_token"),
                ends=time.time() + token["expires_in"],
            )
        )

    def refreshing(self, refresh: str) -> Token | None:
        """Find the token that `refresh` came with, if it may be used."""
        for token in self.tokens:
            if token.refresh == refresh:
                if token.is_used:  # stolen, or its answer was lost: nobody can tell
                    self.end_family(token.family)
                return None if token.has_ended else token
        return None

    def claims(self, user: str, scope: str) -> UserInfo:
        """What a client that asked for `scope` may know of `user`."""
        known, wanted = self.users[user], scope_to_list(scope) or []
        names = {"profile": ("name",), "email": ("email", "email_verified")}
        told = {n: known[n] for s in wanted for n in names.get(s, ()) if n in known}
        return UserInfo(sub=user, **told)


def new_key() -> RSAKey:
    """A key to sign with, of its own `kid`."""
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"})


class RequiredChallenge(CodeChallenge):  # type: ignore[misc]
    """PKCE by S256 for every client; Authlib lets confidential ones do without it."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012  (Authlib's name and form)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE is required: 'code_challenge' by the method 'S256'.")
        super().validate_code_challenge(grant, redirect_uri)


def authorization_server(app: Flask, provider: Provider) -> AuthorizationServer:
    """Authlib's server on the memory of `provider`."""

    class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")

        def save_authorization_code(self, code: str, asked: OAuth2Request) -> None:
            data = asked.payload.data
            provider.codes[code] = Code(
                client_id=asked.client.client_id,
                user=asked.user,
                redirect_uri=asked.payload.redirect_uri,
                scope=asked.scope,
                nonce=data.get("nonce"),
                code_challenge=data["code_challenge"],
                code_challenge_method=data["code_challenge_method"],
            )
            if nonce := data.get("nonce"):
                provider.nonces.add((asked.client.client_id, nonce))

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            found = provider.take_code(code)
            return found if found and found.client_id == client.client_id else None

        def delete_authorization_code(self, authorization_code: Code) -> None:
            pass  # it was taken away when it was asked for

        def authenticate_user(self, authorization_code: Code) -> str:
            return authorization_code.user

    class RotatingGrant(RefreshTokenGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = CodeGrant.TOKEN_ENDPOINT_AUTH_METHODS
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
            return provider.refreshing(refresh_token)

        def authenticate_user(self, refresh_token: Token) -> str:
            return refresh_token.user

        def revoke_old_credential(self, refresh_token: Token) -> None:
            refresh_token.is_used = True

    class IdToken(OpenIDCode):  # type: ignore[misc]
        def exists_nonce(self, nonce: str, asked: OAuth2Request) -> bool:
            return (asked.payload.client_id, nonce) in provider.nonces

        def generate_user_info(self, user: str, scope: str) -> UserInfo:
            return provider.claims(user, scope)

        def resolve_client_private_key(self, client: Client) -> Key:
            return provider.keys[0]

        def get_encode_header(self, client: Client) -> dict[str, str]:
            return {"alg": "RS256", "kid": provider.keys[0].kid or ""}

        def get_client_claims(self, client: Client) -> dict[str, Any]:
            ends = int(time.time()) + provider.seconds
            return {"iss": provider.issuer, "aud": client.client_id, "exp": ends}

    class Revocation(RevocationEndpoint):  # type: ignore[misc]
        def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
            return next((t for t in provider.tokens if token_string in (t.access, t.refresh)), None)

        def revoke_token(self, token: Token, asked: OAuth2Request) -> None:
            provider.end_family(token.family)

    server = AuthorizationServer(app, provider.clients.get, provider.save)
    server.scopes_supported = SCOPES
    server.register_token_generator(
        "default",
        BearerTokenGenerator(
            lambda **_: secrets.token_urlsafe(32),
            lambda **_: secrets.token_urlsafe(32),
            lambda *_: provider.seconds,
        ),
    )
    server.register_grant(CodeGrant, [RequiredChallenge(), IdToken()])
    server.register_grant(RotatingGrant)
    server.register_endpoint(Revocation)
    return server


def application(provider: Provider, key: str) -> Flask:
    """The provider's pages; `key` lets the handle give orders."""
    app = Flask("openid_provider", static_folder=None)
    server = authorization_server(app, provider)

    @app.get("/.well-known/openid-configuration")
    def describe() -> Response:
        return jsonify(
            issuer=provider.issuer,
            authorization_endpoint=f"{provider.issuer}/authorize",
            token_endpoint=f"{provider.issuer}/token",
            userinfo_endpoint=f"{provider.issuer}/userinfo",
            revocation_endpoint=f"{provider.issuer}/revoke",
            jwks_uri=f"{provider.issuer}/jwks",
            response_types_supported=["code"],
            grant_types_supported=["authorization_code", "refresh_token"],
            subject_types_supported=["public"],
            id_token_signing_alg_values_supported=["RS256"],
            scopes_supported=SCOPES,
            token_endpoint_auth_methods_supported=[
                "client_secret_basic",
                "client_secret_post",
                "none",
            ],
            code_challenge_methods_supported=["S256"],
        )

    @app.get("/jwks")
    def jwks() -> Response:
        return jsonify(KeySet(provider.keys).as_dict(private=False))

    @app.get("/authorize")
    def ask() -> Response:
        try:
            grant = server.get_consent_grant(end_user=None)
        except OAuth2Error as error:
            return server.handle_error_response(None, error)  # type: ignore[no-any-return]
        buttons = "".join(
            f'<button name="user" value="{html.escape(u)}">{html.escape(u)}</button> '
            for u in provider.users
        )
        client, scope = html.escape(grant.client.client_id), html.escape(grant.request.scope or "")
        return Response(PAGE.format(client=client, scope=scope, buttons=buttons))

    @app.post("/authorize")
    def sign_in() -> Response:
        user = request.form.get("user")
        with provider.lock:
            try:
                grant = server.get_consent_grant(end_user=user)
            except OAuth2Error as error:
                return server.handle_error_response(None, error)  # type: ignore[no-any-return]
            known = user if user in provider.users else None
            return server.create_authorization_response(  # type: ignore[no-any-return]
                grant_user=known, grant=grant
            )

    @app.post("/token")
    def issue() -> Response:
        with provider.lock:
            return server.create_token_response()  # type: ignore[no-any-return]

    @app.post("/revoke")
    def revoke() -> Response:
        with provider.lock:
            return server.create_endpoint_response("revocation")  # type: ignore[no-any-return]

    @app.get("/userinfo")
    def userinfo() -> Response:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        for token in provider.tokens:
            if token.access == shown and not token.has_ended and not token.is_expired():
                return jsonify(provider.claims(token.user, token.scope))
        answer = Response(status=401)
        answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        return answer

    @app.post("/onsite/rotate-keys")
    def rotate() -> Response:
        if not secrets.compare_digest(request.headers.get("X-Onsite-Key", ""), key):
            return Response(status=403)
        with provider.lock:
            # the one before can still be checked; older ones are no longer published
            provider.keys = [new_key(), provider.keys[0]]
        return jsonify(provider.keys[0].kid)

    return app


class QuietHandler(WSGIRequestHandler):
    """Logs the path of each request without its query, in which codes and secrets may be."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.log("info", '"%s %s" %s', self.command, self.path.partition("?")[0], str(code))


def rehearse(app: Flask, provider: Provider) -> None:
    """Have everything imported that is imported late: root's Python may be out of reach then."""
    with app.test_client() as client:
        for path in ("/.well-known/openid-configuration", "/jwks", "/authorize", "/userinfo"):
            client.get(path)
        for path in ("/token", "/revoke", "/authorize"):
            client.post(path, data={"grant_type": "authorization_code", "code": "x"})
    key = provider.keys[0]
    jwt.decode(jwt.encode({"alg": "RS256", "kid": key.kid}, {"sub": "x"}, key), key)


def end(_: int, __: FrameType | None) -> None:
    """Leave at once: all there is lies in memory."""
    sys.exit(0)


def main() -> None:
    """Serve until told to stop."""
    wanted = kept.settings()
    signal.signal(signal.SIGTERM, end)
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain HTTP, on loopback only
    provider = Provider(wanted)
    app = application(provider, wanted["key"])
    server = make_server(
        "127.0.0.1", wanted["port"], app, threaded=True, request_handler=QuietHandler
    )
    rehearse(app, provider)
    kept.drop_root(wanted["account"])
    kept.say_ready()
    server.serve_forever()


if __name__ == "__main__":
    main()
