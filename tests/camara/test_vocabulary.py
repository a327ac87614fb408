"""The vocabulary itself: a paraphrase means what the usual wording means, and what means nothing is said to."""

from pathlib import Path

import pytest

from tests.camara.features import plain, read
from tests.camara.runner import words_for
from tests.camara.words_token import meaning as token

USUAL = {
    'the request body property "$.maxAge" is set to "24"': (
        'request body property "$.maxAge" is set to 24',
        'the request property "$.maxAge" is set to: 24',
        'the request body field "$.maxAge" equal to "24"',
        "the request body property `$.maxAge` is set to '24'",
        'the\trequest body   property "$.maxAge" is set to 24.',
        "the request body property “$.maxAge” is set to “24”",
        'the request body attribute "$.maxAge" is set to 24',
        'The request body property "$.maxAge" shall be set to 24',
        '"$.maxAge" = "24"',
    ),
    'the request body property "$.phoneNumber" is not included': (
        'the request body property "$.phoneNumber" is not present',
        'request body property "$.phoneNumber" is not set',
        'the request property "$.phoneNumber" does not exist',
        'the request body property "$.phoneNumber" is removed',
        'the request body does not contain the property "$.phoneNumber"',
        'the request body property "$.phoneNumber" must not be included',
        'the request body property "$.phoneNumber" is omitted',
        'the request body property "$.phoneNumber" is not setted',
        'the request body property "$.phoneNumber" is optional and not set',
    ),
    "the response status code is 404": (
        'response status code is "404"',
        "the response code is 404",
        "Then the response status code should be 404".removeprefix("Then "),
        "the response status code must be 404",
    ),
    'the response property "$.code" is "NOT_FOUND"': (
        'the response body property "$.code" is equal to "NOT_FOUND"',
        'the value of response property "$.code" is "NOT_FOUND"',
        "the response property '$.code' should be 'NOT_FOUND'",
        'the response property "$.code" equals "NOT_FOUND"',
        'the value of response property "$.code" == "NOT_FOUND"',
        'the response property "$.code" value is "NOT_FOUND"',
    ),
    'the response property "$.swapped" exists': (
        'the response property "$.swapped" is present',
        'the response contains the property "$.swapped"',
        'the response body contains property "$.swapped"',
        'the response property "$.swapped" should exist',
        'the response includes property "$.swapped"',
    ),
    'the response property "$.swapped" does not exist': (
        'the response property "$.swapped" is not present',
        'the response property "$.swapped" is not returned',
        'the response property "$.swapped" should not exist',
        'the response body property "$.swapped" is not included',
    ),
    'the response body complies with the OAS schema at "/components/schemas/Answer"': (
        'the response body complies with the schema at "/components/schemas/Answer"',
        'the response body must comply with the OAS schema at "/components/schemas/Answer"',
        'the response body is compliant with the OAS schema at "/components/schemas/Answer"',
    ),
    'the header "Authorization" is removed': (
        'a the request body and header "Authorization" is set without a token',
        'the request body & header "Authorization" is not set to valid token',
        'the header "Authorization" is not sent',
        'header "Authorization" is missing',
        'the request header "Authorization" is not included',
        "the header 'Authorization' is not present",
    ),
    'the request "checkSimSwap" is sent': (
        'request "checkSimSwap" is sent',
        'the operation "checkSimSwap" is sent',
        'a request "checkSimSwap" is sent',
    ),
    'the HTTP "POST" request is sent': ("the HTTPS POST request is sent", 'the https "POST" request is sent'),
    "the request body is not included": (
        "the request body is missing",
        "the request body is not sent",
        "the request body is empty",
    ),
    'the path parameter "id" is set to a random UUID': (
        'path parameter "id" is set to a value not corresponding to any existing subscription',
        'the path param "id" is set to a random UUID',
    ),
}
PARAPHRASES = [(usual, other) for usual, others in USUAL.items() for other in others]
TOKENS = {
    "a valid access token": ("a valid token", "valid access token"),
    "an expired access token": ("expired token", "an access token which has expired", "an expired"),
    "an invalid access token": ("a malformed access token", "an access token that is not valid"),
    "an access token without the required scope": (
        "a valid access token not including the required scope",
        "an access token that does not include scope a:b",
    ),
}
KEPT = 'the request body property "$.message" is set to "it should be \'here\', and must not exist"'
FOREIGN = (
    "the moon is full",
    "the network slice is booked for tomorrow",
    'the response property "$.code" tastes of "NOT_FOUND"',
    "",
)


def meaning(step: str) -> dict[str, str]:
    """What a step speaks of; ways of writing one value are one."""
    found = words_for(plain(step))
    assert found is not None, step
    return {name: text.strip('"') for name, text in found[1].items() if text is not None}


@pytest.mark.parametrize(("usual", "other"), PARAPHRASES)
def test_a_paraphrase_has_a_word(usual: str, other: str) -> None:
    assert words_for(plain(usual)) is not None
    assert words_for(plain(other)) is not None


@pytest.mark.parametrize("usual", USUAL)
def test_paraphrases_speak_of_the_same_things(usual: str) -> None:
    wanted = meaning(usual)
    for other in USUAL[usual]:
        said = meaning(other)
        shared = wanted.keys() & said.keys() - {"value"}
        assert {name: said[name] for name in shared} == {name: wanted[name] for name in shared}, other


@pytest.mark.parametrize("usual", TOKENS)
def test_phrases_for_a_token_mean_one_kind(usual: str) -> None:
    for other in TOKENS[usual]:
        assert token(other) is token(usual), other


def test_values_are_left_as_they_are_written() -> None:
    assert plain(KEPT) == KEPT


@pytest.mark.parametrize("step", FOREIGN)
def test_what_means_nothing_has_no_word(step: str) -> None:
    assert words_for(plain(step)) is None


@pytest.mark.parametrize(
    ("written", "steps"),
    [
        (
            'Given the request body is set to:\n"""\n{"phoneNumber":\n  "+34600000101"}\n"""',
            ('the request body is set to: {"phoneNumber": "+34600000101"}',),
        ),
        (
            "Given the request body properties are set to:\n| property | value |\n| $.maxAge | 24 |\n| $.name | A |",
            (
                'the request body property "$.maxAge" is set to 24',
                'the request body property "$.name" is set to "A"',
            ),
        ),
        (
            "Then the response has:\n| $.code | NOT_FOUND |",
            ('the response property "$.code" is "NOT_FOUND"',),
        ),
        ("Given these planets:\n| Mars | red |", ("these planets: | Mars | red",)),
        (
            'Given the header "<name>" is removed\nExamples:\n| name |\n| Authorization |',
            ('the header "Authorization" is removed',),
        ),
    ],
)
def test_what_follows_a_step_belongs_to_it(tmp_path: Path, written: str, steps: tuple[str, ...]) -> None:
    outline = " Outline" if "Examples" in written else ""
    file = tmp_path / "it.feature"
    file.write_text(f"Feature: it\nScenario{outline}: it\n{written}\n")
    (scenario,) = read("sim-swap", "2.1.0", file)
    assert scenario.steps == steps
