"""The conformance suite's fixtures, written as any connector is: with ``hub.sdk`` and nothing else of the hub.

The suite calls them by fixed names, so tests/conformance/hub.yaml mounts this connector without its prefix. Not
an example to copy from: the names and texts are the suite's.
"""

from . import jobs, questions, readings, results
from .shapes import connector

__all__ = ["connector", "jobs", "questions", "readings", "results"]
