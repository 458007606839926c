"""A server of the official SDK, run by tests: ``official.py stdio`` or ``official.py TRANSPORT PORT``. Not a test."""

import sys
from base64 import b64encode
from typing import Annotated, Any

from mcp.server.mcpserver import Context, Image, MCPServer
from mcp_types import BlobResourceContents, EmbeddedResource
from pydantic import Base64Bytes, BaseModel, Field, HttpUrl

Photo = Annotated[
    str, Field(max_length=40, json_schema_extra={"format": "uri", "x-mcp-file": {"accept": ["image/png"]}})
]

server = MCPServer("Weather", instructions="Ask about cities.")


class Wish(BaseModel):
    """What the user is asked."""

    city: str


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def fail() -> str:
    """Always fail."""
    raise ValueError("no weather today")


@server.tool()
async def walk(ctx: Context) -> str:
    """Tell of progress on the way."""
    for step in (1, 2, 3):
        await ctx.report_progress(step, 3, f"step {step}")
    return "there"


@server.tool()
async def wish(ctx: Context) -> str:
    """Ask the user for a city."""
    answer = await ctx.elicit("Which city?", schema=Wish)
    return answer.data.city if answer.action == "accept" else answer.action


@server.tool(structured_output=False)
def radar(size: int) -> list[Any]:
    """Show a large picture, a small one and a map."""
    pictures = [Image(data=bytes(size), format="png"), Image(data=b"small", format="png")]
    map_of_it = BlobResourceContents(
        uri="weather://map", mime_type="application/x-map", blob=b64encode(b"map").decode()
    )
    return [*pictures, EmbeddedResource(type="resource", resource=map_of_it), "rain " * (size // 100)]


@server.tool()
def archive(days: int) -> list[str]:
    """Tell the weather of many days."""
    return ["rain, later sun"] * days


@server.tool()
def forward(
    chart: Base64Bytes,
    page: HttpUrl | None = None,
    photos: tuple[Photo, ...] = (),
    note: str = "",
) -> dict[str, Any]:
    """Pass things on."""
    return {"chart": chart.decode(), "page": str(page), "photos": photos, "note": note}


@server.resource("weather://today")
def today() -> str:
    """The weather of today."""
    return "sun"


@server.resource("weather://{city}/now")
def now(city: str) -> str:
    """The weather of a city."""
    return "rain " * 60_000 if city == "everywhere" else f"rain in {city}"


@server.prompt()
def report(city: str) -> str:
    """Ask for a report."""
    return f"Report on {city}."


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio")
    elif sys.argv[1] == "sse":
        server.run("sse", host="127.0.0.1", port=int(sys.argv[2]))
    else:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
