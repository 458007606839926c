"""FastMCP's server behind the hub."""

from pathlib import Path

import pytest

from tests.servers.conftest import Begin, call, tools, until

PYTHON = Path(__file__).parents[2] / ".cache" / "fastmcp" / "bin" / "python"


@pytest.mark.skipif(not PYTHON.exists(), reason="FastMCP is not installed (make test installs it)")
async def test_a_fastmcp_server_works(begin: Begin) -> None:
    hub = await begin({}, commands={"fast": {"run": [str(PYTHON), str(Path(__file__).parent / "fast.py")]}})
    await until(hub, lambda: "fast_greet" in tools(hub))
    answer = await call(hub, "fast_greet", name="Ada")
    assert answer["structuredContent"] == {"greeting": "Hello, Ada"}
