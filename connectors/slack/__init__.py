"""Slack: the tools for files. All others are in ``connector.yaml``.

A file is sent in three steps (https://docs.slack.dev/messaging/working-with-files#upload): ask for a place, put the
bytes there, and say where it is to be shown.
"""

import json
from typing import Annotated, Any

from hub.sdk import Accepts, Connector, Context, File, ToolError

connector = Connector.here()

_MOST = 25_000_000
"""Bytes of a file that is fetched or sent."""

Json = dict[str, Any]


@connector.tool(
    effect="send",
    scopes=["files:write"],
    egress="channel",
    summary="Send a file to {channel} in Slack",
    lookups={"channel": "list_channels"},
)
async def send_file(
    ctx: Context,
    channel: Annotated[str, "The id of the channel, or of the direct conversation that open_direct_message gives."],
    file: Annotated[File, "The file.", Accepts(max_bytes=_MOST)],
    text: Annotated[str | None, "What is said with it."] = None,
    title: Annotated[str | None, "What it is called in Slack; its name where left out."] = None,
    thread_ts: Annotated[
        str | None, "The ts of the message it answers in a thread.", {"pattern": "[0-9]+\\.[0-9]+"}
    ] = None,
) -> Json:
    """Send a file to a channel or direct conversation, or into a thread, in the person's name."""
    if not file.data:
        raise ToolError(f"file: {file.name} is empty, and Slack takes no empty file.")
    place = (
        await ctx.http.post("/files.getUploadURLExternal", form={"filename": file.name, "length": len(file.data)})
    ).json()
    await ctx.http.post(str(place["upload_url"]), body=file.data, headers={"Content-Type": "application/octet-stream"})
    shown = [{"id": place["file_id"], "title": title or file.name}]
    fields = {"files": json.dumps(shown), "channel_id": channel, "initial_comment": text, "thread_ts": thread_ts}
    done = (await ctx.http.post("/files.completeUploadExternal", form=fields)).json()
    (made,) = done.get("files") or [{}]
    return {"id": place["file_id"], "title": made.get("title") or title or file.name, "channel": channel}


@connector.tool(effect="read", scopes=["files:read"], untrusted=True)
async def get_file(
    ctx: Context, file: Annotated[str, "The file's id, as messages name it.", {"examples": ["F0123ABCD"]}]
) -> File:
    """Get a file that was shared in a conversation, up to 25 MB."""
    held = (await ctx.http.get("/files.info", query={"file": file})).json().get("file") or {}
    name, kind = str(held.get("name") or file), str(held.get("mimetype") or "application/octet-stream")
    url = held.get("url_private_download") or held.get("url_private")
    if held.get("is_external") or not url:
        elsewhere = f" It is at {held['external_url']}." if held.get("external_url") else ""
        raise ToolError(f"{name} is not kept by Slack.{elsewhere}")
    if int(held.get("size") or 0) > _MOST:
        raise ToolError(f"{name} has {held['size']:,} bytes; at most {_MOST:,} can be fetched. Open it in Slack.")
    reply = await ctx.http.get(str(url), largest=_MOST)
    if reply.headers.get("content-type", "").startswith("text/html") and kind != "text/html":
        # Slack shows its sign-in page, with status 200, to a token that may not have the file.
        raise ToolError(f"Slack did not hand out {name}; the account may lack the scope files:read.")
    return File(reply.body, kind, name)
