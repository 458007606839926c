"""Requests for the web routes that are nearly right: live sessions, tokens and forms, any of which may be wrong.

A value ``{name}`` stands for what the stock has under that name (``stock.py``) when the request is sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from hypothesis import strategies as st

from tests.fuzz.shapes import field_bytes, json, mostly, request_of, text
from tests.fuzz.stock import APP_CALLBACK, BOT_CALLBACK, BOT_SECRET, PASSWORD, RESOURCE

FIELDS: Mapping[str, tuple[str, ...]] = {
    "csrf": ("{csrf}",),
    "request": ("{sealed}",),
    "answer": ("allow", "deny"),
    "choice": ("read", "write", "everything", "profile:looking"),
    "response_type": ("code",),
    "response_mode": ("query",),
    "client_id": ("our-app", "our-app", "our-bot", "{client}", "https://127.0.0.1/client.json"),
    "client_secret": (BOT_SECRET, "{client_secret}"),
    "redirect_uri": (APP_CALLBACK, APP_CALLBACK, BOT_CALLBACK, "http://localhost:7/"),
    "code_challenge": ("{challenge}",),
    "code_challenge_method": ("S256",),
    "state": ("a state",),
    "scope": ("hub", "hub offline_access"),
    "resource": (RESOURCE, f"{RESOURCE}/looking"),
    "prompt": ("consent", "none"),
    "grant_type": ("authorization_code", "refresh_token"),
    "code": ("{code}", "{totp}"),
    "code_verifier": ("{verifier}",),
    "refresh_token": ("{refresh}",),
    "token": ("{access}", "{refresh}"),
    "token_type_hint": ("access_token", "refresh_token"),
    "name": ("ada", "cleo", "somebody new"),
    "password": (PASSWORD, "another good password"),
    "repeated": (PASSWORD, "another good password"),
    "old": (PASSWORD,),
    "next": ("/account", "/authorize?client_id=our-app", "//evil.example"),
    "ceremony": ("{ceremony}",),
    "proposal": ("{sealed}",),
    "lost": ("yes",),
    "label": ("My phone",),
    "role": ("member", "admin"),
    "effects": ("read", "write", "everything"),
    "days": ("30", "never"),
    "again": ("1",),
    "setup": ("{link}",),
    "connect": ("1",),
    "iss": ("https://127.0.0.1:9",),
    "error": ("access_denied",),
    "t": ("{file_link}", "{upload_link}", "{upload_link}x"),
}
NATURAL: Mapping[str, str] = {
    "/authorize": "client_id redirect_uri response_type code_challenge code_challenge_method state resource prompt",
    "POST /authorize": "csrf request answer choice",
    "/token": "grant_type code code_verifier refresh_token client_id redirect_uri resource scope",
    "/revoke": "token token_type_hint client_id",
    "/signin": "csrf name password next",
    "/signin/code": "csrf ceremony code",
    "/account/password": "csrf old password repeated",
    "/account/tokens": "csrf name effects days",
    "/setup/{secret}": "csrf name password repeated lost",
    "/files/{file}": "t",
}
"""The fields that belong to a route; elsewhere any field may come, mostly with a token of the form."""

PLACES: Mapping[str, tuple[str, ...]] = {
    "id": ("{grant_id}", "{token_id}", "{session_id}", "{user_id}", "{admin_id}", "{invitation_id}"),
    "secret": ("{link}", "{invitation}"),
    "name": ("company",),
    "profile": ("looking",),
    "file": ("{file_id}", "{upload_id}", "{upload_id}"),
}
METADATA: Mapping[str, Any] = {
    "redirect_uris": st.lists(st.sampled_from((APP_CALLBACK, "http://127.0.0.1/cb", "javascript:x")), max_size=3),
    "client_name": text,
    "token_endpoint_auth_method": st.sampled_from(("none", "client_secret_basic", "client_secret_post")),
    "grant_types": st.just(["authorization_code"]),
    "response_types": st.just(["code"]),
}
KINDS = (b"application/x-www-form-urlencoded", b"application/json", b"multipart/form-data; boundary=x")
MANGLED = ("&x=%ff", "&name=%ed%a0%80", "&state=%00", "&%zz=%", "&&==;", "&a=1" * 70)
"""What no browser writes into a query or a form."""

WHO = ("ada", "ada", "ada", "root", "root", "visit", "nobody", "wrong")
_MARK = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request before its marks are filled in. ``who`` sends it; ``csrf`` is filled in by that."""

    method: str
    path: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    form: tuple[tuple[str, str], ...]
    body: bytes | None
    headers: tuple[tuple[bytes, bytes], ...]
    who: str
    mangled: str

    def filled(self, stock: Mapping[str, str]) -> bytes:
        """The request as bytes."""
        csrf = stock.get(f"{self.who}_csrf", "0" * 64)
        held = {**stock, "csrf": csrf}

        def fill(value: str) -> str:
            return _MARK.sub(lambda found: held.get(found[1], found[0]), value)

        path = "/".join(quote(fill(step), safe="/") for step in self.path)
        query = "&".join(f"{quote(key)}={quote(fill(value))}" for key, value in self.query)
        query += self.mangled if self.query else ""
        body = self.body
        if body is None:
            form = "&".join(f"{quote(key)}={quote(fill(value))}" for key, value in self.form)
            body = (form + self.mangled if form else "").encode()
        fields = [(b"Host", b"localhost:8080"), *self.headers, *self._cookie(held)]
        target = path.encode() + (b"?" + query.encode() if query else b"")
        return request_of(self.method.encode(), target, fields, body)

    def _cookie(self, held: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
        name, value = {
            "visit": ("hub-visit", held.get("visit", "")),
            "wrong": ("hub-session", "x" * 43),
        }.get(self.who, ("hub-session", held.get(f"{self.who}_session", "")))
        return [(b"Cookie", f"{name}={value}".encode())] if value else []


def shares(routes: tuple[tuple[str, str], ...], requests: int) -> dict[tuple[str, str], int]:
    """How many of at least so many requests each route gets: most those with fields of their own, and each one."""
    weights = {route: _weight(*route) for route in routes}
    return {route: -(-requests * weight // sum(weights.values())) for route, weight in weights.items()}


@st.composite
def requests(draw: st.DrawFn, method: str, canonical: str) -> Asked:
    """A request for one of the hub's web routes. The simplest one is right."""
    if method == "*" or draw(st.integers(0, 19)) == 1:
        method = draw(st.sampled_from(("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS")))
    path = tuple(_step(draw, step) for step in canonical.split("/"))
    names = NATURAL.get(f"{method} {canonical}", NATURAL.get(canonical, "")).split()
    if not names or draw(st.integers(0, 9)) == 1:
        names = ["csrf", *draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=5))]
    elif draw(st.integers(0, 9)) == 1:
        names.append(draw(st.sampled_from(sorted(FIELDS))))
    given = [(name, draw(_value(name))) for name in names if draw(st.integers(0, 19)) != 1]
    if given and draw(st.integers(0, 19)) == 1:
        given.append(given[0])
    posts = method not in ("GET", "HEAD")
    files = canonical.startswith("/files/")
    odd = draw(st.integers(0, 14))
    body = (
        draw(_files)
        if posts and files
        else draw(_bodies)
        if posts and (odd == 1 or "passkey" in canonical or canonical == "/register")
        else None
    )
    kind = KINDS[0] if body is None else KINDS[2] if files else KINDS[1]
    headers = [(b"X-Forwarded-For", b"10.%d.%d.%d" % tuple(draw(st.integers(0, 255)) for _ in range(3)))]
    if posts:
        headers.append((b"Content-Type", draw(mostly(st.just(kind), field_bytes)) if odd > 7 else kind))
    if draw(st.integers(0, 9)) == 1:
        origin = (b"http://localhost:8080", b"https://evil.example", b"null")
        headers.append((b"Origin", draw(mostly(st.sampled_from(origin), field_bytes))))
    if files and draw(st.integers(0, 2)) == 1:
        headers.append((b"Range", draw(mostly(st.sampled_from((b"bytes=0-3", b"bytes=-2", b"bytes=9-")), field_bytes))))
    if draw(st.integers(0, 9)) == 1:
        headers.append((b"Authorization", draw(field_bytes)))
    return Asked(
        method,
        path,
        () if posts and not files and draw(st.integers(0, 9)) != 1 else tuple(given),
        tuple(given) if posts else (),
        body,
        tuple(headers),
        draw(st.sampled_from(WHO)),
        draw(st.sampled_from(MANGLED)) if draw(st.integers(0, 11)) == 1 else "",
    )


def _weight(method: str, canonical: str) -> int:
    if canonical.startswith(("/.well-known", "/static")) or method in ("OPTIONS", "HEAD"):
        return 1
    return 12 if canonical in NATURAL else 4 if method == "POST" else 2


def _step(draw: st.DrawFn, step: str) -> str:
    """One step of a path: as it stands, or what belongs in its place."""
    found = re.fullmatch(r"\{([a-z_]+)(?::.*)?\}", step)
    if found is None:
        return step
    right: str = draw(mostly(st.sampled_from(PLACES.get(found[1], ("x",))), text))
    return right


def _value(name: str) -> st.SearchStrategy[str]:
    right = st.sampled_from(FIELDS[name])
    return st.integers(0, 15).flatmap(lambda number: text if number == 1 else right)


_part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\nContent-Type: %b\r\n\r\n%b\r\n--x--\r\n'
_files = st.one_of(
    st.tuples(st.sampled_from((b"a.txt", b"../a", b"")), st.sampled_from((b"text/plain", b"x")), st.binary()).map(
        lambda held: _part % held
    ),
    st.binary(),
    st.sampled_from((b"--x--\r\n", b"--x\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--\r\n")),
)
_right = st.just([APP_CALLBACK])
_others = {name: one for name, one in METADATA.items() if name != "redirect_uris"}
_bodies = st.one_of(
    st.fixed_dictionaries({}, optional=dict(METADATA)).map(orjson.dumps),
    st.fixed_dictionaries({"redirect_uris": _right}, optional={**_others, "x": json}).map(orjson.dumps),
    json.map(orjson.dumps),
    st.binary(max_size=60),
)
