"""The broker: on whose account a call is made. Connects accounts, keeps them sealed and fresh, signs requests.

Whether a caller may make a call at all is the gateway's; who is calling is identity's. The broker knows providers only
as declarations: it compares no provider's name.
"""

from hub.broker.account import Account
from hub.broker.broker import Broker
from hub.broker.purpose import Purpose

__all__ = ["Account", "Broker", "Purpose"]
