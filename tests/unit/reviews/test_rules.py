"""The state machine of a review: what may follow what, and who may do it."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.check import Principal
from broker.domain.review import Review, ReviewAnswer, ReviewState, Ruling, RulingCode
from broker.errors import BrokerError, Conflict, InvalidRequest, NotPermitted
from broker.reviews import rules

ANA = Principal("acme", "ana", None, frozenset({"trust:review"}), "k1")
LUIS = msgspec.structs.replace(ANA, consumer="luis", key_id="k2")
LEASE_MS = 300
REVIEW = Review(
    tenant="acme",
    review_id="rvw_1",
    check_id="chk_1",
    revision=1,
    state=ReviewState.QUEUED,
    version=1,
    subject=b"s",
    action_type="payment.transfer",
    action_class="high",
    asked_by="shop",
    asked_agent="till",
    requested_by="desk",
    requested_agent=None,
    justification="",
    opened_ms=0,
    expires_ms=1_000,
    due_ms=1_000,
)
YES = ReviewAnswer(Ruling.APPROVE, RulingCode.CUSTOMER_CONFIRMED, "called back")


def held(by: Principal = ANA, at_ms: int = 0) -> Review:
    return rules.claim(REVIEW, by, at_ms, LEASE_MS)


def decided(review: Review, by: Principal = ANA, at_ms: int = 10, answer: ReviewAnswer = YES) -> Review:
    return rules.decide(review, by, answer, at_ms, settle_within_ms=5)


def test_a_claim_is_a_lease_that_never_outlasts_the_review() -> None:
    assert (held().claimed_by, held().claimed_until_ms, held().version) == ("ana", 300, 2)
    assert held(at_ms=900).claimed_until_ms == 1_000


@pytest.mark.parametrize(("by", "at_ms", "won"), [(LUIS, 299, False), (LUIS, 300, True), (ANA, 200, True)])
def test_somebody_elses_claim_holds_until_its_lease_is_over(by: Principal, at_ms: int, won: bool) -> None:
    if won:
        assert rules.claim(held(), by, at_ms, LEASE_MS).claimed_by == by.consumer
    else:
        with pytest.raises(Conflict):
            rules.claim(held(), by, at_ms, LEASE_MS)


@pytest.mark.parametrize(
    "somebody",
    [
        msgspec.structs.replace(ANA, consumer="shop"),
        msgspec.structs.replace(ANA, consumer="desk"),
        msgspec.structs.replace(ANA, agent="helper"),
    ],
)
@pytest.mark.parametrize("step", [lambda who: rules.claim(REVIEW, who, 0, LEASE_MS), lambda who: decided(held(), who)])
def test_neither_who_asked_nor_an_agent_gets_to_decide(
    somebody: Principal, step: Callable[[Principal], Review]
) -> None:
    with pytest.raises(NotPermitted):
        step(somebody)


def test_deciding_needs_a_claim_that_still_holds() -> None:
    for review, by, at_ms in ((REVIEW, ANA, 0), (held(), LUIS, 10), (held(), ANA, 300)):
        with pytest.raises(Conflict, match="claim this review first"):
            decided(review, by, at_ms)


@pytest.mark.parametrize(
    ("answer", "pointer"),
    [
        (msgspec.structs.replace(YES, reason=" \n"), "/reason"),
        (msgspec.structs.replace(YES, code=RulingCode.SUSPECTED_FRAUD), "/code"),
        (msgspec.structs.replace(YES, code=RulingCode.TIMED_OUT), "/code"),
        (msgspec.structs.replace(YES, ruling=Ruling.DENY), "/code"),
        (ReviewAnswer(Ruling.DENY, RulingCode.TIMED_OUT, "late"), "/code"),
    ],
)
def test_a_ruling_needs_a_code_that_fits_and_a_reason(answer: ReviewAnswer, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decided(held(), answer=answer)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


def test_a_release_gives_it_back_to_everybody() -> None:
    back = rules.release(held(), ANA, 10)
    assert (back.state, back.claimed_by) == (ReviewState.QUEUED, None)
    assert rules.claim(back, LUIS, 20, LEASE_MS).claimed_by == "luis"
    with pytest.raises(Conflict):
        rules.release(held(), LUIS, 10)


def test_time_over_means_deny_and_nothing_else_is_taken_after_it() -> None:
    with pytest.raises(Conflict, match="over"):
        rules.claim(REVIEW, ANA, 1_000, LEASE_MS)
    with pytest.raises(Conflict, match="over"):
        decided(held(at_ms=900), at_ms=1_000)
    gone = rules.expire(held(at_ms=900), 1_000)
    assert (gone.state, gone.ruling, gone.code, gone.closed_by) == (
        ReviewState.EXPIRED,
        Ruling.DENY,
        RulingCode.TIMED_OUT,
        None,
    )
    with pytest.raises(Conflict):
        rules.expire(REVIEW, 999)


_STEPS: dict[str, Callable[[Review, Principal, int], Review]] = {
    "claim": lambda review, who, at_ms: rules.claim(review, who, at_ms, LEASE_MS),
    "release": rules.release,
    "decide": decided,
    "expire": lambda review, _who, at_ms: rules.expire(review, at_ms),
}


@given(
    st.lists(st.tuples(st.sampled_from(sorted(_STEPS)), st.sampled_from([ANA, LUIS]), st.integers(0, 200)), max_size=30)
)
def test_whatever_is_tried_in_whatever_order_a_review_is_answered_once_and_in_time(
    tried: list[tuple[str, Principal, int]],
) -> None:
    review, now_ms, answers = REVIEW, 0, 0
    for name, who, pause_ms in tried:
        now_ms += pause_ms
        try:
            moved = _STEPS[name](review, who, now_ms)
        except BrokerError:
            continue
        assert moved.version == review.version + 1
        assert review.is_open, "nothing follows an answer"
        if moved.ruling is Ruling.APPROVE:
            assert now_ms < moved.expires_ms
            assert moved.closed_by == review.claimed_by == who.consumer
        answers += not moved.is_open
        review = moved
    assert answers <= 1
    assert (review.ruling is not None) == (not review.is_open)
