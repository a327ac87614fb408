"""What follows from the configuration folder alone."""

import msgspec

from broker.audit.signing_key import SigningKey
from broker.consent.gate import ConsentGate
from broker.operators.contracts import Contracts
from broker.operators.registry import Registry
from broker.privacy.pseudonyms import Pseudonyms
from broker.routing.resolver import Resolver
from broker.signals.freshness import Freshness
from broker.signals.gather import Gatherer
from broker.usecases.audit.signing_ring import LiveRing
from broker.usecases.policy.examine_policy import Rulebook
from broker.usecases.policy.policies_in_force import Seed


class Parts(msgspec.Struct, frozen=True):
    """What follows from the configuration folder alone."""

    contracts: Contracts
    resolver: Resolver
    freshness: Freshness
    gatherer: Gatherer
    gate: ConsentGate
    seeds: tuple[Seed, ...]
    rulebook: Rulebook
    receipt_keys: LiveRing
    client_keys: tuple[SigningKey, ...]
    pseudonyms: Pseudonyms
    registry: Registry
