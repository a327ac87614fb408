"""Figures for whoever runs the broker, in the words of OpenMetrics: counted where things happen, told at ``/metrics``.

Of the process no label is a tenant, a consumer, an agent or anything that came with a request: what labels can say is
fixed by the code and by the operators' files, so nobody can make the figures grow, or read a customer in them. Tenants
have figures of their own (:mod:`broker.surfaces.tenant_metrics`), told to themselves and to who is above them. What a
sandbox plays is counted there alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from broker import __version__
from broker.domain.check import Action
from broker.domain.record import Check
from broker.domain.signal import Observed
from broker.domain.tenancy import is_sandbox
from broker.surfaces.tenant_metrics import TENANTS_MAX, TenantFigures

CONTENT_TYPE = CONTENT_TYPE_LATEST
_KEPT = 1024
_SECONDS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 4.0)
_SURFACES = frozenset({"v1", "mcp", "access", "camara", "oauth", "health", "schema", ".well-known"})

Standing = Callable[[], Mapping[str, float]]
"""Figures that stand somewhere else, by name; read when somebody asks."""
Breakers = Callable[[], Iterable[tuple[str, str, str]]]
"""Operator, signal and state of each breaker."""
LogState = Callable[[], tuple[float, bool]]
"""For how many seconds something may have waited for a checkpoint, and whether the log is damaged."""


class Figures:
    """Counts for one process. Its methods never wait and never raise."""

    def __init__(self, standing: Standing, breakers: Breakers, log: LogState, tenants_max: int = TENANTS_MAX) -> None:
        self._registry = CollectorRegistry()
        self._of_tenants = TenantFigures(tenants_max)
        self._left_out = Counter(
            "trust_broker_tenant_checks_left_out",
            "Checks of tenants beyond those that have figures of their own",
            registry=self._registry,
        )
        self._checks = Counter(
            "trust_broker_checks",
            "Checks that were settled",
            ("decision", "action_class", "degraded"),
            registry=self._registry,
        )
        self._check_seconds = Histogram(
            "trust_broker_check_seconds",
            "From the question to the settled check",
            ("action_class",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._signals = Counter(
            "trust_broker_signals",
            "Signals by operator and by what came of them",
            ("operator", "signal", "result"),
            registry=self._registry,
        )
        self._signal_seconds = Histogram(
            "trust_broker_signal_seconds",
            "How long an operator took for a signal that was not remembered",
            ("operator", "signal"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._responses = Counter(
            "trust_broker_http_responses",
            "Responses by surface and status",
            ("surface", "status"),
            registry=self._registry,
        )
        self._overdue = Gauge(
            "trust_broker_subject_requests_overdue",
            "People who wait longer for an answer about their own data than the law lets them",
            registry=self._registry,
        )
        # Finding a counter by its labels costs as much as counting; there are as many as the code has words for.
        self._check = lru_cache(_KEPT)(self._checks.labels)
        self._check_s = lru_cache(_KEPT)(self._check_seconds.labels)
        self._signal = lru_cache(_KEPT)(self._signals.labels)
        self._signal_s = lru_cache(_KEPT)(self._signal_seconds.labels)
        self._registry.register(_Standing(standing, breakers, log))

    def settled(self, check: Check, _action: Action) -> None:
        """Count a settled check and its signals."""
        took_s = max(0.0, (check.settled_at - check.started_at).total_seconds())
        if not self._of_tenants.settled(check.tenant, check.decision.outcome.wire, took_s):
            self._left_out.inc()
        if is_sandbox(check.tenant):
            return
        action_class = check.action_class.wire
        degraded = "true" if check.decision.degraded else "false"
        self._check(check.decision.outcome.wire, action_class, degraded).inc()
        self._check_s(action_class).observe(took_s)
        for signal in check.evidence.signals:
            operator = signal.source.operator if signal.source else "none"
            result = "observed" if isinstance(signal, Observed) else signal.reason.value
            self._signal(operator, signal.name.value, result).inc()
            if signal.source is not None and not signal.source.cached and signal.latency_ms > 0:
                self._signal_s(operator, signal.name.value).observe(signal.latency_ms / 1000)

    def responded(self, path: str, status: int) -> None:
        """Count a response. Of its path only what we know ourselves becomes a label."""
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        self._responses.labels(first if first in _SURFACES else "other", str(status)).inc()

    def overdue(self, requests: int) -> None:
        """Note how many requests of people are overdue, over all tenants."""
        self._overdue.set(requests)

    @property
    def tenants(self) -> AbstractSet[str]:
        """The tenants that have figures of their own."""
        return self._of_tenants.tenants

    def text(self, tenants: AbstractSet[str], *, process: bool) -> bytes:
        """What was counted so far of these tenants, and of the process where that is wanted, as OpenMetrics."""
        told = _Together([self._of_tenants.of(tenants), *([self._registry] if process else [])])
        text: bytes = generate_latest(told)  # type: ignore[no-untyped-call]
        return text


class _Together(Collector):
    """Several collectors as one."""

    def __init__(self, parts: Sequence[Collector]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """One after the other."""
        for part in self._parts:
            yield from part.collect()


class _Standing(Collector):
    """What stands elsewhere, read at the moment it is asked for."""

    def __init__(self, standing: Standing, breakers: Breakers, log: LogState) -> None:
        self._standing = standing
        self._breakers = breakers
        self._log = log

    def collect(self) -> Iterator[Metric]:
        """The writer's counters, the breakers, and which broker this is."""
        for name, value in self._standing().items():
            yield CounterMetricFamily(f"trust_broker_{name}", f"Of the writer: {name}", value=value)
        states = GaugeMetricFamily(
            "trust_broker_breaker_open", "1 where an operator's API is left alone", labels=("operator", "signal")
        )
        for operator, signal, state in self._breakers():
            states.add_metric((operator, signal), float(state != "closed"))
        yield states
        age_s, damaged = self._log()
        yield GaugeMetricFamily(
            "trust_broker_log_checkpoint_age_seconds", "For how long an entry may have waited for a checkpoint", age_s
        )
        yield GaugeMetricFamily("trust_broker_log_damaged", "1 where the log does not add up", float(damaged))
        yield InfoMetricFamily("trust_broker_build", "Which broker this is", value={"version": __version__})
