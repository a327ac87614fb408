"""Step-up: built from settings, and swept for as long as the broker runs."""

import secrets
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from broker.bootstrap.background import repeating
from broker.consent.gate import ConsentGate
from broker.operators.registry import Registry
from broker.settings.sections import ChallengeSettings, ReviewSettings
from broker.step_up.offer import Lifetimes
from broker.storage.store import Store
from broker.usecases.audit.refusals import Refusals
from broker.usecases.permitted import PermittedNetwork
from broker.usecases.resettle import Resettle, ResettleTools
from broker.usecases.step_up.challenge_desk import ChallengeDesk, ChallengeLimits, ChallengeTools
from broker.usecases.step_up.find_ways import FindWays
from broker.usecases.step_up.pursue_challenges import PursueChallenges

_SWEEP_S = 1.0
_SECRET_BYTES = 16


def find_ways(registry: Registry, gate: ConsentGate, settings: ChallengeSettings, reviews: ReviewSettings) -> FindWays:
    """The ways in which people of this deployment can prove more."""
    lifetimes = Lifetimes(settings.within_s, settings.clean_s, reviews.open_within_s)
    return FindWays(registry.through, registry.ceremonies, gate, lifetimes)


def challenge_desk(
    resettling: ResettleTools,
    store: Store,
    registry: Registry,
    network: PermittedNetwork,
    new_id: Callable[[str], str],
    public_url: str,
    settings: ChallengeSettings,
) -> ChallengeDesk:
    """The challenges of this deployment."""
    tools = ChallengeTools(
        store=store.challenges,
        checks=resettling.checks,
        resettle=Resettle(resettling),
        vault=resettling.vault,
        pseudonyms=resettling.pseudonyms,
        permit=network.permit,
        through=network,
        ceremonies=registry.ceremonies,
        clock=resettling.clock,
        new_id=new_id,
        new_correlator=lambda: str(uuid.uuid4()),
        secret=lambda: secrets.token_urlsafe(_SECRET_BYTES),
        compose=resettling.compose,
        public_url=public_url,
        limits=ChallengeLimits(**settings.model_dump()),
        ways=resettling.ways,
        refusals=Refusals(store.refusals, resettling.clock, new_id),
    )
    return ChallengeDesk(tools)


def sweeping_challenges(desk: ChallengeDesk) -> AbstractAsyncContextManager[None]:
    """Look for answers that are waited for, and let time end what nobody answers, every second."""
    return repeating("challenges", PursueChallenges(desk), _SWEEP_S)
