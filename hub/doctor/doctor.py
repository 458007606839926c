"""``Doctor``: takes all steps in order, and stops where nothing that follows can be known.

Decides the order only; what is right stands in the steps.
"""

from collections.abc import Awaitable, Callable

from hub.clock import Clock
from hub.doctor import documents, door, registration, streams, tokens, tools, uploads, way
from hub.doctor.case import Case
from hub.doctor.findings import TITLES, Finding, Report, StepName, skipped

Told = Callable[[Finding], None]
"""Hears of each finding as soon as it is made."""

Step = Callable[[Case], Awaitable[list[Finding]]]

_BLOCKING: tuple[StepName, ...] = ("port", "tls")


class Doctor:
    """Examines one hub. ``told`` hears of every finding."""

    def __init__(self, clock: Clock, told: Told = lambda finding: None) -> None:
        self._clock = clock
        self._told = told

    async def examine(self, case: Case) -> Report:
        """Take every step. Raises nothing for what is wrong with the hub: that is in the report."""
        blocked: StepName | None = None
        for name, step in self._steps().items():
            if blocked is not None:
                found = [skipped(name, f"not tried, because of: {TITLES[blocked]}")]
            else:
                found = await step(case)
                failed = any(one.status == "wrong" for one in found)
                nameless = name == "dns" and not case.addresses
                if failed and ((name in _BLOCKING and not _plain(case, name)) or nameless):
                    blocked = name
            for one in found:
                case.findings.append(one)
                self._told(one)
        return Report(case.url, tuple(case.findings))

    def _steps(self) -> dict[StepName, Step]:
        async def tls(case: Case) -> list[Finding]:
            return await way.tls(case, self._clock)

        return {
            "url": way.url,
            "dns": way.dns,
            "port": way.port,
            "tls": tls,
            "endpoint": door.endpoint,
            "challenge": _after_endpoint(door.challenge),
            "resource_document": documents.resource_document,
            "server_document": documents.server_document,
            "client_document": registration.client_document,
            "registration": registration.registration,
            "authorize": registration.authorize,
            "redirect": registration.redirect,
            "refresh": tokens.refresh,
            "token": tokens.token,
            "tools": _with_open_door(tools.tools),
            "stream": _with_open_door(streams.stream),
            "files": uploads.files,
        }


def _plain(case: Case, name: StepName) -> bool:
    """Whether it is about TLS of a URL that has none, which does not keep the other steps from being taken."""
    return name == "tls" and case.origin.startswith("http:")


def _after_endpoint(step: Step) -> Step:
    async def taken(case: Case) -> list[Finding]:
        if case.challenge is None:
            return [skipped("challenge", "there was no 401 to look at")]
        return await step(case)

    return taken


def _with_open_door(step: Step) -> Step:
    """The step, where the token opens the endpoint."""

    async def taken(case: Case) -> list[Finding]:
        if case.token is not None and any(one.step == "token" and one.status == "wrong" for one in case.findings):
            name: StepName = "tools" if step is tools.tools else "stream"
            return [skipped(name, "the token does not open the endpoint")]
        return await step(case)

    return taken
