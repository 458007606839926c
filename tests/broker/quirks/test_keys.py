"""Every key of the schema is shown by a test, and every quirk that vendors are known for has its key, or a reason.

The quirks are those of the field study (what a large catalogue's fields express, what its code does besides, and what
is noted beside single vendors); each is said in words and led to the key that expresses it.
"""

from tests.broker.quirks import (
    keys,
    test_exchanges,
    test_grants,
    test_own_code,
    test_pasting,
    test_renewals,
    test_service_accounts,
    test_tenants,
)

MODULES = (
    test_exchanges, test_grants, test_own_code, test_pasting, test_renewals, test_service_accounts, test_tenants,
)  # fmt: skip
"""Importing them notes what their tests show."""

KEYS = {
    # what the fields of a large catalogue express
    "API roots and hosts with parts the person types": "AccountSetting.host",
    "a list of values to choose from, a default, a pattern": "AccountSetting.choices",
    "values filled in by code after connecting (subdomain, data centre, cloud id)": "AccountSetting.found",
    "the key in a header of any form": "Signing.headers",
    "the key in the query": "Signing.query",
    "the key in the path": "Signing.path",
    "the key, or user and key, as Basic": "Signing.basic",
    "the key inside every body": "Signing.body",
    "a signature over the request": "ProviderCode.sign",
    "a probe after paste": "ProviderDeclaration.who",
    "a probe by POST with a body and headers of its own": "ProviderRequest.body",
    "help for whoever pastes a key": "PastedMethod.get_at",
    "help for whoever registers an app": "AppCredentials.steps",
    "form fields for what is pasted": "PastedMethod.fields",
    "a signed assertion with a lifetime, issuer and audience": "JwtBearerMethod.claims",
    "further parameters of the authorize page": "Authorize.params",
    "parameters renamed or dropped there": "Authorize.rename",
    "scopes that must not be encoded": "Authorize.raw",
    "authorize pages behind a fragment": "Authorize.fragment",
    "the code under another name": "Authorize.code",
    "values that only the callback tells": "Authorize.save",
    "scopes joined by commas or plus signs": "Scopes.separator",
    "scopes asked for always": "Scopes.always",
    "PKCE refused": "OAuthMethod.pkce=off",
    "further token parameters": "TokenCall.params",
    "further token headers": "TokenCall.headers",
    "Basic at the token endpoint": "TokenCall.client_auth=basic",
    "a signed client assertion": "TokenCall.client_auth=private_key_jwt",
    "public clients": "TokenCall.client_auth=none",
    "token calls by GET": "TokenCall.method=GET",
    "token bodies in JSON": "TokenCall.body=json",
    "token parameters in the query": "TokenCall.body=query",
    "token bodies in XML, secrets hashed first, other one-offs": "ProviderCode.exchange",
    "two or three token calls in a row": "GrantMethod.then",
    "where tokens sit in the reply": "TokenCall.access",
    "tokens wrapped in another object": "TokenCall.root",
    "values kept of the token reply": "TokenCall.save",
    "the token in a response header": "ProviderCode.tokens",
    "a second token of the same grant": "TokenCall.more",
    "lifetimes in milliseconds": "Expiry.unit=ms",
    "moments in ISO 8601 or since the epoch": "Expiry.unit=iso",
    "no lifetime told, a fixed one known": "Expiry.seconds",
    "a vendor that refuses to renew early": "Refresh.margin",
    "renewal elsewhere": "Refresh.url",
    "renewal with other parameters": "Refresh.params",
    "the refresh token under another name": "Refresh.rename",
    "the refresh token as a header": "Refresh.headers",
    "code after connecting that finds the tenant": "Way.tenants",
    "its answer in no shape a path can read": "ProviderCode.tenants",
    "a code probe": "ProviderCode.who",
    "upstream revocation": "Revoke.request",
    # what its code does besides, and what is noted beside single vendors
    "the callback carries a signature that must be checked": "ProviderCode.callback",
    "a nonce or signature on the authorize page": "ProviderCode.authorize",
    "a session that is begun anew with every token": "NextCall.again",
    "a second audience from the same grant": "NextCall.as",
    "the access token itself is swapped for a longer one": "Refresh.mode=exchange",
    "no refresh token: asked for again with the app's own credentials": "ClientCredentialsMethod.token",
    "a login with name and password that gives a session": "ClientCredentialsMethod.fields",
    "rotation, single use": "Refresh.mode=rotate",
    "a refresh token that stays, or may come anew": "Refresh.mode=sliding",
    "tokens that never end": "Refresh.mode=none",
    "refresh tokens that die unused": "Refresh.idle",
    "granted scopes on the callback only": "Scopes.callback",
    "scopes under a parameter of their own": "Scopes.param",
    "errors with HTTP 200": "TokenCall.ok_if",
    "an identity told with HTTP 200 that is an error": "Who.ok_if",
    "403 that means a rate limit": "ErrorRule.is=rate_limited",
    "403 that means an ended token": "ErrorRule.is=needs_sign_in",
    "403 that means a missing scope": "ErrorRule.is=missing_scope",
    "403 that means an API that is not turned on": "ErrorRule.tell",
    "redirect mismatch, internal-only, unverified, admin consent": "WrongTurn.when",
    "not a test user, or simply no": "WrongTurn.maybe",
    "test mode ends connections": "AppCredentials.test_mode",
    "client secrets that end": "AppCredentials.secret_expires",
    "https redirects only": "AppCredentials.https_only",
    "no revocation but a page": "Revoke.manual",
    "revocation signed by the token itself": "Revoke.signed",
    "revocation by DELETE": "ProviderRequest.method=DELETE",
    "a code typed at the vendor": "DeviceMethod.kind=device",
    "one credential of the operator's for all": "OperatorMethod.kind=operator",
    "a header with the client id on every call": "Authorize.save",
    "personal keys without Bearer": "Way.sign",
    "the same calls at another address for another kind of account": "Way.bases",
    "an issuer that must be checked": "OAuthMethod.issuer",
}
"""What vendors are known for, and the key that says it."""

ELSEWHERE = {
    "paging by cursor, link and offset; retry headers; pinned versions; fixed API headers": "the connector's own YAML",
    "bodies compressed whatever the headers say": "hub/upstream, for all",
    "forward Authorization on redirects": "never: a redirect is followed within hosts only, and signed nowhere else",
    "the code delivered by a webhook": "the hub has no inbound events",
    "client certificates (mTLS)": "five vendors of payroll; they need a connection pool of their own",
    "OAuth 1.0a": "four vendors, all of which issue a personal key besides",
    "AWS signature version 4": "ProviderCode.sign can say it; no connector ships for it",
    "MCP authorization by discovery": "a kind of its own, not of this schema",
}
"""What is said elsewhere than in a provider's declaration, or not at all, and why."""


def test_every_key_of_the_schema_is_shown_by_a_test_and_no_test_shows_one_there_is_not() -> None:
    # Sign-in at MCP servers is shown at MCP servers: tests/servers.
    known = {key for key in keys.schema_keys() if not key.startswith("McpOAuthMethod.")}
    assert sorted(known - set(keys.SHOWN)) == []
    assert sorted(set(keys.SHOWN) - known) == []


def test_every_known_quirk_has_a_key_that_a_test_shows_or_a_reason() -> None:
    assert {quirk: key for quirk, key in KEYS.items() if key not in keys.SHOWN} == {}
    assert all(ELSEWHERE.values())
