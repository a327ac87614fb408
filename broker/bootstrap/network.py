"""Asking the network without deciding anything: built from what checks work with."""

from collections.abc import Callable

from broker.storage.store import Store
from broker.usecases.ask_network import NetworkTools
from broker.usecases.run_check import CheckTools


def network_tools(tools: CheckTools, store: Store, new_id: Callable[[str], str]) -> NetworkTools:
    """The same routes, gate and operators, with all the time that a check may have at most."""
    limits = tools.limits
    return NetworkTools(
        clock=tools.clock,
        new_id=new_id,
        new_correlator=tools.new_correlator,
        policies=tools.policies,
        resolver=tools.resolver,
        through=tools.through,
        gate=tools.gate,
        permit=tools.permit,
        pseudonyms=tools.pseudonyms,
        record=store,
        ask_within_s=(limits.deadline_cap_ms - limits.reserve_ms) / 1000,
        record_within_s=(limits.deadline_cap_ms + limits.record_grace_ms) / 1000,
    )
