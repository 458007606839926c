"""How people sign in to the hub and look after their own account: the use cases, without HTTP and without SQL.

Not who an MCP client acts for (``identity.py``), and not the authorization server that gives clients their tokens.
"""

from hub.identity.people.people import People

__all__ = ["People"]
