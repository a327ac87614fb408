"""What the steps of a check work with, and what is known of one before it is asked."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from broker.clock import Clock
from broker.consent.gate import ConsentGate
from broker.domain.check import Action
from broker.domain.cost import Tariff
from broker.domain.record import Check
from broker.domain.signal import SignalName
from broker.policy.document import PolicyDocument
from broker.privacy.pseudonyms import Pseudonyms
from broker.privacy.vault import Vault
from broker.routing.resolver import Enquiry, Resolver
from broker.storage.store import Store
from broker.usecases.asking import AskingTools
from broker.usecases.consumers.budget import Budget
from broker.usecases.journeys import Before, Journeys
from broker.usecases.late_answers import LateAnswers
from broker.usecases.look_back import Bearing, LookBack
from broker.usecases.operators.whose_operators import WhoseOperators
from broker.usecases.permit import OnRecord, Permit
from broker.usecases.permitted import PermittedNetwork
from broker.usecases.policy.examine_policy import Rulebook
from broker.usecases.policy.policies_in_force import InForce, PoliciesInForce

Tariffs = Mapping[SignalName, Tariff]


class CheckLimits(msgspec.Struct, frozen=True):
    """Times of a check, in milliseconds.

    ``reserve_ms`` is kept back for scoring, signing and writing. All writing together may last until
    ``record_grace_ms`` after the deadline: a late answer is worth more than none, for a while. Operators are heard for
    ``late_answers_ms`` after their time is over.
    """

    deadline_default_ms: int
    deadline_cap_ms: int
    reserve_ms: int
    record_grace_ms: int
    late_answers_ms: int


class CheckTools(msgspec.Struct, frozen=True):
    """What a check works with, built once by ``bootstrap``. ``settled`` is told of each check and must not wait."""

    clock: Clock
    new_id: Callable[[], str]
    new_correlator: Callable[[], str]
    policies: PoliciesInForce
    resolver: Resolver
    operators: WhoseOperators
    through: PermittedNetwork
    gate: ConsentGate
    permit: Permit
    asking: AskingTools
    rulebook: Rulebook
    tariffs: Mapping[str, Tariffs]
    tariffs_through: Callable[[tuple[str, ...]], Tariffs]
    pseudonyms: Pseudonyms
    vault: Vault
    store: Store
    limits: CheckLimits
    settled: Callable[[Check, Action], None]
    look_back: LookBack
    journeys: Journeys
    budget: Budget
    late_answers: LateAnswers


class Begun(msgspec.Struct, frozen=True):
    """A check that may be asked: the rules in force, its action's mark, what came before it, and whom it is about."""

    governing: InForce
    document: PolicyDocument
    mark: bytes
    bearing: Bearing
    enquiry: Enquiry
    started_at: datetime
    record: OnRecord
    before: Before
