"""Nobody can make the figures grow without end by making tenants, and nobody reads another's."""

from prometheus_client.openmetrics.exposition import generate_latest

from broker.surfaces.tenant_metrics import TenantFigures


def told(figures: TenantFigures, *tenants: str) -> str:
    return str(generate_latest(figures.of(set(tenants))).decode())  # type: ignore[no-untyped-call]


def test_the_first_tenants_have_figures_and_the_others_are_counted_as_left_out() -> None:
    figures = TenantFigures(tenants_max=2)
    assert [figures.settled(tenant, "allow", 0.2) for tenant in ("a", "b", "c", "a")] == [True, True, False, True]
    assert figures.tenants == {"a", "b"}
    text = told(figures, "a", "c")
    assert 'trust_broker_tenant_checks_total{decision="allow",tenant="a"} 2.0' in text
    assert 'tenant="b"' not in text
    assert 'tenant="c"' not in text
