"""Calls that wait."""

from random import SystemRandom

from broker.settings.sections import WaitSettings
from broker.storage.store import Store
from broker.usecases.await_check import AwaitCheck, Stirrings, WaitLimits
from broker.usecases.show_check import ShowCheck


def awaiting(show: ShowCheck, store: Store, stirrings: Stirrings, settings: WaitSettings) -> AwaitCheck:
    """What holds calls until their check has changed."""
    limits = WaitLimits(
        held_max=settings.held_max,
        held_per_consumer_max=settings.held_per_consumer_max,
        look_s=settings.look_ms / 1000,
        stream_s=settings.stream_s,
    )
    return AwaitCheck(show, store.reviews, stirrings, limits, SystemRandom())
