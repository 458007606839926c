"""A connector that behaves: its answers show whether others hurt it."""

from hub.sdk import Connector

connector = Connector(title="Calm", description="Answers at once.")


@connector.tool(effect="read")
async def quick(word: str = "quick") -> str:
    """Give back the word at once."""
    return word


@connector.tool(effect="read")
def threaded(word: str = "threaded") -> str:
    """Give back the word from a thread."""
    return word
