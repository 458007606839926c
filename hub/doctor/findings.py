"""What the doctor finds: one line for each thing that was looked at, with how to mend it where it is wrong.

Findings never hold a token, code, verifier or secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["ok", "warning", "wrong", "skipped"]

StepName = Literal[
    "url",
    "dns",
    "port",
    "tls",
    "endpoint",
    "challenge",
    "resource_document",
    "server_document",
    "client_document",
    "registration",
    "authorize",
    "redirect",
    "refresh",
    "token",
    "tools",
    "stream",
    "files",
]

TITLES: Mapping[StepName, str] = {
    "url": "the URL",
    "dns": "name and addresses",
    "port": "port",
    "tls": "TLS certificate",
    "endpoint": "the MCP endpoint",
    "challenge": "401 challenge",
    "resource_document": "resource document",
    "server_document": "authorization server document",
    "client_document": "client by metadata document",
    "registration": "dynamic registration",
    "authorize": "authorize page",
    "redirect": "redirect after a form",
    "refresh": "refresh",
    "token": "token",
    "tools": "tools",
    "stream": "event streams",
    "files": "uploads of files",
}
"""The steps in the order in which they are taken, as people read them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``mend`` says what to do, empty where nothing is to be done."""

    step: StepName
    status: Status
    text: str
    mend: str = ""

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"step": self.step, "status": self.status, "text": self.text, "mend": self.mend}


@dataclass(frozen=True, slots=True)
class Report:
    """All findings about one URL, in the order of the steps."""

    url: str
    findings: Sequence[Finding]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; warnings aside."""
        return not any(one.status == "wrong" for one in self.findings)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"url": self.url, "ok": self.ok, "findings": [one.told() for one in self.findings]}


def ok(step: StepName, text: str) -> Finding:
    """All is well here."""
    return Finding(step, "ok", text)


def warning(step: StepName, text: str, mend: str) -> Finding:
    """Works, but not for all clients or not for long."""
    return Finding(step, "warning", text, mend)


def wrong(step: StepName, text: str, mend: str) -> Finding:
    """Claude stops here."""
    return Finding(step, "wrong", text, mend)


def skipped(step: StepName, text: str) -> Finding:
    """Not looked at; says why."""
    return Finding(step, "skipped", text)
