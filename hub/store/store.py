"""``Store``: all that the hub keeps, one room for each kind of row.

Not a cache and no place for decisions: what is allowed is decided above.
"""

import os
from pathlib import Path

from hub.clock import Clock
from hub.store import start
from hub.store.attempts import Attempts
from hub.store.audit import Audit
from hub.store.ceremonies import Ceremonies
from hub.store.changes import Changes
from hub.store.client_credentials import ClientCredentials
from hub.store.connect_flows import ConnectFlows
from hub.store.connections import Connections
from hub.store.database import Database
from hub.store.endings import Endings
from hub.store.external_identities import ExternalIdentities
from hub.store.files import Files
from hub.store.halts import Halts
from hub.store.identifiers import Random
from hub.store.invitations import Invitations
from hub.store.journal import Journal
from hub.store.migration import migrate
from hub.store.oauth import Clients, Codes, Grants, Handshakes
from hub.store.oauth.tables import grants
from hub.store.passkeys import Passkeys
from hub.store.passwords import Passwords
from hub.store.registrations import Registrations
from hub.store.sealed import Sealed
from hub.store.second_factors import SecondFactors
from hub.store.sessions import Sessions
from hub.store.setup_links import SetupLinks
from hub.store.shares import Shares
from hub.store.tables import tokens
from hub.store.tasks import Tasks
from hub.store.tokens import Tokens
from hub.store.users import Users
from hub.store.web_sessions import WebSessions


class Store:
    """The hub's database. Open it, ``migrate`` it, use its rooms, ``close`` it, all in one event loop."""

    def __init__(self, database: Database, clock: Clock, random: Random) -> None:
        self._database = database
        self._clock = clock
        self._journal = Journal(database)
        self.changes = Changes(database, clock)
        self.users = Users(database, self.changes, clock, random, ending=(tokens, grants))
        self.setup_links = SetupLinks(database, clock, random)
        self.tokens = Tokens(database, self.changes, self._journal, clock, random)
        self.tasks = Tasks(database, self.changes, clock)
        self.sessions = Sessions(database, self.changes, clock)
        self.web_sessions = WebSessions(database, clock, random)
        self.passwords = Passwords(database, clock)
        self.second_factors = SecondFactors(database, clock)
        self.passkeys = Passkeys(database, clock, random)
        self.external_identities = ExternalIdentities(database, self.changes, clock, random)
        self.invitations = Invitations(database, self.changes, clock, random)
        self.ceremonies = Ceremonies(database, clock, random)
        self.attempts = Attempts(database, clock)
        self.clients = Clients(database, clock)
        self.codes = Codes(database, clock)
        self.grants = Grants(database, self.changes, self._journal, clock, random)
        self.connections = Connections(database, self.changes, self._journal, clock, random)
        self.endings = Endings(database, clock, random)
        self.halts = Halts(database, self.changes, clock)
        self.shares = Shares(database, self.changes, clock)
        self.client_credentials = ClientCredentials(database, self.changes, clock)
        self.connect_flows = ConnectFlows(database, self.changes, clock, random)
        self.registrations = Registrations(database, clock, random)
        self.sealed = Sealed(database, self.changes)
        self.files = Files(database, clock)
        self.handshakes = Handshakes(database)
        self.audit = Audit(database, self._journal, random)

    @classmethod
    def open(cls, url: str, clock: Clock, *, random: Random = os.urandom, mounts: Path = start.MOUNTS) -> "Store":
        """The store at ``url`` (``Config.store_url``); nothing is connected yet.

        Raises ``ConfigError`` for a URL that cannot be used, a file that cannot be written, a network file system
        (by ``mounts``) and a clock that cannot be right.
        """
        database = Database(url)
        start.check_time(clock.now())
        if database.path is not None:
            start.check_file(database.path, mounts)
        return cls(database, clock, random)

    async def migrate(self) -> None:
        """Bring the database to this program's form and begin to follow changes; call it before anything else.

        Raises ``ConfigError`` when the database cannot be reached, is newer than this program, or holds rows from
        long after the clock's time. Waits up to a minute for another process that holds SQLite's lock.
        """
        await migrate(self._database, self._clock, self._begin)

    async def _begin(self) -> None:
        async with self._database.read() as connection:
            await start.check_newest(connection, self._clock)
        await self.changes.start()

    async def prune(self) -> None:
        """Delete the tasks, files and what is kept of sessions that are past their time. Raises
        ``StoreUnavailable``."""
        await self.tasks.prune()
        await self.sessions.prune()
        await self.web_sessions.prune()
        await self.ceremonies.prune()
        await self.connect_flows.prune()
        await self.attempts.prune()
        await self.endings.prune()
        await self.files.prune()

    async def ping(self) -> None:
        """Ask the database for a sign of life. Raises ``StoreUnavailable``."""
        await self._database.ping()

    async def close(self) -> None:
        """Write what is waiting, and close every connection."""
        await self._journal.close()
        await self.changes.close()
        await self._database.close()
