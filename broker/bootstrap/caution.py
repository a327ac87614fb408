"""What was asked before, and how an agent goes about it."""

import secrets
from datetime import timedelta

from broker.clock import Clock
from broker.consumers.pace import Pace, PaceLimits
from broker.policy.caution import CautionLimits
from broker.privacy.pseudonyms import Pseudonyms
from broker.settings import Settings
from broker.storage.kv import Kv
from broker.storage.store import Store
from broker.usecases.journeys import JourneyLimits, Journeys
from broker.usecases.look_back import LookBack
from broker.usecases.open_checks import OpenChecks, OpenConversations


def look_back(settings: Settings, store: Store, kv: Kv, clock: Clock, pseudonyms: Pseudonyms) -> LookBack:
    """Looks back as the settings say."""
    caution = settings.caution
    limits = CautionLimits(
        class_window=timedelta(seconds=caution.class_window_s),
        adverse_window=timedelta(seconds=caution.adverse_window_s),
        amount_window=timedelta(seconds=caution.amount_window_s),
    )
    pace = Pace(PaceLimits(**settings.pace.model_dump()))
    return LookBack(store, kv, clock, pseudonyms, limits, pace, lambda: secrets.token_hex(8))


def journeys(settings: Settings, store: Store, opened: OpenChecks, clock: Clock, pseudonyms: Pseudonyms) -> Journeys:
    """Knows conversations as the settings say."""
    limits = JourneyLimits(
        possession=timedelta(seconds=settings.journeys.possession_s),
        denial=timedelta(seconds=settings.journeys.denial_s),
    )
    return Journeys(OpenConversations(store, opened), opened, pseudonyms, limits, clock)
