"""Asking a person on their phone: a yes counts only if they were asked for this very thing, and they are asked once."""

from typing import Any

from broker.adapter_kit.instruments import Order, Refused
from broker.adapter_kit.prompts import AskPerson, HearPerson, PersonAsked, PromptAnswer, may_pass
from broker.adapter_kit.trial.bench import CORRELATOR, DIGITS, PHONE, PURPOSE, Bench, Check, NotApplicable, Run, expect
from broker.adapter_kit.trial.operator import Reply, error
from broker.domain.instrument import InstrumentName
from broker.domain.signal import Unavailability

_INTERVAL_S, _EXPIRES_S = 5.0, 120.0
_THIS, _THAT = "challenge-1 digest-1", "challenge-2 digest-2"


def _order(bench: Bench, kind: type[AskPerson] | type[HearPerson], bound_to: str = _THIS) -> Order[Any]:
    if bench.subject.manifest.prompt is None:
        raise NotApplicable("nobody is asked on their phone for a yes")
    deadline_s = bench.clock.monotonic_s() + 2.0
    return kind(phone=PHONE, purpose=PURPOSE, correlator=CORRELATOR, deadline_s=deadline_s, bound_to=bound_to)


async def _asked(bench: Bench, bound_to: str = _THIS) -> PersonAsked:
    answer = await bench.adapter.carry_out(_order(bench, AskPerson, bound_to))
    expect(isinstance(answer, PersonAsked), f"the person is not asked: {answer}")
    assert isinstance(answer, PersonAsked)  # noqa: S101 - the line above has seen to it
    return answer


async def _hears(bench: Bench, wanted: PromptAnswer, bound_to: str = _THIS) -> None:
    answer = await bench.adapter.carry_out(_order(bench, HearPerson, bound_to))
    expect(answer is wanted, f"expected {wanted}, got {answer}")


def _says(bench: Bench, code: str) -> None:
    bench.operator.token = lambda _: Reply({"error": code}, 400)


async def _once(bench: Bench) -> None:
    expect((await _asked(bench)).anew, "the first asking is not called the first")
    expect(not (await _asked(bench)).anew, "the same order again is called another asking")
    expect(len(bench.operator.backchannel_requests) == 1, "the phone rang twice for one thing")


async def _yes(bench: Bench) -> None:
    granted = bench.operator.token
    await _asked(bench)
    _says(bench, "authorization_pending")
    await _hears(bench, PromptAnswer.WAITING)
    bench.operator.token = granted
    bench.clock.advance(_INTERVAL_S)
    await _hears(bench, PromptAnswer.APPROVED)
    await _hears(bench, PromptAnswer.APPROVED)


async def _each(bench: Bench) -> None:
    await _yes(bench)
    expect((await _asked(bench, _THAT)).anew, "for another thing the person is not asked")
    _says(bench, "authorization_pending")
    await _hears(bench, PromptAnswer.WAITING, _THAT)


async def _no(bench: Bench) -> None:
    await _asked(bench)
    _says(bench, "access_denied")
    await _hears(bench, PromptAnswer.DENIED)
    bench.clock.advance(_INTERVAL_S)
    await _hears(bench, PromptAnswer.DENIED)
    expect(len(bench.operator.backchannel_requests) == 1, "whoever said no was asked again")


async def _silent(bench: Bench) -> None:
    await _asked(bench)
    _says(bench, "authorization_pending")
    await _hears(bench, PromptAnswer.WAITING)
    bench.clock.advance(_EXPIRES_S)
    await _hears(bench, PromptAnswer.EXPIRED)


async def _on_file(bench: Bench) -> None:
    await _asked(bench)
    await _hears(bench, PromptAnswer.NOBODY_ASKED)


async def _never(bench: Bench) -> None:
    await _hears(bench, PromptAnswer.EXPIRED)
    expect(not bench.operator.backchannel_requests, "looking for an answer had the phone ring")


async def _trouble(bench: Bench) -> None:
    for status, code, passes in ((503, "temporarily_unavailable", True), (400, "invalid_scope", False)):
        bench.operator.backchannel = lambda _, status=status, code=code: Reply({"error": code}, status)  # type: ignore[misc]
        answer = await bench.adapter.carry_out(_order(bench, AskPerson, f"{code} digest"))
        expect(isinstance(answer, Refused), "what did not work was taken for done")
        assert isinstance(answer, Refused)  # noqa: S101 - the line above has seen to it
        expect(answer.reason is Unavailability.OPERATOR_ERROR, f"{status} {code} became {answer.reason}")
        expect(may_pass(answer) is passes, f"whether {code} may pass was misjudged")


async def _private(bench: Bench) -> None:
    bench.operator.backchannel = lambda _: error(503, "UNAVAILABLE")
    refused = await bench.adapter.carry_out(_order(bench, AskPerson))
    for asked in bench.operator.backchannel_requests:
        expect(DIGITS not in asked.url + str(asked.headers), "the number is in a URL or a header")
    expect(bench.operator.backchannel_requests, "nobody was asked")
    expect(DIGITS not in repr(refused), "the number is in a repr")


_RULES: tuple[tuple[str, str, str, Run], ...] = (
    ("tokens", "once", "the phone rings once for one thing", _once),
    ("tokens", "yes", "a yes is kept until it was heard", _yes),
    ("tokens", "each", "a yes to one thing is none to another", _each),
    ("tokens", "no", "whoever says no is left in peace", _no),
    ("tokens", "silent", "a question that nobody answered is over", _silent),
    ("tokens", "on_file", "a consent on file is nobody's yes", _on_file),
    ("tokens", "never", "who was never asked has not answered", _never),
    ("errors", "trouble", "trouble is a refusal that says whether it may pass", _trouble),
    ("privacy", "private", "the number is in no URL, header or repr", _private),
)


def checks() -> list[Check]:
    """Every check of this kind."""
    named = InstrumentName.OPERATOR_PROMPT
    return [Check(f"{named}.{name}", group, f"{named}: {says}", run) for group, name, says, run in _RULES]
