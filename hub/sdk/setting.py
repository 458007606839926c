"""A value a connector needs before its first call. Not where it is given: the configuration, or the account."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """A value the operator or the account's owner gives before the first call (a subdomain, a server).

    ``host`` marks one that may stand in a host name and then needs ``pattern``, which must match whole.
    """

    name: str
    description: str
    pattern: str | None = None
    host: bool = False
    default: str | None = None
    required: bool = True
