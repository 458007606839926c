"""What gmail sends is mail as the standard library reads it: the words that were given, and no header beside."""

import asyncio
import base64
import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.clock import FixedClock, SystemClock
from hub.gateway.audit import NoAudit
from hub.registry import Catalog, Place, Registry
from hub.registry.places import SHIPPED, shipped_folder
from hub.sdk.http import Outgoing, Reply
from hub.testing import Studio
from hub.testing.conversation import CALLER
from hub.testing.rehearsal import Rehearsal

LARGE = bytes(range(256)) * 20_000
AT = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters='"\\'), max_size=40)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=120)


class Mailbox:
    """Gmail's end: takes everything, and answers with what it was told to first (``upstream.transport.Transport``)."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.sent: list[Outgoing] = []

    async def exchange(
        self,
        outgoing: Outgoing,
        *,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - the protocol's
    ) -> Reply:
        """The next answer, or that it was sent."""
        self.sent.append(outgoing)
        if outgoing.url.startswith("https://files.example/"):
            return Reply(200, outgoing.url, {"content-type": "application/pdf"}, LARGE)
        body = self.replies.pop(0) if self.replies else {"id": "18f9", "threadId": "18f9"}
        return Reply(200, outgoing.url, {"content-type": "application/json"}, orjson.dumps(body))


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The shipped connectors."""
    folder = shipped_folder()
    assert isinstance(folder, Path)
    return asyncio.run(Registry([Place(folder, SHIPPED)], clock=SystemClock()).load())


async def called(catalog: Catalog, tool: str, arguments: dict[str, Any], *replies: Any) -> dict[str, Any]:
    """One call as a recording tells it."""
    studio = Studio(catalog, Mailbox(*replies), NoAudit(), FixedClock(AT), CALLER, {}, Rehearsal({}))
    return await studio.record(f"gmail_{tool}", arguments, source="https://developers.google.com/workspace/gmail")


def mail(recorded: dict[str, Any]) -> EmailMessage:
    """The mail in a call's last request, read by the standard library."""
    body = recorded["exchanges"][-1]["request"]["body"]
    raw = str(body.get("message", body)["raw"])
    data = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))
    read = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(read, EmailMessage)
    return read


def lines(text: str) -> list[str]:
    """A text as mail carries it: in lines, whatever ended them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(subject=WORDS, body=WORDS, name=NAMES)
@example(subject="Hello\r\nBcc: eve@example.com", body="x", name="Ada")
@example(subject="Hello", body="x", name="Ada\nBcc: eve@example.com")
@example(subject="Hello", body=".\r\n\r\nTo: eve@example.com", name="Grüße, Ada")
@example(subject="x" * 1990, body="ä" * 120, name="")
@example(subject="ä" * 1990, body="", name="ä" * 370)
@example(subject="=?utf-8?q?no?=  two", body="", name="=?utf-8?q?no?=")
async def test_a_sent_mail_says_what_was_given_and_nothing_else_or_is_refused(
    catalog: Catalog, subject: str, body: str, name: str
) -> None:
    recorded = await called(
        catalog, "send_message", {"to": [f'"{name}" <ada@example.com>'], "subject": subject, "body": body}
    )
    if "error" in recorded:
        assert recorded["error"]["kind"] == "tool_error"
        assert recorded["exchanges"] == []
        return
    read = mail(recorded)
    assert set(read.keys()) == {
        "To", "Subject", "Date", "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert [one.addr_spec for one in read["To"].addresses] == ["ada@example.com"]
    assert str(read["Subject"]).split() == subject.split()
    assert lines(read.get_content()) == lines(body)


async def test_a_long_chain_of_answers_keeps_every_message_id_whole(catalog: Catalog) -> None:
    ids = [f"<{number}.{'x' * 90}@mail.example.com>" for number in range(20)]
    headers = {
        "From": "Ada <ada@example.com>", "Reply-To": "desk@example.com", "Subject": "Plans",
        "Message-ID": ids[-1], "References": " ".join(ids[:-1]),
    }  # fmt: skip
    answered = {
        "id": "18c1",
        "threadId": "18c0",
        "payload": {"headers": [{"name": name, "value": value} for name, value in headers.items()]},
    }
    recorded = await called(catalog, "reply_to_message", {"message": "18c1", "body": "Yes."}, answered)
    read = mail(recorded)
    assert str(read["References"]).split() == ids
    assert str(read["In-Reply-To"]).strip() == ids[-1]
    assert str(read["To"]) == "desk@example.com"
    assert str(read["Subject"]) == "Re: Plans"
    assert recorded["exchanges"][-1]["request"]["body"]["threadId"] == "18c0"


async def test_an_attachment_arrives_byte_for_byte_under_its_name(catalog: Catalog) -> None:
    data = bytes(range(256)) * 40
    file = {"name": "Übersicht.bin", "mime_type": "application/octet-stream", "data": base64.b64encode(data).decode()}
    arguments = {"to": ["ada@example.com"], "subject": "List", "body": "The list.", "attachments": [file]}
    (part,) = mail(await called(catalog, "create_draft", arguments)).iter_attachments()
    assert part.get_filename() == "Übersicht.bin"
    assert part.get_content() == data


@pytest.mark.parametrize(("tool", "path"), [("send_message", "messages/send"), ("create_draft", "drafts")])
async def test_a_large_mail_is_uploaded_whole_and_stays_in_its_conversation(
    catalog: Catalog, tool: str, path: str
) -> None:
    answered = {
        "id": "18c1",
        "threadId": "18c0",
        "payload": {"headers": [{"name": "From", "value": "ada@example.com"}]},
    }
    mailbox = Mailbox(*([answered] if tool == "create_draft" else []))
    studio = Studio(catalog, mailbox, NoAudit(), FixedClock(AT), CALLER, {}, Rehearsal({}))
    arguments = {
        "to": ["ada@example.com"],
        "subject": "Plan",
        "body": "x",
        "attachments": ["https://files.example/p.pdf"],
    }
    arguments |= {"reply_to": "18c1"} if tool == "create_draft" else {}
    recorded = await studio.record(f"gmail_{tool}", arguments, source="https://developers.google.com/workspace/gmail")
    assert "error" not in recorded
    sent = mailbox.sent[-1]
    assert sent.url == f"https://gmail.googleapis.com/upload/gmail/v1/users/me/{path}?uploadType=multipart"
    assert sent.body is not None
    read = email.message_from_bytes(
        b"Content-Type: " + sent.headers["Content-Type"].encode() + b"\r\n\r\n" + sent.body, policy=email.policy.default
    )
    assert isinstance(read, EmailMessage)
    metadata, message = read.iter_parts()
    thread = {"message": {"threadId": "18c0"}} if tool == "create_draft" else {}
    assert orjson.loads(metadata.get_content()) == thread
    (part,) = message.get_content().iter_attachments()
    assert (part.get_filename(), part.get_content_type(), part.get_content()) == ("p.pdf", "application/pdf", LARGE)


@pytest.mark.parametrize(
    "sender", ["(" * 5000, "<" * 5000, '"\\' * 2000, "Ada", "a@b", "a\r\nBcc: eve@example.com", ""]
)
async def test_a_strangers_sender_that_is_no_address_is_not_answered(catalog: Catalog, sender: str) -> None:
    answered = {"id": "18c1", "threadId": "18c0", "payload": {"headers": [{"name": "From", "value": sender}]}}
    recorded = await called(catalog, "reply_to_message", {"message": "18c1", "body": "Yes."}, answered)
    if "error" in recorded:
        assert recorded["error"]["kind"] == "tool_error"
        assert [one["request"]["method"] for one in recorded["exchanges"]] == ["GET"]
    else:
        assert "Bcc" not in mail(recorded)


async def test_everyone_is_answered_once_without_the_person_however_long_the_list(catalog: Catalog) -> None:
    people = ", ".join(f'"Person, {number}" <p{number}@example.com>' for number in range(300))
    headers = {"From": "Ada <ada@example.com>", "To": f"ME@example.com, {people}", "Cc": "ada@example.com, ((((((((("}
    answered = {
        "id": "18c1",
        "payload": {"headers": [{"name": name, "value": value} for name, value in headers.items()]},
    }
    arguments = {"message": "18c1", "body": "Yes.", "everyone": True}
    read = mail(await called(catalog, "reply_to_message", arguments, answered, {"emailAddress": "me@example.com"}))
    assert [one.addr_spec for one in read["To"].addresses] == ["ada@example.com"]
    assert [one.addr_spec for one in read["Cc"].addresses] == [f"p{number}@example.com" for number in range(300)]
    assert read["Cc"].addresses[7].display_name == "Person, 7"
