"""Google Calendar: the tools that must compute. The others are in ``connector.yaml``.

Not times themselves: those are ``times.py``'s.
"""

import re
from typing import Annotated, Any, Literal

from hub.sdk import Connector, Context, ToolError

from .times import moment, span

connector = Connector.here()

WRITE = "https://www.googleapis.com/auth/calendar.events"
FREE_BUSY = "https://www.googleapis.com/auth/calendar.freebusy"

_EVENT = "/calendars/{calendar}/events/{event}"
_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+\Z")

Json = dict[str, Any]
Calendar = Annotated[str, "The calendar's id, as list_calendars answers it; primary is the person's own."]
Event = Annotated[str, "The event's id, as list_events answers it."]
Notify = Annotated[Literal["all", "externalOnly", "none"], "Which guests are told by mail."]
Zone = Annotated[str | None, "IANA zone of times without an offset, such as Europe/Berlin; a repeated event needs it."]
START = "A time, 2026-11-02T09:00:00+01:00, or for a whole day 2026-11-02."
END = "A time, or for whole days the day after the last."


@connector.tool(effect="read", scopes=[FREE_BUSY], lookups={"calendars": "list_calendars"})
async def get_free_busy(
    ctx: Context,
    since: Annotated[str, "From this time on, with its offset.", {"format": "date-time"}],
    until: Annotated[str, "Up to this time, with its offset.", {"format": "date-time"}],
    calendars: Annotated[
        list[str] | None,
        "Ids of calendars, or mail addresses of people who share theirs; the person's own where left out.",
    ] = None,
    time_zone: Annotated[str | None, "Zone to write times in; UTC where left out."] = None,
) -> list[Json]:
    """When calendars are busy, without what with. A calendar that cannot be looked into has a `problem` instead."""
    if moment(until, None, "until") <= moment(since, None, "since"):
        raise ToolError("until must be later than since.")
    asked = {"timeMin": since, "timeMax": until, "items": [{"id": one} for one in calendars or ["primary"]]}
    if time_zone:
        asked["timeZone"] = time_zone
    found = (await ctx.http.post("/freeBusy", json=asked)).json().get("calendars") or {}
    told = []
    for name, held in found.items():
        problems = [str(one.get("reason")) for one in held.get("errors") or []]
        told.append(
            {"calendar": name, **({"problem": ", ".join(problems)} if problems else {"busy": held.get("busy", [])})}
        )
    return told


@connector.tool(
    effect="write",
    scopes=[WRITE],
    lookups={"calendar": "list_calendars"},
    summary="Add to the calendar {calendar}: {title}, {start}",
)
async def create_event(
    ctx: Context,
    title: Annotated[str, "What it is.", {"minLength": 1}],
    start: Annotated[str, START],
    end: Annotated[str, END],
    calendar: Calendar = "primary",
    time_zone: Zone = None,
    location: Annotated[str | None, "Where it is."] = None,
    description: Annotated[str | None, "Its text."] = None,
    recurrence: Annotated[
        list[str] | None,
        "How it repeats, as RRULE, RDATE and EXDATE lines (RFC 5545).",
        {"examples": [["RRULE:FREQ=WEEKLY;COUNT=5"]]},
    ] = None,
    busy: Annotated[bool, "Whether the person is busy then."] = True,
) -> Json:
    """Make an event in a calendar of the person, without guests; nobody is told. invite_guests adds guests."""
    body: Json = {"summary": title, **span(start, end, time_zone, repeats=bool(recurrence))}
    more = {"location": location, "description": description, "recurrence": recurrence}
    body |= {name: value for name, value in more.items() if value}
    if not busy:
        body["transparency"] = "transparent"
    query = {"sendUpdates": "none"}
    reply = await ctx.http.post("/calendars/{calendar}/events", path={"calendar": calendar}, query=query, json=body)
    return _shown(reply.json())


@connector.tool(
    effect="send",
    scopes=[WRITE],
    lookups={"calendar": "list_calendars"},
    summary="Change the event {event}",
)
async def update_event(
    ctx: Context,
    event: Event,
    calendar: Calendar = "primary",
    title: Annotated[str | None, "Its new title."] = None,
    start: Annotated[str | None, "When it begins from now on; give end with it. " + START] = None,
    end: Annotated[str | None, "When it ends from now on. " + END] = None,
    time_zone: Zone = None,
    location: Annotated[str | None, "Where it is from now on; an empty text removes it."] = None,
    description: Annotated[str | None, "Its new text; an empty text removes it."] = None,
    busy: Annotated[bool | None, "Whether the person is busy then."] = None,
    notify: Notify = "all",
) -> Json:
    """Change an event; what is left out stays. Its guests see the change, and are told by mail as notify says.

    By an occurrence's id only that occurrence changes.
    """
    body: Json = {}
    if (start is None) != (end is None):
        raise ToolError("Give start and end together: the event's new times.")
    if start is not None and end is not None:
        body |= span(start, end, time_zone, patch=True)
    more = {"summary": title, "location": location, "description": description}
    body |= {name: value for name, value in more.items() if value is not None}
    if busy is not None:
        body["transparency"] = "opaque" if busy else "transparent"
    if not body:
        raise ToolError("Nothing is to be changed; give title, start and end, location, description or busy.")
    return await _patched(ctx, calendar, event, body, notify)


@connector.tool(
    effect="send",
    scopes=[WRITE],
    egress="guests",
    lookups={"calendar": "list_calendars"},
    summary="Invite {guests} to the event {event}",
)
async def invite_guests(
    ctx: Context,
    event: Event,
    guests: Annotated[list[str], "Mail addresses of those to invite.", {"minItems": 1, "maxItems": 200}],
    optional: Annotated[bool, "Whether they need not come."] = False,
    calendar: Calendar = "primary",
    notify: Notify = "all",
) -> Json:
    """Invite people to an event. They get it into their calendars, and a mail as notify says; those there stay."""
    wrong = [one for one in guests if not _ADDRESS.match(one)]
    if wrong:
        raise ToolError(f"guests: {wrong[0]!r} is not a mail address; write it bare, as ada@example.com.")
    held = await _event(ctx, calendar, event)
    if held.get("attendeesOmitted"):
        raise ToolError("Google does not show all guests of this event, so none can be added without losing some.")
    there = list(held.get("attendees") or [])
    known = {str(one.get("email", "")).lower() for one in there}
    new = {one.lower(): one for one in guests if one.lower() not in known}
    if not new:
        raise ToolError("They are all invited already; see the event's guests by get_event.")
    added = [{"email": one, **({"optional": True} if optional else {})} for one in new.values()]
    return await _patched(ctx, calendar, event, {"attendees": [*there, *added]}, notify, held)


@connector.tool(
    effect="send",
    scopes=[WRITE],
    lookups={"calendar": "list_calendars"},
    summary="Answer the invitation {event}: {response}",
)
async def respond_to_event(
    ctx: Context,
    event: Event,
    response: Annotated[Literal["accepted", "declined", "tentative"], "The person's answer."],
    comment: Annotated[str | None, "Words to the organizer."] = None,
    calendar: Calendar = "primary",
) -> Json:
    """Answer an invitation for the person. The organizer is told."""
    held = await _event(ctx, calendar, event)
    mine = next((one for one in held.get("attendees") or [] if one.get("self")), None)
    if mine is None:
        raise ToolError("The person is not among this event's guests, so there is no invitation to answer.")
    answer = {"email": mine.get("email"), "responseStatus": response, **({"comment": comment} if comment else {})}
    # With attendeesOmitted only the person's own entry is written, and the other guests stay (Event resource).
    return await _patched(ctx, calendar, event, {"attendees": [answer], "attendeesOmitted": True}, "all")


async def _event(ctx: Context, calendar: str, event: str) -> Json:
    return dict((await ctx.http.get(_EVENT, path={"calendar": calendar, "event": event})).json())


async def _patched(ctx: Context, calendar: str, event: str, body: Json, notify: str, read: Json | None = None) -> Json:
    """Change an event; where it was ``read`` before, only if it is still the same
    (developers.google.com/workspace/calendar/api/guides/version-resources)."""
    headers = {"If-Match": str(read["etag"])} if read and read.get("etag") else None
    path, query = {"calendar": calendar, "event": event}, {"sendUpdates": notify}
    reply = await ctx.http.patch(_EVENT, path=path, query=query, headers=headers, json=body)
    return _shown(reply.json())


def _shown(event: Json) -> Json:
    start, end = event.get("start") or {}, event.get("end") or {}
    told = {
        "id": event.get("id"),
        "title": event.get("summary"),
        "start": start.get("dateTime") or start.get("date"),
        "end": end.get("dateTime") or end.get("date"),
        "time_zone": start.get("timeZone"),
        "location": event.get("location"),
        "status": event.get("status"),
        "guests": [
            {"email": one.get("email"), "response": one.get("responseStatus")} for one in event.get("attendees") or []
        ],
        "recurrence": event.get("recurrence"),
        "meet": event.get("hangoutLink"),
        "url": event.get("htmlLink"),
    }
    return {name: value for name, value in told.items() if value}
