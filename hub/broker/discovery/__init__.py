"""How people sign in at an MCP server, found by asking it: what it says, whom the hub is there, what is kept of it.

Everything a server says here is a claim of somebody nobody vouches for: it is fetched through the guard only, and what
does not fit together is refused before a person is sent anywhere. Not the flow itself (``hub/broker/connecting.py``).
"""
