"""Calls whose result is fetched later (MCP extension "Tasks", ``io.modelcontextprotocol/tasks``).

Not the wire: results are plain dicts in the extension's shape, errors are told by kind. Not the rows: ``hub/store``.
"""

from hub.gateway.tasks.ledger import MOST, Subject
from hub.gateway.tasks.tasks import LONGEST, Tasks

__all__ = ["LONGEST", "MOST", "Subject", "Tasks"]
