"""``/client.json``: who the hub is as a client, for authorization servers that look it up (OAuth Client ID Metadata
Document; MCP specification 2026-07-28, basic/authorization/client-registration).

Served where ``public_url`` is https: no authorization server takes another. Not the metadata of clients of the hub.
"""

from collections.abc import Callable

from aiohttp import web

from hub.broker.assembly import Brokerage
from hub.broker.discovery.sign_in import DOCUMENT, client_document
from hub.registry import Catalog
from hub.sdk.provider import McpOAuthMethod


class ClientPage:
    """The route of the hub's own client metadata document."""

    def __init__(self, brokerage: Brokerage, catalog: Callable[[], Catalog]) -> None:
        self._brokerage = brokerage
        self._catalog = catalog

    def routes(self, app: web.Application) -> None:
        """Add the route to ``app``."""
        app.router.add_get(DOCUMENT, self._shown)

    async def _shown(self, request: web.Request) -> web.Response:
        document = self._brokerage.sign_in.document
        if document is None:
            return web.json_response(
                {"error": "Authorization servers look the hub up under https only; see public_url."}, status=404
            )
        uris = [
            self._brokerage.clients.redirect_uri(name)
            for name, provider in sorted(self._catalog().providers.items())
            if any(isinstance(method, McpOAuthMethod) for method in provider.methods.values())
        ]
        headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
        return web.json_response(client_document(document, uris), headers=headers)
