"""Figures of tenants, each told to itself and to the platforms above it alone."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from broker.domain.decision import OutcomeName

TENANTS_MAX = 1000
_SECONDS = (0.1, 0.3, 1.0, 4.0)
_LABEL = "tenant"
_KEPT = 512


class TenantFigures:
    """Counts for one process. The first ``tenants_max`` tenants have figures, and the others have none.

    Defensive: a platform can make tenants, and without an end to it could make the figures grow until nobody reads
    them.
    """

    def __init__(self, tenants_max: int = TENANTS_MAX) -> None:
        self._registry = CollectorRegistry()
        self._tenants_max = tenants_max
        self._tenants: set[str] = set()
        self._checks = Counter(
            "trust_broker_tenant_checks",
            "Checks of a tenant that were settled",
            (_LABEL, "decision"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "trust_broker_tenant_check_seconds",
            "From the question to the settled check, of a tenant",
            (_LABEL,),
            buckets=_SECONDS,
            registry=self._registry,
        )

        # To find a labelled figure costs more than to count it, so those of the busiest are held.
        self._check = lru_cache(_KEPT)(self._checks.labels)
        self._second = lru_cache(_KEPT)(self._seconds.labels)

    @property
    def tenants(self) -> AbstractSet[str]:
        """Those that have figures."""
        return frozenset(self._tenants)

    def settled(self, tenant: str, decision: OutcomeName, took_s: float) -> bool:
        """Count a settled check; False where its tenant has no figures of its own."""
        if tenant not in self._tenants:
            if len(self._tenants) >= self._tenants_max:
                return False
            self._tenants.add(tenant)
        self._check(tenant, decision).inc()
        self._second(tenant).observe(took_s)
        return True

    def of(self, tenants: AbstractSet[str]) -> Collector:
        """The figures of these tenants, and no others'."""
        return _Of(self._registry, tenants)


class _Of(Collector):
    """A part of a registry."""

    def __init__(self, registry: CollectorRegistry, tenants: AbstractSet[str]) -> None:
        self._registry = registry
        self._tenants = tenants

    def collect(self) -> Iterator[Metric]:
        """Each family, without the samples of other tenants."""
        for family in self._registry.collect():
            told = Metric(family.name, family.documentation, family.type, family.unit)
            told.samples = [one for one in family.samples if one.labels.get(_LABEL) in self._tenants]
            yield told
