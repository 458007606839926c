"""The only way out: every request the hub sends to a provider passes through this room.

``transport.py`` is the seam (one round trip), ``upstream.py`` the rules above it (reach, redirects, retries,
deadlines), ``guard.py`` the one judgement of addresses. Not an API client: what a reply means is the sdk's.
"""
