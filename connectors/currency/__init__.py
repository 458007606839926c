"""Currency rates: the one tool that computes. Not the place for looking rates up; that is connector.yaml."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from hub.sdk import Connector, Context, ToolError

connector = Connector.here()

Code = Annotated[str, "ISO 4217 code of a currency, three letters, as USD."]

_OUTPUT = {
    "type": "object",
    "properties": {
        "amount": {"type": "number"},
        "base": {"type": "string"},
        "converted": {"type": "number"},
        "quote": {"type": "string"},
        "rate": {"type": "number"},
        "date": {"type": "string"},
    },
}


@connector.tool(
    effect="read",
    title="Convert an amount",
    lookups={"base": "list_currencies", "quote": "list_currencies"},
    output=_OUTPUT,
)
async def convert(
    ctx: Context,
    amount: Annotated[float, "How much to convert."],
    base: Code,
    quote: Code,
    on: Annotated[date | None, "A past day, YYYY-MM-DD, for that day's rate; the latest where left out."] = None,
) -> dict[str, Any]:
    """Convert an amount from one currency (base) into another (quote), at the latest or a past day's reference rate.

    Use it for single amounts; get_rates gives several currencies at once.
    """
    for code in (base, quote):
        if len(code) != 3 or not code.isascii() or not code.isalpha():
            raise ToolError(f"{code!r} is not a currency code; give three letters as USD (list_currencies has them).")
    reply = await ctx.http.get(
        "/rate/{base}/{quote}",
        path={"base": base.upper(), "quote": quote.upper()},
        query={"date": on.isoformat() if on else None},
    )
    found = reply.json()
    converted = Decimal(str(amount)) * Decimal(str(found["rate"]))
    return {
        "amount": amount,
        "base": found["base"],
        "converted": float(round(converted, 4)),
        "quote": found["quote"],
        "rate": found["rate"],
        "date": found["date"],
    }
