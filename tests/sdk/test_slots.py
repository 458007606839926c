"""What every call makes some of is made quickly, and is as frozen as it looks."""

from dataclasses import FrozenInstanceError, replace

import pytest

from hub.sdk.http import Outgoing, Reply


def test_a_request_is_frozen_and_can_be_made_over() -> None:
    asked = Outgoing("GET", "https://api.example.com/a", {"A": "1"}, repeatable=True, private=("secret",))
    with pytest.raises(FrozenInstanceError):
        asked.url = "https://elsewhere.example.com"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del asked.headers
    over = replace(asked, headers={"A": "2"})
    assert over == Outgoing("GET", asked.url, {"A": "2"}, None, True, ("secret",))
    assert over != asked
    assert "secret" not in repr(asked)


def test_what_is_left_out_is_each_ones_own() -> None:
    first, second = Outgoing("GET", "https://a.example.com"), Outgoing("GET", "https://a.example.com")
    assert first == second
    assert first.headers is not second.headers
    assert (first.body, first.repeatable, first.private, first.largest) == (None, False, (), None)


def test_what_is_missing_or_unknown_is_told() -> None:
    with pytest.raises(TypeError, match=r"Reply.__init__\(\) missing 1 required positional argument: 'body'"):
        Reply(200, "https://a.example.com", {})  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'status_code'"):
        Reply(status_code=200, url="", headers={}, body=b"")  # type: ignore[call-arg]
