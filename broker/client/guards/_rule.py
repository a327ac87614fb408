"""What is asked before a tool runs, and how a tool's arguments are bound to the decision."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from broker.client._action import SAFE_INTEGER_MAX, Action, b64url, canonical
from broker.client._operations import DEFAULT_PURPOSE, About

ARGUMENTS = "toolArguments"
"""The attribute of every guarded action that holds the digest of all arguments of the tool call."""

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelWritten:
    """Takes the number from an argument that the model wrote, and so says that somebody thought about it.

    A model that can be talked into something can be talked into another number. Prefer the session's.
    """

    argument: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How to ask about one tool.

    ``number`` gives the phone number: a function of the framework's trusted context (of nothing, for a plain function
    without one), or :class:`ModelWritten`. ``amount`` (a decimal and a currency), ``resource`` and ``attributes`` are
    functions of the call's arguments. ``more`` adds to the question what the trusted context knows: a location, an
    operator token. The arguments named in ``unbound`` may change after the decision.
    """

    action: str
    number: Callable[..., str] | ModelWritten
    amount: Callable[[Arguments], tuple[str, str] | None] | None = None
    resource: Callable[[Arguments], str | None] | None = None
    attributes: Callable[[Arguments], Mapping[str, str | bool | int]] | None = None
    more: Callable[..., About] | None = None
    purpose: str = DEFAULT_PURPOSE
    unbound: frozenset[str] = frozenset()

    def action_of(self, arguments: Arguments) -> Action:
        """The action that these arguments are; who executes compares it with a receipt.

        Raises:
            ValueError: an argument has no form that could be bound.
        """
        own = dict(self.attributes(arguments)) if self.attributes else {}
        bound = {name: value for name, value in arguments.items() if name not in self.unbound}
        return Action(
            self.action,
            self.amount(arguments) if self.amount else None,
            self.resource(arguments) if self.resource else None,
            {**own, ARGUMENTS: digest(bound)},
        )

    def number_of(self, arguments: Arguments, context: tuple[Any, ...]) -> str:
        """Whom the action is about. ``context`` is the trusted context, or nothing where there is none."""
        source = self.number
        number: Any = arguments[source.argument] if isinstance(source, ModelWritten) else source(*context)
        if not isinstance(number, str) or not number:
            raise ValueError("the rule gives no phone number")
        return number

    def about(self, arguments: Arguments, context: tuple[Any, ...]) -> About:
        """Everything else of the question."""
        action = self.action_of(arguments)
        own: About = {
            "amount": action.amount,
            "resource": action.resource,
            "attributes": action.attributes,
            "purpose": self.purpose,
        }
        return {**self.more(*context), **own} if self.more else own


def digest(arguments: Arguments) -> str:
    """SHA-256 of all arguments in one form, base64url: equal arguments have one digest, others have another.

    Raises:
        ValueError: an argument has no such form; name it in ``unbound``, or pass plain values.
    """
    return b64url(hashlib.sha256(canonical(_plain(dict(arguments)))).digest())


def _plain(value: Any) -> Any:
    """JSON without fractions. What JSON has not is told apart from its text: ``{"~": [type, text]}``."""
    if value is None or type(value) in {bool, str} or (type(value) is int and abs(value) <= SAFE_INTEGER_MAX):
        return value
    if isinstance(value, Mapping):
        return {_member(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return {"~": [type(value).__name__, _inside(value)]}


def _inside(value: Any) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, int | float | str | Decimal | date | time | UUID):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, set | frozenset):
        return sorted((_plain(each) for each in value), key=json.dumps)
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump(mode="json"))
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    raise ValueError(f"an argument of type {type(value).__name__} cannot be bound: name it in `unbound`")


def _member(name: Any) -> Any:
    """A name that looks like the mark gets one more, so that nothing a model writes passes as something else."""
    return "~" + name if isinstance(name, str) and name.startswith("~") else name
