"""What the hub tells its operator about itself: log lines on stderr, and counters.

Log lines are JSON, or coloured text on a terminal; values that are or may hold secrets are blackened before they are
written, tracebacks included. Not the audit log (that is the store's) and not what users or models see.
"""

import logging
import re
import sys
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, TextIO, cast

import orjson
import structlog
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

BLACK = "[redacted]"
"""What stands in place of a secret."""

_SECRET_KEY = re.compile(
    r"(^|[_.-])(authorization|cookies?|passwords?|passwd|passphrase|pwd|secrets?|tokens?|jwt|credentials?|assertion"
    r"|api[_-]?keys?|private[_-]?keys?|signing[_-]?keys?|verifier|code[_-]verifier|client[_-]?assertion)$"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_IN_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(bearer|basic|dpop)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {BLACK}"),
    (re.compile(r"\bhub_[A-Za-z0-9_-]{24,}"), f"hub_{BLACK}"),
    (re.compile(r"\b(?=eyJ)[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), BLACK),
    (
        re.compile(r"(?i)\b((?:password|passwd|secret|token|api_?key)\s*[=:]\s*)[^\s&,;'\"]{4,}"),
        rf"\1{BLACK}",
    ),
    (re.compile(r"(?<=://)[^/\s@'\"]*:[^/\s@'\"]*(?=@)"), BLACK),
    (
        re.compile(
            r"(?i)([?&](?:access_token|refresh_token|token|api_?key|key|code|client_secret|secret|password|sig|signature)=)"
            r"[^&\s'\"]+"
        ),
        rf"\1{BLACK}",
    ),
)
_DEPTH = 8


def is_secret_name(name: str) -> bool:
    """Whether values under this name are never written (``authorization``, ``client_secret``, ``x-api-key``, ...)."""
    return _SECRET_KEY.search(_CAMEL.sub("_", name).lower()) is not None


def blacken(value: Any, depth: int = 0) -> Any:
    """``value`` with the secrets in it blackened: values under secret names, and tokens inside texts."""
    if isinstance(value, str):
        for pattern, instead in _IN_TEXT:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if depth >= _DEPTH:
        return "..." if isinstance(value, Mapping | list | tuple | set | frozenset) else value
    if isinstance(value, Mapping):
        return {key: blacken_entry(key, held, depth + 1) for key, held in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [blacken(held, depth + 1) for held in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return blacken(str(value), depth)


def blacken_entry(key: Any, value: Any, depth: int = 0) -> Any:
    """What may be written of ``value`` under ``key``; counts and flags (``tokens=5``) stay."""
    if value is not None and not isinstance(value, bool | int | float) and is_secret_name(str(key)):
        return BLACK
    return blacken(value, depth)


def _blacken_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: blacken_entry(key, value) for key, value in event.items()}


def _json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def setup(stream: TextIO | None = None, *, level: int = logging.INFO, json: bool | None = None) -> None:
    """Send the hub's log lines, and those of the libraries, to ``stream`` (stderr).

    ``level`` is the lowest of ``logging``'s levels that is written; ``json`` None means: unless ``stream`` is a
    terminal. Call it once at the start; calling it again replaces what was set before.
    """
    out = sys.stderr if stream is None else stream
    as_json = not out.isatty() if json is None else json
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _blacken_event,
    ]
    render: Processor = structlog.processors.JSONRenderer(serializer=_json)
    if not as_json:
        render = structlog.dev.ConsoleRenderer(colors=out.isatty())
    structlog.configure(
        processors=[*before, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    lines = logging.StreamHandler(out)
    foreign: list[Processor] = [structlog.stdlib.ExtraAdder(), _name_library, *before]
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=foreign,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [lines]
    # Libraries speak up only when something is wrong, unless the operator asked to hear everything.
    root.setLevel(max(level, logging.WARNING) if level > logging.DEBUG else level)


def _name_library(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["part"] = record.name
    return event


def log(name: str) -> FilteringBoundLogger:
    """The logger of one part of the hub: ``log("store").warning("what happened", key=value)``."""
    return cast(FilteringBoundLogger, structlog.get_logger(part=name))


class _Calls:
    """Finished calls, added up in plain numbers: each call is counted, and few look."""

    BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 240.0)
    """Upper bounds in seconds."""

    def __init__(self) -> None:
        self._outcomes: dict[tuple[str, str], int] = {}
        self._took: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def add(self, connector: str, outcome: str, seconds: float) -> None:
        """Count one."""
        key = (connector, outcome)
        self._outcomes[key] = self._outcomes.get(key, 0) + 1
        took = self._took.get(connector)
        if took is None:
            took = self._took[connector] = [0] * (len(self.BOUNDS) + 1)
            self._seconds[connector] = 0.0
        took[bisect_left(self.BOUNDS, seconds)] += 1
        self._seconds[connector] += seconds

    def collect(self) -> Iterator[Metric]:
        """What ``prometheus_client`` asks of a collector."""
        counts = CounterMetricFamily(
            "hub_calls", "Calls of tools, by connector and outcome.", labels=("connector", "outcome")
        )
        for key, count in self._outcomes.items():
            counts.add_metric(key, count)
        yield counts
        seconds = HistogramMetricFamily(
            "hub_call_seconds", "How long calls of tools took, in seconds.", labels=("connector",)
        )
        bounds = (*(str(bound) for bound in self.BOUNDS), "+Inf")
        for connector, took in self._took.items():
            buckets = list(zip(bounds, accumulate(took), strict=True))
            seconds.add_metric((connector,), buckets, self._seconds[connector])
        yield seconds


_LAGS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The hub's counters, in a registry of their own, so that two hubs in one process do not share them."""

    CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
    """The media type of ``exposition`` (Prometheus text format)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = _Calls()
        self.registry.register(self._calls)
        self._lag = Histogram(
            "hub_loop_lag_seconds",
            "How much later than asked the event loop took up its work, in seconds.",
            buckets=_LAGS,
            registry=self.registry,
        )
        self._held = Histogram(
            "hub_loop_held_seconds",
            "The same without the time the hub waited for a processor: what it held up itself, in seconds.",
            buckets=_LAGS,
            registry=self.registry,
        )

    def lagged(self, seconds: float, held: float) -> None:
        """Note one look at how late the event loop is, of which the hub itself ``held`` it up so long."""
        self._lag.observe(seconds)
        self._held.observe(held)

    def called(self, connector: str, outcome: str, seconds: float) -> None:
        """Count one finished call; ``outcome`` is one of the few words the audit log knows."""
        self._calls.add(connector, outcome, seconds)

    def exposition(self) -> bytes:
        """All counters as Prometheus reads them."""
        return generate_latest(self.registry)
