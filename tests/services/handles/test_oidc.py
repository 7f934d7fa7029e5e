"""OpenID Connect: the code flow as a client sees it, and everything that must be refused."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import KeySet

from onsite.errors import OnsiteError
from onsite.services import Oidc, oidc

CALLBACK = "http://127.0.0.1/callback"
VERIFIER = "v" * 43


@pytest.fixture(scope="module")
def op() -> Iterator[Oidc]:
    with oidc() as handle:
        yield handle


def challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def authorization(op: Oidc, **changes: str | None) -> str:
    """The address that a client sends the browser to."""
    query = {
        "response_type": "code",
        "client_id": op.client_id,
        "redirect_uri": CALLBACK,
        "scope": "openid profile email",
        "state": "the state",
        "nonce": secrets.token_hex(8),
        "code_challenge": challenge(VERIFIER),
        "code_challenge_method": "S256",
    } | changes
    kept = {name: value for name, value in query.items() if value is not None}
    return f"{op.metadata['authorization_endpoint']}?{urlencode(kept)}"


def came_back(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def ask_token(op: Oidc, public: bool = False, **form: str) -> httpx.Response:
    who: dict[str, Any] = (
        {"data": form | {"client_id": op.public_client_id}}
        if public
        else {"data": form, "auth": (op.client_id, op.client_secret)}
    )
    return httpx.post(op.metadata["token_endpoint"], **who)


def exchange(op: Oidc, code: str, **changes: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return ask_token(op, **(form | changes))


def code_of(op: Oidc, **changes: str | None) -> str:
    return came_back(op.login(authorization(op, **changes)))["code"]


def tokens(op: Oidc) -> dict[str, Any]:
    answer = exchange(op, code_of(op))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def claims(op: Oidc, id_token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(httpx.get(op.metadata["jwks_uri"]).json())
    return dict(jwt.decode(id_token, keys, algorithms=["RS256"]).claims)


def userinfo(op: Oidc, token: str) -> httpx.Response:
    return httpx.get(op.metadata["userinfo_endpoint"], headers={"Authorization": f"Bearer {token}"})


def test_the_whole_flow_by_a_client_library(op: Oidc) -> None:
    client = OAuth2Session(
        op.client_id,
        op.client_secret,
        scope="openid profile",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
    )
    url, state = client.create_authorization_url(
        op.metadata["authorization_endpoint"], code_verifier=VERIFIER, nonce="once"
    )
    back = op.login(url, user="bob")
    assert back.startswith(CALLBACK + "?")
    token = client.fetch_token(
        op.metadata["token_endpoint"],
        authorization_response=back,
        state=state,
        code_verifier=VERIFIER,
    )
    said = claims(op, token["id_token"])
    assert said["iss"] == op.url
    assert said["aud"] == op.client_id
    assert (said["sub"], said["name"], said["nonce"]) == ("bob", "Bob", "once")
    assert said["exp"] - said["iat"] == 300
    assert "email" not in said, "it was not asked for"
    assert client.get(op.metadata["userinfo_endpoint"]).json() == {"sub": "bob", "name": "Bob"}


def test_the_page_names_who_can_sign_in_and_what_is_asked_for(op: Oidc) -> None:
    page = httpx.get(authorization(op, scope="openid email"))
    assert page.status_code == 200
    for word in ("ada", "bob", "openid email", op.client_id, "Deny"):
        assert word in page.text


def test_state_comes_back_and_saying_no_is_an_error_of_the_client(op: Oidc) -> None:
    assert came_back(op.login(authorization(op, state="a/b &c")))["state"] == "a/b &c"
    denied = came_back(op.login(authorization(op), user=None))
    assert denied["error"] == "access_denied"
    assert "code" not in denied


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": None},
        {"code_challenge": "short"},
    ],
)
@pytest.mark.parametrize("public", [False, True])
def test_without_pkce_there_is_no_code(
    op: Oidc, changes: dict[str, str | None], public: bool
) -> None:
    client = op.public_client_id if public else op.client_id
    url = authorization(op, client_id=client, **changes)
    shown = httpx.get(url)
    assert came_back(shown.headers["Location"])["error"] == "invalid_request"
    answer = came_back(op.login(url))
    assert answer["error"] == "invalid_request"
    assert "code" not in answer


@pytest.mark.parametrize("verifier", ["w" * 43, "v" * 42, "", challenge(VERIFIER)])
def test_a_wrong_verifier_is_refused_and_spends_the_code(op: Oidc, verifier: str) -> None:
    code = code_of(op)
    refused = exchange(op, code, code_verifier=verifier)
    assert refused.status_code == 400
    assert refused.json()["error"] in ("invalid_grant", "invalid_request")
    assert "access_token" not in refused.json()
    assert exchange(op, code).status_code == 400, "a code is good for one attempt"


def test_a_public_client_has_pkce_instead_of_a_secret(op: Oidc) -> None:
    code = code_of(op, client_id=op.public_client_id)
    assert exchange(op, code).status_code == 400, "it is not the other client's"
    code = code_of(op, client_id=op.public_client_id)
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code": code}
    answer = ask_token(op, public=True, code_verifier=VERIFIER, **form)
    assert answer.status_code == 200
    assert claims(op, answer.json()["id_token"])["aud"] == op.public_client_id


def test_a_code_that_is_used_twice_ends_the_tokens_of_the_first_use(op: Oidc) -> None:
    code = code_of(op)
    first = exchange(op, code).json()
    assert userinfo(op, first["access_token"]).status_code == 200
    assert exchange(op, code).json()["error"] == "invalid_grant"
    assert userinfo(op, first["access_token"]).status_code == 401


def test_wrong_clients_and_addresses(op: Oidc) -> None:
    for changes in (
        {"redirect_uri": "http://127.0.0.1/callback/x"},
        {"redirect_uri": "http://evil.example/callback"},
        {"redirect_uri": None},
        {"client_id": "nobody"},
    ):
        with pytest.raises(OnsiteError, match="does not go on from there"):
            op.login(authorization(op, **changes))
    answer = exchange(op, code_of(op), redirect_uri="http://127.0.0.1/other")
    assert answer.json()["error"] == "invalid_grant"
    wrong = httpx.post(
        op.metadata["token_endpoint"],
        data={"grant_type": "authorization_code", "code": code_of(op)},
        auth=(op.client_id, "wrong"),
    )
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    without = httpx.post(
        op.metadata["token_endpoint"],
        data={"grant_type": "authorization_code", "client_id": op.client_id, "code": "x"},
    )
    assert without.json()["error"] == "invalid_client", "the confidential one needs its secret"


def test_a_nonce_is_good_once(op: Oidc) -> None:
    url = authorization(op, nonce="again")
    assert "code" in came_back(op.login(url))
    assert came_back(op.login(url))["error"] == "invalid_request"


def test_refresh_tokens_rotate_and_reuse_ends_the_family(op: Oidc) -> None:
    first = tokens(op)
    other_sign_in = tokens(op)
    second = ask_token(op, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert userinfo(op, second["access_token"]).json()["sub"] == "ada"
    thief = ask_token(op, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (thief.status_code, thief.json()["error"]) == (400, "invalid_grant")
    owner = ask_token(op, grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert owner.status_code == 400, "nobody can tell who the thief is"
    assert userinfo(op, second["access_token"]).status_code == 401
    assert userinfo(op, other_sign_in["access_token"]).status_code == 200


def test_refresh_tokens_are_of_one_client_and_cannot_get_more(op: Oidc) -> None:
    first = tokens(op)
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    assert ask_token(op, public=True, **form).status_code == 400
    more = ask_token(op, **form, scope="openid profile email offline_access")
    assert more.json()["error"] == "invalid_scope"
    less = ask_token(op, **form, scope="openid")
    assert less.json()["scope"] == "openid"


def test_revocation(op: Oidc) -> None:
    mine = tokens(op)
    answer = httpx.post(
        op.metadata["revocation_endpoint"],
        data={"token": mine["refresh_token"]},
        auth=(op.client_id, op.client_secret),
    )
    assert answer.status_code == 200
    assert userinfo(op, mine["access_token"]).status_code == 401
    refresh = ask_token(op, grant_type="refresh_token", refresh_token=mine["refresh_token"])
    assert refresh.status_code == 400


def test_tokens_end() -> None:
    with oidc(seconds=1, users={"eve": {"name": "Eve"}}) as short:
        answer = exchange(short, came_back(short.login(authorization(short), "eve"))["code"])
        token = answer.json()["access_token"]
        assert answer.json()["expires_in"] == 1
        deadline = claims(short, answer.json()["id_token"])["exp"]
        time.sleep(max(0.0, deadline - time.time()) + 1)
        assert userinfo(short, token).status_code == 401
        assert came_back(short.login(authorization(short), "ada"))["error"] == "access_denied"


def test_keys_rotate_and_the_one_before_still_counts() -> None:
    with oidc() as op:
        before = tokens(op)["id_token"]
        kid = op.rotate_keys()
        after = tokens(op)["id_token"]
        published = [key["kid"] for key in httpx.get(op.metadata["jwks_uri"]).json()["keys"]]
        assert published[0] == kid
        assert len(published) == 2
        assert claims(op, before)["sub"] == claims(op, after)["sub"] == "ada"
        op.rotate_keys()
        with pytest.raises(InvalidKeyIdError):
            claims(op, before)
        assert httpx.post(f"{op.url}/onsite/rotate-keys").status_code == 403


def test_private_keys_and_secrets_stay_inside(op: Oidc) -> None:
    (key, *_) = httpx.get(op.metadata["jwks_uri"]).json()["keys"]
    assert not {"d", "p", "q"} & set(key)
    code = code_of(op)
    exchange(op, code)
    assert "/token" in op.log_tail(5)
    for secret in (code, op.client_secret, VERIFIER):
        assert secret not in op.log_tail(1000)
    assert op.client_secret not in repr(op)


def test_your_own_provider(op: Oidc, monkeypatch: pytest.MonkeyPatch) -> None:
    address = op.url.replace("://", f"://{op.client_id}:{op.client_secret}@")
    monkeypatch.setenv("ONSITE_OIDC_URL", address)
    with oidc() as own:
        assert own.url == op.url
        assert own.client_secret == op.client_secret
        assert own.client_secret not in own._repr_html_()
        assert own.service == "OpenID provider"
        for use in (own.stop, own.rotate_keys, lambda: own.login(authorization(own))):
            with pytest.raises(OnsiteError, match="is your own; manage it yourself"):
                use()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://127.0.0.1:1", "must look like https://client-id:secret@"),
        ("http://a:b@127.0.0.1:1", "cannot be used"),
    ],
)
def test_your_own_provider_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, address: str, message: str
) -> None:
    monkeypatch.setenv("ONSITE_OIDC_URL", address)
    with pytest.raises(OnsiteError, match=message):
        oidc()


def test_closed() -> None:
    op = oidc()
    op.close()
    op.close()
    for use in (lambda: op.url, lambda: op.metadata, lambda: op.login("http://x"), op.rotate_keys):
        with pytest.raises(OnsiteError, match=r"closed; call oidc\(\) for a new one"):
            use()
