"""Gmail: the tools that read and build mail. Those that need neither are in ``connector.yaml``.

Not MIME itself: ``reading.py`` takes messages apart, ``writing.py`` puts them together.
"""

import asyncio
import json
import re
from email.utils import getaddresses, parseaddr
from typing import Annotated, Any

from hub.sdk import Connector, Context, File, Image, NotFoundError, Page, Size, ToolError

from .reading import HEADERS, attachments, brief, bytes_of, header, name_of, size_of, whole
from .writing import ADDRESS, Letter, mail, raw, related, reply_subject

connector = Connector.here()

READ = "https://www.googleapis.com/auth/gmail.readonly"
COMPOSE = "https://www.googleapis.com/auth/gmail.compose"
SEND = "https://www.googleapis.com/auth/gmail.send"

_AT_ONCE = 5
"""Requests under way at once for one search; Gmail refuses too many of one person's."""

_TEXT_MOST = 40_000
"""Characters of one message's text in one answer."""

_THREAD_TEXT_MOST = 5_000
_THREAD_MESSAGES = 10
_RECIPIENTS_MOST = 20_000
"""Characters of a header that recipients are taken from."""

_FILE_MOST = 25_000_000
"""Bytes of an attachment that can be fetched."""

_IN_JSON_MOST = 3_000_000
"""Bytes of a message that is sent within JSON; what is larger is uploaded
(https://developers.google.com/workspace/gmail/api/guides/uploads)."""

_UPLOADS = "https://gmail.googleapis.com/upload/gmail/v1/users/me"

_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")

Json = dict[str, Any]
MessageId = Annotated[str, "The message's id, as search_messages answers it."]
To = Annotated[list[str], "Who gets it: ada@example.com or Ada <ada@example.com>.", {"minItems": 1}]
Cc = Annotated[list[str] | None, "Who gets a copy."]
Bcc = Annotated[list[str] | None, "Who gets a copy without the others seeing it."]
Subject = Annotated[str, "What it is about, in one line."]
Body = Annotated[str, "The text, as plain text."]
Attachments = Annotated[list[File] | None, "Files to send along."]


@connector.tool(effect="read", untrusted=True, scopes=[READ], lookups={"label": "list_labels"})
async def search_messages(
    ctx: Context,
    query: Annotated[
        str | None,
        "Gmail's search words: from:, to:, subject:, is:unread, has:attachment, newer_than:7d, before:2026/01/31 ...",
    ] = None,
    label: Annotated[str | None, "Only messages with the label of this id, such as INBOX."] = None,
    spam_and_trash: Annotated[bool, "Search in spam and trash too."] = False,
    cursor: str | None = None,
    limit: Annotated[int, "How many messages, 1 to 25; 10 where left out."] = 10,
) -> Page[Json]:
    """Find messages, newest first, with sender, subject, date and their first words. Read one with read_message, or its
    whole conversation with read_thread."""
    found = await ctx.http.page(
        "/messages",
        style="cursor",
        items="messages",
        next="nextPageToken",
        send="pageToken",
        size=Size("maxResults", default=10, max=25),
        cursor=cursor,
        limit=limit,
        query={"q": query, "labelIds": label, "includeSpamTrash": "true" if spam_and_trash else None},
    )
    messages: list[Json] = []
    for first in range(0, len(found.items), _AT_ONCE):
        some = found.items[first : first + _AT_ONCE]
        got = await asyncio.gather(*(_headers(ctx, str(one["id"])) for one in some), return_exceptions=True)
        for one in got:
            if isinstance(one, NotFoundError):
                continue  # deleted since it was listed
            if isinstance(one, BaseException):
                raise one
            messages.append(brief(one))
    return Page(messages, found.next)


@connector.tool(effect="read", untrusted=True, scopes=[READ])
async def read_message(
    ctx: Context,
    message: MessageId,
    offset: Annotated[int, "Where in the text to begin; next_offset of the answer before.", {"minimum": 0}] = 0,
) -> Json:
    """Read one message as text, with its attachments by number. A long text comes in parts."""
    return whole(await _full(ctx, message), offset, _TEXT_MOST)


@connector.tool(effect="read", untrusted=True, scopes=[READ])
async def read_thread(
    ctx: Context,
    thread: Annotated[str, "The conversation's thread_id, as search_messages answers it."],
    before: Annotated[
        str | None, "Only messages before the one with this id: the answer's earlier, to read on."
    ] = None,
) -> Json:
    """Read a conversation, oldest message first: its ten last messages, each text cut to 5,000 characters.

    `earlier` leads to those before. A message with `next_offset` goes on in read_message.
    """
    got = (await ctx.http.get("/threads/{thread}", path={"thread": thread}, query={"format": "full"})).json()
    messages = got.get("messages") or []
    if before is not None:
        known = [str(one.get("id")) for one in messages]
        if before not in known:
            raise ToolError(f"before: {before!r} is no message of this conversation; take earlier of the last answer.")
        messages = messages[: known.index(before)]
    shown = messages[-_THREAD_MESSAGES:]
    told: Json = {
        "thread_id": got.get("id"),
        "subject": header(messages[0], "Subject") if messages else "",
        "messages": [whole(one, 0, _THREAD_TEXT_MOST) for one in shown],
    }
    if len(messages) > len(shown):
        told["earlier"] = shown[0].get("id")
    return told


@connector.tool(effect="read", untrusted=True, scopes=[READ])
async def get_attachment(
    ctx: Context,
    message: MessageId,
    number: Annotated[int, "The attachment's number, as read_message answers it.", {"minimum": 1}] = 1,
) -> Image | File:
    """Get one attachment of a message, up to 25 MB."""
    # An attachment's id is another each time the message is read, so it is looked up by its place.
    held = list(attachments((await _full(ctx, message)).get("payload", {})))
    if number > len(held):
        raise NotFoundError(f"The message has {len(held)} attachments, and none of number {number}.")
    part = held[number - 1]
    name, kind = name_of(part, number), str(part.get("mimeType") or "application/octet-stream")
    if size_of(part) > _FILE_MOST:
        raise ToolError(f"{name} has {size_of(part):,} bytes; at most {_FILE_MOST:,} can be fetched. Open it in Gmail.")
    body = part.get("body", {})
    if "attachmentId" in body:
        url = "/messages/{message}/attachments/{id}"
        # In base64, within JSON.
        path = {"message": message, "id": body["attachmentId"]}
        reply = await ctx.http.get(url, path=path, largest=_FILE_MOST * 3 // 2)
        body = reply.json()
    data = bytes_of(str(body.get("data") or ""))
    return Image(data, kind) if kind in _PICTURES else File(data, kind, name.replace("/", "_"))


@connector.tool(effect="write", scopes=[READ, COMPOSE], summary="Draft a mail to {to}: {subject}")
async def create_draft(
    ctx: Context,
    body: Body,
    to: Annotated[list[str] | None, "Who is to get it; left out in a reply, those who are answered."] = None,
    subject: Annotated[str | None, "What it is about; left out in a reply, that of the answered message."] = None,
    cc: Cc = None,
    bcc: Bcc = None,
    reply_to: Annotated[str | None, "Id of the message it answers."] = None,
    attachments: Attachments = None,
) -> Json:
    """Write a mail into the drafts without sending it: a new one, or with reply_to an answer. send_draft sends it."""
    if reply_to is None and (not to or not subject):
        raise ToolError("A new mail needs to and subject; an answer needs reply_to.")
    answered = await _headers(ctx, reply_to, "Reply-To", "Message-ID", "References") if reply_to is not None else {}
    letter = Letter(
        to or _others([_sender(answered)], ""),
        subject or reply_subject(header(answered, "Subject")),
        body,
        cc or (),
        bcc or (),
        attachments or (),
        header(answered, "Message-ID"),
        header(answered, "References"),
    )
    made = await _posted(ctx, "/drafts", letter, answered)
    return {"draft": made.get("id"), **_told(made.get("message") or {})}


@connector.tool(effect="send", scopes=[SEND], egress="to", summary="Send a mail to {to}: {subject}")
async def send_message(
    ctx: Context, to: To, subject: Subject, body: Body, cc: Cc = None, bcc: Bcc = None, attachments: Attachments = None
) -> Json:
    """Send a new mail at once. It cannot be taken back; create_draft lets the person look first. To answer one use
    reply_to_message."""
    letter = Letter(to, subject, body, cc or (), bcc or (), attachments or ())
    return _told(await _posted(ctx, "/messages/send", letter))


@connector.tool(effect="send", scopes=[READ, SEND], summary="Answer the mail {message}")
async def reply_to_message(
    ctx: Context,
    message: MessageId,
    body: Body,
    everyone: Annotated[bool, "Answer all who got it, not only who wrote it."] = False,
    attachments: Attachments = None,
) -> Json:
    """Answer a message at once, in its conversation; it goes to its Reply-To where it has one. It cannot be
    taken back; create_draft with reply_to lets the person look first."""
    answered = await _headers(ctx, message, "Reply-To", "Message-ID", "References")
    me = ""
    if everyone or "SENT" in (answered.get("labelIds") or []):
        me = str((await ctx.http.get("/profile")).json().get("emailAddress", "")).lower()
    sender = _sender(answered)
    to = _others([sender], me) or _others([header(answered, "To")], me) or _others([sender], "")
    cc: list[str] = []
    if everyone:
        known = {_bare(one) for one in to}
        copied = _others([header(answered, "To"), header(answered, "Cc")], me)
        cc = [one for one in copied if _bare(one) not in known]
    letter = Letter(
        to,
        reply_subject(header(answered, "Subject")),
        body,
        cc,
        (),
        attachments or (),
        header(answered, "Message-ID"),
        header(answered, "References"),
    )
    sent = await _posted(ctx, "/messages/send", letter, answered)
    return {**_told(sent), "to": to, **({"cc": cc} if cc else {})}


async def _full(ctx: Context, message: str) -> Json:
    reply = await ctx.http.get("/messages/{message}", path={"message": message}, query={"format": "full"})
    return dict(reply.json())


async def _headers(ctx: Context, message: str, *more: str) -> Json:
    query = {"format": "metadata", "metadataHeaders": [*HEADERS, *more]}
    return dict((await ctx.http.get("/messages/{message}", path={"message": message}, query=query)).json())


def _sender(answered: Json) -> str:
    found = header(answered, "Reply-To") or header(answered, "From")
    if not _others([found], ""):
        raise ToolError("The message names nobody who can be answered; write a new mail with its recipients.")
    return found


def _others(fields: list[str], me: str) -> list[str]:
    """The addresses in these headers, each once, without the person's own; what is no address is passed over."""
    found: dict[str, str] = {}
    for field in fields:
        try:
            named = getaddresses([field[:_RECIPIENTS_MOST]])
        except RecursionError:  # comments nested without end
            continue
        for name, address in named:
            if ADDRESS.fullmatch(address):
                plain = re.sub(r"[<>\"\\\x00-\x1f\x7f]+", " ", name).strip()[:100]
                found.setdefault(address.lower(), f"{plain} <{address}>" if plain else address)
    return [text for address, text in found.items() if address not in ("", me)]


def _bare(text: str) -> str:
    return parseaddr(text)[1].lower()


async def _posted(ctx: Context, path: str, letter: Letter, answered: Json | None = None) -> Json:
    """Send a letter, or with ``/drafts`` keep it, in the conversation of what it answers; what Gmail says of it."""
    thread = (answered or {}).get("threadId")
    held: Json = {"threadId": thread} if thread else {}
    made = mail(letter, ctx.now())
    small = len(made) <= _IN_JSON_MOST
    if small:
        held["raw"] = raw(made)
    if path == "/drafts":
        held = {"message": held}
    if small:
        return dict((await ctx.http.post(path, json=held)).json())
    body, kind = related(json.dumps(held).encode(), made)
    query = {"uploadType": "multipart"}
    return dict((await ctx.http.post(_UPLOADS + path, query=query, body=body, headers={"Content-Type": kind})).json())


def _told(message: Json) -> Json:
    told = {"id": message.get("id"), "thread_id": message.get("threadId"), "labels": message.get("labelIds")}
    return {key: value for key, value in told.items() if value}
