"""``ConnectRefused``: why an account could not be connected, in words for the person. Nothing else."""

from hub.errors import HubError


class ConnectRefused(HubError):
    """An account could not be connected; the text tells the person why, and what to do."""
