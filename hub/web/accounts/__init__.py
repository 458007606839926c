"""The pages about accounts at apps: connecting them, coming back from a vendor, looking after them.

Not people's own sign-in (``hub/web/people``).
"""

from hub.web.accounts.routes import account_routes

__all__ = ["account_routes"]
