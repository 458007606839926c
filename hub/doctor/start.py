"""What the start of the hub says about its public URL. It looks up a name at most, and decides nothing."""

import asyncio
from urllib.parse import urlsplit

from hub.doctor.reach import Obstacle, is_loopback, obstacles_of_addresses, obstacles_of_url
from hub.observe import log
from hub.upstream.resolver import Resolver

LOOKUP_SECONDS = 10.0
"""How long the addresses of the public URL may take."""

_log = log("doctor")


async def warn_of_reach(public_url: str, resolver: Resolver) -> None:
    """Tell the operator why Claude cannot reach this address, where that can be told from here; closes ``resolver``."""
    if is_loopback(public_url):
        _log.info(
            "only programs on this machine reach the hub at its public_url; for Claude on the web it needs another"
        )
        return
    found = obstacles_of_url(public_url)
    host = urlsplit(public_url).hostname or ""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found += obstacles_of_addresses(host, await resolver.addresses(host))
    except OSError:  # TimeoutError is one
        if not found:
            found = [Obstacle(f"{host} has no address, as seen from this machine", "Look at its DNS records.")]
    finally:
        await resolver.close()
    for one in found:
        _log.warning("Claude cannot reach the hub at its public_url", url=public_url, because=one.text, mend=one.mend)
