"""What was asked before, and how an agent goes about it."""

import secrets
from datetime import timedelta

from broker.clock import Clock
from broker.consumers.blocks import BlockLimits, Blocks
from broker.consumers.pace import Pace, PaceLimits
from broker.consumers.standing import Standings
from broker.policy.caution import CautionLimits
from broker.privacy.pseudonyms import Pseudonyms
from broker.settings import Settings
from broker.storage.kv import Kv
from broker.storage.store import Store
from broker.usecases.journeys import JourneyLimits, Journeys
from broker.usecases.learning.open_checks import OpenChecks, OpenConversations
from broker.usecases.look_back import LookBack, Watch


def look_back(
    settings: Settings, store: Store, kv: Kv, clock: Clock, pseudonyms: Pseudonyms, standings: Standings
) -> LookBack:
    """Looks back as the settings say."""
    caution = settings.caution
    limits = CautionLimits(
        class_window=timedelta(seconds=caution.class_window_s),
        adverse_window=timedelta(seconds=caution.adverse_window_s),
        amount_window=timedelta(seconds=caution.amount_window_s),
    )
    pace = settings.pace
    paces = PaceLimits(pace.subjects_flagged, pace.subjects_max, pace.run_flagged, pace.agents_max)
    watch = Watch(Pace(paces), Blocks(BlockLimits(pace.block_flagged, pace.block_max)), standings)
    return LookBack(store, kv, clock, pseudonyms, limits, watch, lambda: secrets.token_hex(8))


def journeys(settings: Settings, store: Store, opened: OpenChecks, clock: Clock, pseudonyms: Pseudonyms) -> Journeys:
    """Knows conversations as the settings say."""
    limits = JourneyLimits(
        possession=timedelta(seconds=settings.journeys.possession_s),
        denial=timedelta(seconds=settings.journeys.denial_s),
    )
    return Journeys(OpenConversations(store, opened), opened, pseudonyms, limits, clock)
