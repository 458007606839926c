"""Service accounts and clients that sign (RFC 7523), against Authlib's authorization server: what a right assertion
gets, how tokens are had anew, and who is told what is wrong with one."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from joserfc.jwk import ECKey, RSAKey

from tests.broker.quirks.house import Case, QuirkHouse
from tests.broker.quirks.keys import shows
from tests.broker.quirks.vendor import PLANTED
from tests.broker.scene import text_of
from tests.programs.processes import ROOT, Program, environment

pytestmark = pytest.mark.asyncio(loop_scope="package")

BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
HERE = ROOT / "tests" / "broker" / "authlib"
KEY, OTHER, ELLIPTIC = RSAKey.generate_key(2048), RSAKey.generate_key(2048), ECKey.generate_key("P-256")
SECRET = PLANTED + "machine-secret+/="
CLAIMS = {"iss": "{mail}", "sub": "{mail}", "aud": "{at}/token"}
FIELDS = {"mail": {"title": "Address", "secret": False}, "private_key": {"title": "Key"}}


def jwks(key: RSAKey | ECKey) -> dict[str, Any]:
    """What the server knows of a key."""
    return {"keys": [key.as_dict(private=False)]}


def pem(key: RSAKey | ECKey) -> str:
    """What a person has of it."""
    return key.as_pem(private=True).decode()


CLIENTS = {
    "svc": {"grant": BEARER, "jwks": jwks(KEY)},
    "elliptic": {"grant": BEARER, "jwks": jwks(ELLIPTIC)},
    "signer": {"grant": "client_credentials", "auth": "client_assertion_jwt", "jwks": jwks(KEY)},
    "machine": {"grant": "client_credentials", "auth": "client_secret_basic", "secret": SECRET},
}


class Authlib:
    """The running server."""

    def __init__(self, client: ClientSession, at: str, house: QuirkHouse) -> None:
        self._client = client
        self._house = house
        self.at = at

    async def control(self, **asked: Any) -> dict[str, int]:
        """Change how it is; what it counted."""
        async with self._client.post(f"{self.at}/control", json=asked) as reply:
            counted: dict[str, int] = await reply.json()
            return counted

    async def passed(self, seconds: float = 3601, *, ahead: float = 0) -> None:
        """Time goes by, here and there; its clock is then ``ahead`` of the hub's."""
        self._house.clock.advance(seconds)
        await self.control(time=self._house.clock.time() + ahead)

    async def case(self, way: dict[str, Any]) -> Case:
        """A provider of this way."""
        placed = json.loads(json.dumps(way).replace("{at}", self.at))
        declared = {"hosts": [self.at], "who": {"request": {"url": f"{self.at}/me"}}}
        return await self._house.case(placed, declared, {"base_url": self.at}, whole=True, client=False)

    async def account(self, claims: dict[str, str] = CLAIMS, **more: Any) -> Case:
        """A provider whose accounts are service accounts."""
        way = {
            "kind": "jwt_bearer", "fields": FIELDS, "claims": claims, "token": {"url": "{at}/token"},
            "scopes": {"always": ["notes:read"]},
        }  # fmt: skip
        return await self.case({**way, **more})

    async def machine(self, client_auth: str) -> Case:
        """A provider whose accounts are clients of their own."""
        token = {"url": "{at}/token", "client_auth": client_auth}
        return await self.case({"kind": "client_credentials", "token": token, "scopes": {"always": ["notes:read"]}})


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def server(house: QuirkHouse) -> AsyncIterator[Authlib]:
    """One server for all tests; skips where ``make programs`` was not run."""
    python = ROOT / ".cache" / "authlib" / "bin" / "python"
    if not python.exists():
        pytest.skip("Authlib is not installed: make programs")
    program = Program(
        [python, HERE / "server.py", json.dumps(CLIENTS)], cwd=HERE, environment=environment(house.folder)
    )
    try:
        port = program.wait_for(r"^([1-9][0-9]*)$").group(1)
        async with ClientSession() as client:
            yield Authlib(client, f"http://127.0.0.1:{port}", house)
    finally:
        program.stop()


@pytest_asyncio.fixture(loop_scope="package")
async def authlib(server: Authlib) -> Authlib:
    """The server with its clock set to the hub's, and the keys it began with."""
    await server.control(keys={"svc": jwks(KEY)})
    await server.passed(0)
    return server


async def whose(case: Case) -> str:
    """Whose account a call was made on."""
    result = await case.call()
    assert not result.get("isError"), text_of(result)
    return str(result["structuredContent"]["whose"])


async def refused(case: Case) -> tuple[str, str]:
    """Who is to mend a call that fails, and what the model reads of it."""
    result = await case.call()
    assert "eyJ" not in str(result), "an assertion is as good as a key while it lasts"
    return result["_meta"]["hub/error"]["kind"], text_of(result)


async def test_a_service_accounts_key_gets_tokens_and_a_new_one_by_a_new_assertion(authlib: Authlib) -> None:
    case = await authlib.account()
    # As a browser sends what is pasted into a field of one line: the line breaks are gone.
    page = await case.paste(mail="svc", private_key=pem(KEY).replace("\n", ""))
    assert page.title == "Connected", page.alert
    assert await whose(case) == "svc"
    assert (await case.kept()).scopes == {"notes:read"}
    before = (await authlib.control())["tokens"]
    await authlib.passed()
    assert [await whose(case) for _ in range(2)] == ["svc", "svc"]
    assert (await authlib.control(forget=True))["tokens"] == before + 1, "one token for both calls"
    assert await whose(case) == "svc", "a token the app no longer knows is asked for anew"
    assert (await authlib.control())["tokens"] == before + 2


@pytest.mark.parametrize("written", ["\\n", "\n"])
async def test_a_key_is_taken_as_vendors_files_and_people_write_it(authlib: Authlib, written: str) -> None:
    case = await authlib.account(algorithm="ES256")
    page = await case.paste(mail="elliptic", private_key=pem(ELLIPTIC).replace("\n", written))
    assert page.title == "Connected", page.alert
    assert await whose(case) == "elliptic"


@shows("JwtBearerMethod.wrong_turns")
async def test_a_wrong_audience_is_the_operators_to_mend_and_told_with_what_is_wrong(authlib: Authlib) -> None:
    case = await authlib.account({**CLAIMS, "aud": "https://elsewhere.example/token"})
    page = await case.paste(mail="svc", private_key=pem(KEY))
    for words in ("Only the operator", "Invalid claim: 'aud'", "claims: aud"):
        assert words in page.alert
    assert "eyJ" not in page.text


async def test_a_key_the_vendor_does_not_know_is_the_persons_to_mend(authlib: Authlib) -> None:
    case = await authlib.account()
    for given in ({"mail": "svc", "private_key": pem(OTHER)}, {"mail": "nobody", "private_key": pem(KEY)}):
        page = await case.paste(**given)
        assert "refuses this" in page.alert
        assert "invalid_grant" in page.alert
        assert "operator" not in page.alert
    await case.paste(mail="svc", private_key=pem(KEY))
    await authlib.control(keys={"svc": jwks(OTHER)})
    assert await whose(case) == "svc", "the token there is goes on"
    await authlib.passed()
    kind, told = await refused(case)
    assert kind == "connection_needed"
    assert "/connect/" in told
    again = await case.connect(again=(await case.kept()).id, field_mail="svc", field_private_key=pem(OTHER))
    assert again.title == "Connected", again.alert
    assert await whose(case) == "svc"


@pytest.mark.parametrize(("ahead", "words"), [(3600, "60 minutes behind"), (-3600, "60 minutes ahead of")])
async def test_an_assertion_that_is_over_or_from_the_future_is_told_as_the_machines_clock(
    authlib: Authlib, ahead: float, words: str
) -> None:
    case = await authlib.account()
    await authlib.passed(0, ahead=ahead)
    page = await case.paste(mail="svc", private_key=pem(KEY))
    assert "Only the operator" in page.alert
    assert f"clock of the hub's machine is {words}" in page.alert
    assert "eyJ" not in page.text
    await authlib.passed(0)
    assert (await case.paste(mail="svc", private_key=pem(KEY))).title == "Connected"
    await authlib.passed(ahead=ahead)
    kind, told = await refused(case)
    assert kind == "operator_needed"
    assert words in told
    await authlib.passed(60)
    assert await whose(case) == "svc", "nobody has to connect anything again"


async def test_a_client_of_its_own_shows_itself_by_an_assertion_or_by_its_secret(authlib: Authlib) -> None:
    signer = await authlib.machine("private_key_jwt")
    assert "invalid_client" in (await signer.paste(client_id="signer", client_secret=pem(OTHER))).alert
    assert (await signer.paste(client_id="signer", client_secret=pem(KEY))).title == "Connected"
    machine = await authlib.machine("basic")
    assert "refuses this" in (await machine.paste(client_id="machine", client_secret=PLANTED + "wrong")).alert
    assert (await machine.paste(client_id="machine", client_secret=SECRET)).title == "Connected"
    for _ in range(2):
        assert (await whose(signer), await whose(machine)) == ("signer", "machine")
        await authlib.passed()
