"""Asking the network without deciding anything: built from what checks work with."""

from collections.abc import Callable

from broker.consumers.quotas import Quotas
from broker.operators.registry import Registry
from broker.storage.store import Store
from broker.usecases.check_tools import CheckTools
from broker.usecases.consumers.billing import BilledSources, BillingTools
from broker.usecases.operators.ask_network import NetworkTools
from broker.usecases.permitted import PermittedNetwork


def billed(network: PermittedNetwork, registry: Registry, tools: BillingTools) -> PermittedNetwork:
    """The same gate, with the bill behind it: what it lets nobody ask costs nothing."""
    return network.over(BilledSources(registry.through, tools))


def network_tools(
    tools: CheckTools, through: PermittedNetwork, quotas: Quotas, store: Store, new_id: Callable[[str], str]
) -> NetworkTools:
    """The routes and the gate of checks, with all the time that a check may have at most."""
    limits = tools.limits
    return NetworkTools(
        clock=tools.clock,
        new_id=new_id,
        new_correlator=tools.new_correlator,
        policies=tools.policies,
        resolver=tools.resolver,
        operators=tools.operators,
        through=through,
        gate=tools.gate,
        quotas=quotas,
        permit=tools.permit,
        pseudonyms=tools.pseudonyms,
        record=store,
        ask_within_s=(limits.deadline_cap_ms - limits.reserve_ms) / 1000,
        record_within_s=(limits.deadline_cap_ms + limits.record_grace_ms) / 1000,
    )
