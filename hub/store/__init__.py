"""The store: the only SQL in the hub, on SQLite or PostgreSQL.

Not a cache, and no policy: rooms above decide what may be done. Sealing is done by whoever stores a secret; tokens and
links are kept as hashes only.
"""

from hub.store.audit import Audit, Call, Entry
from hub.store.changes import EVERYTHING, Change, Changes
from hub.store.database import StoreUnavailable
from hub.store.sessions import Sessions
from hub.store.setup_links import SetupLinks
from hub.store.store import Store
from hub.store.tasks import Task, Tasks
from hub.store.tokens import Token, Tokens
from hub.store.users import NameRefused, NameTaken, Role, User, Users

__all__ = [
    "EVERYTHING",
    "Audit",
    "Call",
    "Change",
    "Changes",
    "Entry",
    "NameRefused",
    "NameTaken",
    "Role",
    "Sessions",
    "SetupLinks",
    "Store",
    "StoreUnavailable",
    "Task",
    "Tasks",
    "Token",
    "Tokens",
    "User",
    "Users",
]
