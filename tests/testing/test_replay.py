"""Recordings as data: what holds, and how what does not hold is told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.testing import Report, check

Keep = Callable[[str, str], Path]

FOUND = """
    arguments: {query: red shoes, tags: [new, "2"]}
    exchanges:
      - request: {url: "https://shop.example/api/tickets", query: {q: red shoes, tag: [new, 2]}}
        response: {body: {tickets: [{id: 1, title: Shoes, secret: x}]}}
    result: {items: [{id: 1, title: Shoes}]}
"""


async def problems(shop: Path) -> list[str]:
    """What is wrong with the shop's recordings."""
    report = await check(shop)
    assert report.reason is None
    return list(report.problems)


async def only(shop: Path) -> str:
    """The one problem there is."""
    (problem,) = await problems(shop)
    return problem


async def test_a_recording_of_what_happens_holds(shop: Path, keep: Keep) -> None:
    keep("find", FOUND)
    report = await check(shop)
    assert report.problems == ()
    assert (report.tools, report.recordings) == (8, 1)
    assert report.ok


async def test_another_query_is_told_with_file_line_and_both_values(shop: Path, keep: Keep) -> None:
    keep("find", FOUND.replace("q: red shoes", "q: blue"))
    assert await only(shop) == (
        'recordings/find.yaml:4: request 1 is not the recorded one:\n    query.q: recorded "blue", sent "red shoes"'
    )


async def test_a_parameter_too_many_and_one_too_few_are_told(shop: Path, keep: Keep) -> None:
    keep("find", FOUND.replace("q: red shoes", "words: red shoes"))
    told = await only(shop)
    assert 'query.words: recorded "red shoes", sent nothing' in told
    assert 'query.q: recorded nothing, sent "red shoes"' in told


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("request: {url", "request: {method: POST, url", "method: recorded POST, sent GET"),
        ("api/tickets", "api/people", "url: recorded https://shop.example/api/people, sent https://shop.example/api/"),
        ("https://shop.example/api", "http://shop.example/api", "url: recorded http:"),
        ("request: {url", "request: {headers: {X-Team: blue}, url", "header X-Team: recorded 'blue', sent 'red'"),
        ("request: {url", "request: {headers: {X-More: blue}, url", "header X-More: recorded 'blue', sent nothing"),
        ("request: {url", "request: {body: {a: 1}, url", 'body: recorded {"a":1}, sent null'),
    ],
)
async def test_every_part_of_a_request_is_compared(shop: Path, keep: Keep, before: str, after: str, told: str) -> None:
    keep("find", FOUND.replace(before, after, 1))
    assert told in await only(shop)


async def test_a_setting_of_the_recording_reaches_the_request(shop: Path, keep: Keep) -> None:
    recording = FOUND.replace("request: {url", "request: {headers: {x-team: blue}, url", 1)
    keep("find", "settings: {team: blue}\n" + recording.replace("\n    ", "\n"))
    assert await problems(shop) == []


async def test_a_request_that_is_not_recorded_is_told(shop: Path, keep: Keep) -> None:
    keep("page", "arguments: {name: a}\nexchanges: []\nresult: x\n")
    assert "request 1 is not recorded; the tool sent GET https://shop.example/api/manual/a" in await only(shop)


async def test_an_exchange_that_is_never_used_is_told(shop: Path, keep: Keep) -> None:
    keep(
        "today",
        """
        exchanges:
          - request: {url: https://shop.example/api/time}
            response: {}
        result: "2026-01-15"
        """,
    )
    assert await only(shop) == (
        "recordings/today.yaml:3: GET https://shop.example/api/time was recorded and never sent"
    )


async def test_a_tool_cannot_hide_that_it_sent_something_else(shop: Path, keep: Keep) -> None:
    keep(
        "stubborn",
        """
        exchanges:
          - request: {url: https://shop.example/api/sum}
            response: {body: {count: 0}}
        result: {count: 0}
        """,
    )
    assert "sent https://shop.example/api/count" in await only(shop)


async def test_another_result_is_told_by_its_path(shop: Path, keep: Keep) -> None:
    keep(
        "find", FOUND.replace("result: {items: [{id: 1, title: Shoes}]}", "result: {items: [{id: true, title: Boots}]}")
    )
    assert await only(shop) == (
        "recordings/find.yaml:6: the model sees something else:\n"
        "    items[0].id: recorded true, got 1\n"
        '    items[0].title: recorded "Boots", got "Shoes"'
    )


async def test_json_and_form_bodies_are_compared_decoded(shop: Path, keep: Keep) -> None:
    keep(
        "add",
        """
        arguments: {title: "Größe", size: 3}
        exchanges:
          - request: {method: POST, url: https://shop.example/api/tickets, body: {ticket: {size: 3, title: "Größe"}}}
            response: {status: 201, body: {id: 7}}
        result: {id: 7}
        """,
    )
    keep(
        "sign",
        """
        arguments: {name: "A & B", count: 2}
        exchanges:
          - request: {method: POST, url: https://shop.example/api/sign, body: {name: "A & B", count: 2}}
            response: {body: {ok: true}}
        result: {ok: true}
        """,
    )
    assert await problems(shop) == []
    keep(
        "add.other",
        """
        arguments: {title: a}
        exchanges:
          - request: {method: POST, url: https://shop.example/api/tickets, body: {ticket: {title: b}}}
            response: {body: {id: 7}}
        result: {id: 7}
        """,
    )
    assert 'body.ticket.title: recorded "b", sent "a"' in await only(shop)


async def test_two_spellings_of_one_address_are_one(shop: Path, keep: Keep) -> None:
    keep(
        "page",
        """
        arguments: {name: "a/b ü"}
        exchanges:
          - request: {url: "https://shop.example:443/api/manual/a%2Fb%20%C3%BC"}
            response: {headers: {Content-Type: text/plain}, body: Hello}
        result: Hello
        """,
    )
    assert await problems(shop) == []
    keep(
        "page.split",
        """
        arguments: {name: "a/b"}
        exchanges:
          - request: {url: "https://shop.example/api/manual/a/b"}
            response: {body: Hello}
        result: Hello
        """,
    )
    assert "sent https://shop.example/api/manual/a%2Fb" in await only(shop)


async def test_a_failure_is_recorded_by_its_kind_and_words(shop: Path, keep: Keep) -> None:
    text = """
        arguments: {name: gone}
        exchanges:
          - request: {url: https://shop.example/api/manual/gone}
            response: {status: 404, body: {message: No such page}}
        error: {kind: not_found, contains: No such page}
        """
    keep("page.gone", text)
    assert await problems(shop) == []
    keep("page.gone", text.replace("kind: not_found", "kind: unavailable"))
    assert "recorded unavailable, got not_found" in await only(shop)
    keep("page.gone", text.replace("contains: No", "contains: Not"))
    assert "the message does not contain 'Not such page'" in await only(shop)
    keep("page.gone", text.replace("error: {kind: not_found, contains: No such page}", "result: Hello"))
    assert "recordings/page.gone.yaml:6: the call failed (not_found)" in await only(shop)
    keep("page.gone", text.replace("status: 404", "status: 200"))
    assert "recorded a failure (not_found), but the call succeeded" in await only(shop)


async def test_waiting_for_a_retry_takes_no_time(shop: Path, keep: Keep) -> None:
    keep(
        "page",
        """
        arguments: {name: a}
        exchanges:
          - request: {url: https://shop.example/api/manual/a}
            response: {status: 429, headers: {Retry-After: "50"}}
          - request: {url: https://shop.example/api/manual/a}
            response: {status: 302, headers: {Location: /api/manual/b}}
          - request: {url: https://shop.example/api/manual/b}
            response: {body: Hello}
        result: Hello
        """,
    )
    assert await problems(shop) == []


async def test_the_clock_stands_where_the_recording_says(shop: Path, keep: Keep) -> None:
    keep("today", 'exchanges: []\nresult: "2026-01-15"\n')
    keep("today.leap", 'at: 2024-02-29T23:30:00-02:00\nexchanges: []\nresult: "2024-03-01"\n')
    assert await problems(shop) == []


async def test_a_question_is_answered_from_the_recording(shop: Path, keep: Keep) -> None:
    text = """
        arguments: {id: 4}
        client: {elicitation: {}}
        answers: {sure: {action: accept, content: {"yes": true}}}
        exchanges:
          - request: {method: DELETE, url: https://shop.example/api/tickets/4}
            response: {status: 204}
        result: {closed: "4"}
        """
    keep("close", text)
    keep(
        "close.unable", "arguments: {id: 4}\nexchanges: []\nerror: {kind: capability_missing, contains: elicitation}\n"
    )
    assert await problems(shop) == []
    keep("close", text.replace("sure:", "surely:"))
    assert "it asks sure, which answers does not hold" in await only(shop)
    keep("close", text.replace("answers: {sure", "answers: {more: {action: cancel}, sure"))
    assert "answers holds more, which was never asked" in await only(shop)


async def test_a_cursor_that_is_a_link_is_recorded_as_the_link(shop: Path, keep: Keep) -> None:
    text = """
        arguments: {cursor: "https://shop.example/api/tickets?after=1"}
        exchanges:
          - request: {url: "https://shop.example/api/tickets?after=1"}
            response:
              headers: {Link: '<https://shop.example/api/tickets?after=2>; rel="next"'}
              body: {tickets: []}
        result: {items: [], next_cursor: "https://shop.example/api/tickets?after=2"}
        """
    keep("find.next", text)
    assert await problems(shop) == []
    keep("find.next", text.replace('after=2"}', 'after=3"}'))
    assert 'next_cursor: recorded "https://shop.example/api/tickets?after=3"' in await only(shop)


async def test_blocks_resources_and_prompts_are_recorded_too(shop: Path, keep: Keep) -> None:
    keep(
        "picture",
        """
        exchanges:
          - request: {url: https://shop.example/api/picture}
            response: {headers: {content-type: image/png}, body: {base64: iVBORw==}}
        result: {content: [{type: image, data: iVBORw==, mimeType: image/png}]}
        """,
    )
    keep(
        "reading_a_ticket",
        """
        resource: shop://tickets/5
        exchanges:
          - request: {url: https://shop.example/api/tickets/5}
            response: {body: {id: 5}}
        result: {id: 5}
        """,
    )
    keep(
        "reading_a_lost_ticket",
        """
        resource: shop://tickets/6
        exchanges:
          - request: {url: https://shop.example/api/tickets/6}
            response: {status: 404}
        error: {kind: not_found}
        """,
    )
    keep("greeting", "prompt: shop_greet\narguments: {name: Ada}\nexchanges: []\nresult: Say hello to Ada.\n")
    keep("greeting_nobody", "prompt: shop_greet\nexchanges: []\nerror: {kind: protocol_error, contains: needs name}\n")
    assert await problems(shop) == []


async def test_arguments_that_do_not_fit_fail_as_they_would_for_a_model(shop: Path, keep: Keep) -> None:
    keep("page.wrong", "arguments: {nam: a}\nexchanges: []\nerror: {kind: tool_error, contains: do not fit}\n")
    assert await problems(shop) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("exchanges: []\n", "exactly one of result and error"),
        ("exchanges: []\nresult: 1\nerror: {kind: tool_error}\n", "exactly one of result and error"),
        ("exchanges: []\nresult: 1\nresul: 2\n", "recordings/page.yaml:4: resul: unknown key"),
        ("result: 1\n", "exchanges: is required"),
        (
            "exchanges:\n  - request: {url: /a}\n    response: {}\nresult: 1\n",
            "recordings/page.yaml:3: exchanges.0.request.url",
        ),
        ("exchanges: []\nerror: {kind: sad}\n", "recordings/page.yaml:3: error.kind"),
        ("at: 2026-01-01T00:00:00\nexchanges: []\nresult: 1\n", "recordings/page.yaml:2: at: a time with its zone"),
        ("exchanges: []\nexchanges: []\n", "recordings/page.yaml:3: the key 'exchanges' stands twice"),
        ("exchanges: [\n", "recordings/page.yaml:3: "),
    ],
)
async def test_a_recording_that_is_not_one_is_told_by_line(shop: Path, keep: Keep, text: str, told: str) -> None:
    keep("page", text)
    assert told in await only(shop)


async def test_a_recording_of_no_tool_is_told(shop: Path, keep: Keep) -> None:
    keep("pages", "exchanges: []\nresult: 1\n")
    assert "the connector has no tool 'pages'" in await only(shop)


async def test_a_recording_without_a_source_is_told(shop: Path) -> None:
    (shop / "recordings" / "page.yaml").write_text("exchanges: []\nresult: 1\n")
    assert await only(shop) == "recordings/page.yaml:1: source: is required"


async def test_tools_without_a_recording_are_warnings_outside_the_repository(shop: Path, keep: Keep) -> None:
    keep("find", FOUND)
    report = await check(shop)
    assert report.ok
    assert "tool page: there is no recording; add recordings/page.yaml" in report.warnings
    as_shipped = Report(report.name, report.path, shipped=True, warnings=report.warnings)
    assert not as_shipped.ok


async def test_a_single_file_keeps_its_recordings_beside_it(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(
        "title: One\nbase_url: https://one.example\n"
        "tools:\n  get:\n    description: Get the one thing.\n    effect: read\n    request: {path: /one}\n"
    )
    (tmp_path / "one.recordings").mkdir()
    (tmp_path / "one.recordings" / "get.yaml").write_text(
        "source: https://one.example/docs\n"
        "exchanges: [{request: {url: https://one.example/one}, response: {body: {one: 1}}}]\nresult: {one: 1.0}\n"
    )
    report = await check(tmp_path / "one.yaml")
    assert (report.ok, report.recordings, report.warnings) == (True, 1, ())


async def test_connectors_beside_the_checked_one_are_not_run(shop: Path) -> None:
    (shop.parent / "trap.py").write_text("import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n")
    assert (await check(shop)).reason is None
    assert not (shop.parent / "trap.ran").exists()
