import pytest

from broker.domain.decision import Counterfactual, Effect, Outcome, Reason
from broker.domain.signal import SignalName
from broker.policy.reasons import ReasonCode, SafeCode
from broker.policy.scenarios import STATES
from broker.policy.words import CLEAN, DECISIONS, REASONS, Language, language_of, sentences

EVERY_CODE = [*ReasonCode, *SafeCode]


def said(code: ReasonCode | SafeCode, language: Language) -> str:
    return sentences(Outcome.DENY, (Reason(code.value, Effect.WORSE),), None, language)[1]


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("code", EVERY_CODE, ids=lambda code: code.name)
def test_every_code_is_a_sentence_in_every_language(code: ReasonCode | SafeCode, language: Language) -> None:
    sentence = said(code, language)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "_" not in sentence


def test_no_two_codes_say_the_same() -> None:
    for language in Language:
        meanings = {code.value: said(code, language) for code in EVERY_CODE}
        assert len(set(meanings.values())) == len(meanings)


def test_spanish_is_not_english() -> None:
    phrases = [*REASONS.values(), *DECISIONS.values(), *CLEAN.values()]
    assert all(one[Language.EN] != one[Language.ES] for one in phrases)


def test_every_outcome_and_every_signal_that_is_weighed_has_words() -> None:
    assert set(DECISIONS) == set(Outcome)
    assert set(CLEAN) == set(STATES)


def test_the_whole_in_order() -> None:
    reasons = (Reason("SIM_CHANGED_7D", Effect.WORSE), Reason("LOCATION_CONFIRMED", Effect.BETTER))
    instead = Counterfactual((SignalName.DEVICE_SWAP, SignalName.SIM_SWAP), Outcome.ALLOW)
    assert sentences(Outcome.STEP_UP, reasons, instead, Language.EN) == (
        "The person has to prove more before the action goes ahead.",
        "The SIM was changed within the last 7 days.",
        "The phone is where the person says they are.",
        "If the handset had not changed recently and the SIM had not changed recently: the action may go ahead.",
    )
    assert sentences(Outcome.STEP_UP, (), instead, Language.ES)[-1] == (
        "Si el terminal no hubiera cambiado hace poco y la SIM no hubiera cambiado hace poco: "
        "la acción puede llevarse a cabo."
    )


def test_a_code_outside_the_catalogue_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="MADE_UP"):
        sentences(Outcome.DENY, (Reason("MADE_UP", Effect.WORSE),), None, Language.EN)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("es", "es"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("en-GB, es;q=0.9", "en"),
        ("de, es;q=0.3, en;q=0.2", "es"),
        ("de", "en"),
        ("*", "en"),
        ("es;q=0", "en"),
        ("es;q=nan", "en"),
        ("es;q=2", "en"),
        ("ES", "es"),
        (";;;,,,=", "en"),
        ("x" * 100_000, "en"),
    ],
)
def test_the_best_language_that_we_have(header: str | None, language: str) -> None:
    assert language_of(header) is Language(language)
