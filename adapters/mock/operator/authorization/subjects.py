"""Whom a grant is about: ``tel:`` and ``operatortoken:`` in assertions and hints, and whether they permit it."""

import re

from adapters.mock.operator.authorization.scopes import Granted
from adapters.mock.operator.authorization.tickets import Subject
from adapters.mock.operator.authorization.tokens import SIM_BASED
from adapters.mock.operator.profile import SubjectForm
from adapters.mock.operator.world import World

_NUMBER = re.compile(r"\+[1-9][0-9]{4,14}", re.ASCII)


class UnknownSubject(Exception):
    """Nobody here is meant by this; the message says why, never what was sent."""


def named(world: World, written: object, forms: frozenset[SubjectForm]) -> Subject:
    """The subscriber that an assertion or a hint names.

    Raises:
        UnknownSubject: the form is not accepted, or nobody here has that number or SIM.
    """
    form, colon, value = written.partition(":") if isinstance(written, str) else ("", "", "")
    if not colon or form not in forms:
        raise UnknownSubject("this form of subject is not accepted")
    if form == SubjectForm.TEL:
        number = value if _NUMBER.fullmatch(value) else None
        return _served(world, number, frozenset())
    return _served(world, world.sim_behind(value), SIM_BASED)


def on_the_network(world: World, number: str | None) -> Subject:
    """The subscriber whose SIM carries a request; ``number`` is what the network has put beside it.

    Raises:
        UnknownSubject: the request came another way, or the SIM is not of this operator.
    """
    return _served(world, number if number and _NUMBER.fullmatch(number) else None, SIM_BASED)


def permitted(world: World, subject: Subject, granted: Granted) -> bool:
    """Whether the subscriber permits every API in the scope."""
    now = world.clocks.network_now()
    subscriber = world.directory.find(subject.phone_number, now)
    line = None if subscriber is None else subscriber.line(now)
    return line is not None and all(line.consent(api).valid for api in granted.apis)


def _served(world: World, number: str | None, amr: frozenset[str]) -> Subject:
    if number is None or world.directory.find(number, world.clocks.network_now()) is None:
        raise UnknownSubject("the subject is not a subscriber of this operator")
    return Subject(number, amr)
