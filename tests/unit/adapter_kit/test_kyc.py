"""kyc-match and kyc-age-verification: words instead of booleans, and claims that appear nowhere else."""

from datetime import date
from typing import Any

import pytest

from broker.adapter_kit.codes import KitCode
from broker.domain.check import CheckRequest, Claims, Subject
from broker.domain.signal import AgeCheck, AttributeMatch, Confirmation, IdentityMatch, SignalName, Unavailability
from tests.unit.adapter_kit.asking import answering, ask, refused, versions
from tests.unit.adapter_kit.pretend import PHONE, PretendOperator, camara_error, query

U, C = Unavailability, Confirmation
MATCH, AGE = "kyc-match", "kyc-age-verification"
ANA = Claims(name="Ana García", middle_names="Inés", birthdate=date(1988, 4, 12), email="")


def matching(**answer: object) -> PretendOperator:
    return answering(MATCH, "match", answer)


@pytest.mark.parametrize("version", versions(MATCH))
async def test_claims_are_sent_by_camaras_names_and_empty_ones_not_at_all(version: str) -> None:
    operator = matching(nameMatch="true", middleNamesMatch="false", birthdateMatch="not_available")
    reading = await ask(operator, MATCH, version, claims=ANA)
    assert operator.bodies == [
        {"phoneNumber": "+34600000101", "name": "Ana García", "middleNames": "Inés", "birthdate": "1988-04-12"}
    ]
    found = (
        AttributeMatch("name", C.AGREES),
        AttributeMatch("middleNames", C.DIFFERS),
        AttributeMatch("birthdate", C.NOT_ON_FILE),
    )
    assert reading.value == IdentityMatch(found)


@pytest.mark.parametrize("version", versions(MATCH))
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"nameMatch": "false", "nameMatchScore": 87}, AttributeMatch("name", C.DIFFERS, 87)),
        ({"nameMatch": "false", "nameMatchScore": 0}, AttributeMatch("name", C.DIFFERS, 0)),
        ({"nameMatch": "false"}, AttributeMatch("name", C.DIFFERS)),
        ({"nameMatch": "true", "nameMatchScore": 99}, AttributeMatch("name", C.AGREES)),
        ({"nameMatch": "true", "emailMatch": "false"}, AttributeMatch("name", C.AGREES)),
    ],
)
async def test_a_score_belongs_to_what_differs(version: str, answer: dict[str, Any], expected: AttributeMatch) -> None:
    reading = await ask(matching(**answer), MATCH, version, claims=Claims(name="Ana"))
    assert reading.value == IdentityMatch((expected,))


@pytest.mark.parametrize("version", versions(MATCH))
@pytest.mark.parametrize("answer", [{"nameMatch": "not_available"}, {}, {"emailMatch": "true"}])
async def test_nothing_on_file_is_no_answer(version: str, answer: dict[str, Any]) -> None:
    fault = await refused(matching(**answer), MATCH, version, claims=Claims(name="Ana"))
    assert (fault.reason, fault.code) == (U.NOT_APPLICABLE, KitCode.NOT_ON_FILE)


@pytest.mark.parametrize("version", versions(MATCH))
@pytest.mark.parametrize("claims", [None, Claims(), Claims(name="", email="")])
async def test_without_claims_nothing_is_asked(version: str, claims: Claims | None) -> None:
    operator = matching(nameMatch="true")
    fault = await refused(operator, MATCH, version, claims=claims)
    assert (fault.reason, fault.code, operator.calls) == (U.NOT_APPLICABLE, KitCode.NO_CLAIMS_GIVEN, [])


@pytest.mark.parametrize("version", versions(MATCH))
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"nameMatch": True}, KitCode.WRONG_TYPE),
        ({"nameMatch": False}, KitCode.WRONG_TYPE),
        ({"nameMatch": None}, KitCode.WRONG_TYPE),
        ({"nameMatch": "TRUE"}, KitCode.WRONG_TYPE),
        ({"nameMatch": "notAvailable"}, KitCode.WRONG_TYPE),
        ({"nameMatch": ["true"]}, KitCode.WRONG_TYPE),
        ({"nameMatch": "false", "nameMatchScore": "87"}, KitCode.WRONG_TYPE),
        ({"nameMatch": "false", "nameMatchScore": True}, KitCode.WRONG_TYPE),
        ({"nameMatch": "false", "nameMatchScore": 87.5}, KitCode.WRONG_TYPE),
        ({"nameMatch": "false", "nameMatchScore": 101}, KitCode.ABSURD_VALUE),
        ({"nameMatch": "false", "nameMatchScore": -1}, KitCode.ABSURD_VALUE),
    ],
)
async def test_other_words_and_scores_are_malformed(version: str, answer: dict[str, Any], code: KitCode) -> None:
    fault = await refused(matching(**answer), MATCH, version, claims=Claims(name="Ana"))
    assert (fault.reason, fault.code) == (U.MALFORMED, code)


async def test_releases_differ_in_the_best_score_and_in_one_name() -> None:
    answer = {"middleNamesMatch": "false", "middleNamesScore": 100, "middleNamesMatchScore": 5}
    claims = Claims(middle_names="Inés")
    old = await ask(matching(**answer), MATCH, "0.2.1", claims=claims)
    new = await ask(matching(**answer), MATCH, "0.3.0", claims=claims)
    assert old.value == IdentityMatch((AttributeMatch("middleNames", C.DIFFERS, 100),))
    assert new.value == IdentityMatch((AttributeMatch("middleNames", C.DIFFERS, 5),))
    full = {"nameMatch": "false", "nameMatchScore": 100}
    reading = await ask(matching(**full), MATCH, "0.3.0", claims=Claims(name="Ana"))
    assert reading.value == IdentityMatch((AttributeMatch("name", C.DIFFERS, 100),))
    fault = await refused(matching(**full), MATCH, "0.4.0", claims=Claims(name="Ana"))
    assert fault.code == KitCode.ABSURD_VALUE


@pytest.mark.parametrize("version", versions(MATCH))
async def test_a_document_of_another_is_an_answer_and_a_missing_one_is_none(version: str) -> None:
    operator = PretendOperator()
    operator.on("/kyc-match/match", camara_error(403, "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_MISMATCH"))
    reading = await ask(operator, MATCH, version, claims=Claims(name="Ana", id_document="66666666Q"))
    assert reading.value == IdentityMatch((AttributeMatch("idDocument", C.DIFFERS),))
    assert (await refused(operator, MATCH, version, claims=ANA)).reason is U.NOT_APPLICABLE
    operator.answers.clear()
    operator.on("/kyc-match/match", camara_error(403, "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_REQUIRED"))
    assert (await refused(operator, MATCH, version, claims=ANA)).reason is U.NOT_APPLICABLE


def test_claims_show_nowhere() -> None:
    subject = Subject(PHONE, claims=ANA)
    shown = repr((ANA, subject, query(SignalName.KYC_MATCH, claims=ANA)))
    shown += f"{ANA} {subject} {CheckRequest.__name__}"
    assert "Claims(name, middleNames, birthdate)" in shown
    assert not [word for word in ("Ana", "Inés", "1988") if word in shown]


@pytest.mark.parametrize("version", versions(AGE))
@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ({"ageCheck": "true"}, AgeCheck(18, reached=True)),
        ({"ageCheck": "false"}, AgeCheck(18, reached=False)),
        ({"ageCheck": "true", "verifiedStatus": False}, AgeCheck(18, reached=True, verified=False)),
        ({"ageCheck": "false", "identityMatchScore": 100}, AgeCheck(18, reached=False, identity_score=100)),
        ({"ageCheck": "true", "contentLock": "not_available"}, AgeCheck(18, reached=True)),
    ],
)
async def test_age_is_read_by_its_word(version: str, answer: dict[str, Any], value: AgeCheck) -> None:
    operator = answering(AGE, "verify", answer)
    claims = Claims(name="Ana", postal_code="28013")
    reading = await ask(operator, AGE, version, age_threshold_years=18, claims=claims)
    assert reading.value == value
    assert operator.bodies == [{"phoneNumber": "+34600000101", "name": "Ana", "ageThreshold": 18}]


@pytest.mark.parametrize(
    ("answer", "reason", "code"),
    [
        ({"ageCheck": "not_available"}, U.NOT_APPLICABLE, KitCode.NOT_ON_FILE),
        ({"ageCheck": True}, U.MALFORMED, KitCode.WRONG_TYPE),
        ({"ageCheck": "True"}, U.MALFORMED, KitCode.WRONG_TYPE),
        ({}, U.MALFORMED, KitCode.WRONG_TYPE),
        ({"ageCheck": "true", "verifiedStatus": "true"}, U.MALFORMED, KitCode.WRONG_TYPE),
        ({"ageCheck": "true", "identityMatchScore": 101}, U.MALFORMED, KitCode.ABSURD_VALUE),
    ],
)
async def test_age_otherwise(answer: dict[str, Any], reason: Unavailability, code: KitCode) -> None:
    for version in versions(AGE):
        fault = await refused(answering(AGE, "verify", answer), AGE, version, age_threshold_years=18)
        assert (fault.reason, fault.code) == (reason, code)


@pytest.mark.parametrize("threshold", [None, -1, 121])
async def test_no_age_no_question(threshold: int | None) -> None:
    operator = answering(AGE, "verify", {"ageCheck": "true"})
    fault = await refused(operator, AGE, "0.2.1", age_threshold_years=threshold)
    assert (fault.reason, fault.code, operator.calls) == (U.NOT_APPLICABLE, KitCode.NO_AGE_GIVEN, [])
