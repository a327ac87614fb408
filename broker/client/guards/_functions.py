"""Guards for plain functions."""

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar, Unpack, cast

from broker.client._client import AsyncTrustBroker, TrustBroker
from broker.client.guards._guard import Call, Guard, GuardOptions, covered, held_receipt, holding
from broker.client.guards._rule import Rule
from broker.client.guards._verdict import Code, TrustRefused, Verdict

P = ParamSpec("P")
T = TypeVar("T")


def requires_trust(
    broker: TrustBroker | AsyncTrustBroker, rule: Rule, *, context: str | None = None, **options: Unpack[GuardOptions]
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Ask before a function runs.

    ``context`` names the parameter that holds the trusted context (a session, not what a model wrote): the rule's
    ``number`` is called with it. A function that is refused raises :class:`TrustRefused` and is not run.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        signature = _signature(function, context)
        guard = Guard(broker, {function.__name__: rule}, **options)
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def guarded_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                verdict = await guard.aask(_call(function, signature, context, args, kwargs))
                receipt = _cleared(guard, verdict, _call(function, signature, context, args, kwargs))
                with holding(receipt):
                    return await function(*args, **kwargs)

            return cast("Callable[P, T]", guarded_async)
        if not guard.blocking:
            raise TypeError(f"{function.__name__} blocks: its guard needs a TrustBroker and not an AsyncTrustBroker")

        @wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            verdict = guard.ask(_call(function, signature, context, args, kwargs))
            receipt = _cleared(guard, verdict, _call(function, signature, context, args, kwargs))
            with holding(receipt):
                return function(*args, **kwargs)

        return guarded

    return decorate


def needs_receipt(rule: Rule, *, context: str | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Run a function only under a receipt for exactly its arguments: the last line, behind a guard that is a hook.

    Between a framework's hook and the tool other hooks may write other arguments. The receipt is the one that the guard
    left (:func:`held_receipt`) and is not verified again; :mod:`broker.client.receipts` does that, across processes.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        signature = _signature(function, context)

        def look(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            call = _call(function, signature, context, args, kwargs)
            code = covered(held_receipt(), rule, call.arguments, datetime.now(UTC))
            if code is not Code.ALLOWED:
                raise TrustRefused(Verdict(code))

        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def behind_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                look(args, kwargs)
                return await function(*args, **kwargs)

            return cast("Callable[P, T]", behind_async)

        @wraps(function)
        def behind(*args: P.args, **kwargs: P.kwargs) -> T:
            look(args, kwargs)
            return function(*args, **kwargs)

        return behind

    return decorate


def _cleared(guard: Guard, verdict: Verdict, call: Call) -> str | None:
    verdict = guard.last_look(verdict, call)
    if not verdict.run:
        raise TrustRefused(verdict)
    return verdict.receipt


def _signature(function: Callable[..., Any], context: str | None) -> inspect.Signature:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{function.__name__} would run after its guard has returned: guard what iterates over it")
    signature = inspect.signature(function)
    if context is not None and context not in signature.parameters:
        raise TypeError(f"{function.__name__} has no parameter {context!r}")
    return signature


def _call(
    function: Callable[..., Any],
    signature: inspect.Signature,
    context: str | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Call:
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    trusted = () if context is None else (arguments.pop(context),)
    return Call(function.__name__, arguments, context=trusted)
