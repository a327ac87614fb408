"""Retries: which replies are asked again, after how long, and how often; played by hand, without a network."""

from collections.abc import Sequence

import pytest

from broker.client import ApiKey, BrokerRefused, BrokerUnreachable, Retry
from broker.client._exchange import Ask, Reply, Silence, exchange
from tests.unit.client.played import HandWatch, Played, play, problem, reply

OK = reply(200, {"a": 1})
NEVER_SENT, LOST = Silence("ConnectError", arrived=False), Silence("ReadTimeout", arrived=True)
RETRY = Retry(attempts=3, first_pause_s=0.1, pause_max_s=5, total_s=20)


def sent(told: Sequence[Reply | Silence], *, again: bool = True, retry: Retry = RETRY) -> Played:
    watch = HandWatch()
    ask = Ask("POST", "/x", {"idempotency-key": "k"}, b"{}", 10, again)
    return play(exchange(ask, ApiKey("tb_key"), retry, watch.around()), told, watch)


@pytest.mark.parametrize(
    ("first", "again", "pause_s"),
    [
        (NEVER_SENT, True, 0.1),
        (NEVER_SENT, False, 0.1),
        (LOST, True, 0.1),
        (problem(503), False, 0.1),
        (problem(503, retry_after="2"), False, 2.0),
        (problem(429, retry_after="0"), True, 0.0),
        (problem(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"), True, 0.1),
        (problem(500), True, 0.1),
        (reply(502, b"<html>"), True, 0.1),
        (problem(409, "CONFLICT", retry_after="1"), True, 1.0),
    ],
)
def test_what_is_asked_again(first: Reply | Silence, again: bool, pause_s: float) -> None:
    played = sent([first, OK], again=again)
    assert played.error is None
    assert played.pauses_s == [pytest.approx(pause_s)]
    assert len({(ask.body, ask.headers["idempotency-key"]) for ask in played.asks}) == 1


@pytest.mark.parametrize(
    ("only", "again"),
    [
        (LOST, False),  # it may have been done
        (problem(500), False),
        (reply(504, b""), False),
        (problem(400, "INVALID_REQUEST"), True),
        (problem(401, "UNAUTHENTICATED"), True),
        (problem(403, "NOT_PERMITTED"), True),
        (problem(404, "NOT_FOUND"), True),
        (problem(409, "CONFLICT"), True),
        (problem(409, "CONFLICT", retry_after="1"), False),
        (problem(422, "IDEMPOTENCY_MISMATCH"), True),
        (reply(302, b"", location="http://elsewhere.example"), True),
    ],
)
def test_what_is_not(only: Reply | Silence, again: bool) -> None:
    played = sent([only], again=again)
    assert (len(played.asks), played.pauses_s) == (1, [])
    assert played.error is not None


def test_a_decision_is_never_asked_away() -> None:
    assert len(sent([reply(200, {"decision": "deny"})]).asks) == 1


def test_pauses_double_up_to_a_limit_and_end() -> None:
    played = sent([LOST] * 5, retry=Retry(attempts=5, first_pause_s=1, pause_max_s=3, total_s=60))
    assert played.pauses_s == [1, 2, 3, 3]
    assert isinstance(played.error, BrokerUnreachable)


def test_jitter_at_most_halves_a_pause() -> None:
    ask = Ask("GET", "/x", {}, None, 10, again=True)
    watch = HandWatch()
    played = play(exchange(ask, ApiKey("k"), RETRY, watch.around(jitter=0)), [LOST, OK], watch)
    assert played.pauses_s == [pytest.approx(0.05)]


def test_a_broker_that_wants_more_time_than_there_is_is_not_waited_for() -> None:
    played = sent([problem(503, retry_after="3600")])
    assert played.pauses_s == []
    assert isinstance(played.error, BrokerRefused)
    assert (played.error.status, played.error.code, played.error.retry_after_s) == (503, "OVERLOADED", 3600)


def test_all_attempts_together_end_in_time() -> None:
    watch = HandWatch()
    work = exchange(Ask("GET", "/x", {}, None, 10, again=True), ApiKey("k"), Retry(total_s=12), watch.around())
    first = next(work)
    assert isinstance(first, Ask)
    assert first.timeout_s == 10
    watch.now_s += 10
    work.send(LOST)
    second = work.send(None)
    assert isinstance(second, Ask)
    assert second.timeout_s == pytest.approx(2)
    watch.now_s += 2
    with pytest.raises(BrokerUnreachable):
        work.send(LOST)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code": 3}', b'{"code": "A"}', b'{"code":"A","code":"B"}'])
def test_an_error_without_a_problem_document_is_no_broker_speaking(body: bytes) -> None:
    error = sent([reply(400, body)]).error
    assert isinstance(error, BrokerUnreachable)
    assert "<html>" not in str(error)


def test_a_problem_says_what_to_change() -> None:
    fault = {"pointer": "/subject/phoneNumber", "detail": "send E.164 with +"}
    members = {"code": "INVALID_REQUEST", "detail": "cannot be understood", "errors": [fault, "?"]}
    error = sent([reply(400, members)]).error
    assert isinstance(error, BrokerRefused)
    assert error.faults == (("/subject/phoneNumber", "send E.164 with +"),)
    assert "/subject/phoneNumber: send E.164 with +" in str(error)


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"attempts": 11}, {"total_s": -1}, {"pause_max_s": -0.1}], ids=str)
def test_a_retry_without_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="attempts"):
        Retry(**wrong)  # type: ignore[arg-type]
