"""The runner itself: it must be able to fail, to refuse, and to take a file that it has never seen."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.camara import paths
from tests.camara.__main__ import main
from tests.camara.outcomes import Outcome, Verdict
from tests.camara.runner import NO_CONTRACT, NOT_SERVED, grouped, play_group
from tests.camara.stage import Token
from tests.camara.words_token import meaning
from tests.support.mock_operator_schemas import DEFINITIONS

OPENAPI = """
openapi: 3.0.3
info: {description: "404 is IDENTIFIER_NOT_FOUND, 422 MISSING_IDENTIFIER"}
servers: [{url: "{apiRoot}/sim-swap/v2"}]
paths:
  /check:
    post:
      operationId: checkSimSwap
      security: [{openId: ["sim-swap:check"]}]
      requestBody:
        content: {application/json: {schema: {$ref: "#/components/schemas/Ask"}}}
components:
  schemas:
    Ask:
      type: object
      properties:
        phoneNumber: {type: string, pattern: '^\\+[1-9][0-9]{4,14}$'}
        maxAge: {type: integer, minimum: 1, maximum: 2400}
    Answer: {type: object, required: [swapped], properties: {swapped: {type: boolean}}}
    Strange: {type: object, required: [nothing]}
"""
HEAD = """
Feature: dropped in - Operation checkSimSwap
  Background:
    Given the resource "/sim-swap/v2/check"
    And the header "Authorization" is set to a valid access token
    And the header "x-correlator" is set to a UUID value
    And the request body is set by default to a request body compliant with the schema
  @it
  Scenario: it
"""
BACKGROUND = 'And the response body complies with the OAS schema at "Strange"'
TEMPLATE = 'Given the request body property "{path_to_device}" is set to: {}'
SENT = """
Given a valid phone number identified by the token or provided in the request body
When the request "checkSimSwap" is sent
"""

SCENARIOS = [
    ("Then the response status code is 200", Verdict.PASSED, ""),
    ("Then the response status code is 404", Verdict.FAILED, "status 200"),
    ('Then the value of response property "$.swapped" == false', Verdict.PASSED, ""),
    ('Then the value of response property "$.swapped" == true', Verdict.FAILED, "not true"),
    ('Then the response property "$.swapped" is null', Verdict.FAILED, "not null"),
    ('Then the response property "$.absent" exists', Verdict.FAILED, "not there"),
    ('Then the response property "$.swapped" does not exist', Verdict.FAILED, "is there"),
    ('Then the response property "$.swapped" contains a valid timestamp', Verdict.FAILED, "no date-time"),
    ('Then the response property "$.message" contains a user friendly text', Verdict.FAILED, "not there"),
    ('Then the response body complies with the OAS schema at "/components/schemas/Answer"', Verdict.PASSED, ""),
    ('Then the response body complies with the OAS schema at "#/components/schemas/Strange"', Verdict.FAILED, "breaks"),
    ('Then the response body complies with the OAS schema at "Nobody"', Verdict.NOT_APPLICABLE, "the YAML has no"),
    ('Then the response header "Content-Type" is "text/html"', Verdict.FAILED, "application/json"),
    ('Then the response header "x-none" has same value as the request header "x-correlator"', Verdict.FAILED, "None"),
    ("Then the moon is full", Verdict.NOT_APPLICABLE, "no word for the step"),
    ("", Verdict.NOT_APPLICABLE, "no step of it looks at an answer"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "sim-swap" / "2.1.0"
    folder.mkdir(parents=True)
    (folder / "openapi.yaml").write_text(OPENAPI)
    return tmp_path


def written(root: Path, text: str) -> list[Outcome]:
    (root / "sim-swap" / "2.1.0" / "dropped-in.feature").write_text(text)
    ((group, files),) = grouped([root]).items()
    return list(play_group(group, files))


def test_a_step_passes_fails_or_says_why_it_cannot_be_played(root: Path) -> None:
    background, mark, title = HEAD.partition("  @it")
    outcomes = written(root, background + "\n".join(mark + title + SENT + last for last, _, _ in SCENARIOS))
    for outcome, (last, verdict, reason) in zip(outcomes, SCENARIOS, strict=True):
        assert (outcome.verdict, last) == (verdict, last), outcome.reason
        assert reason in outcome.reason


@pytest.mark.parametrize(
    ("setting", "status"),
    [
        ('the header "Authorization" is removed', 401),
        ('the header "Authorization" is set to an expired access token', 401),
        ('the header "Authorization" is set to an invalid access token', 401),
        ('the header "Authorization" is set to an access token without the required scope', 403),
        ('the request body property "$.maxAge" does not comply with the OAS schema at "/components/schemas/Ask"', 400),
        ("the request body is not included", 400),
        ('the header "x-correlator" does not comply with the schema at "/components/schemas/XCorrelator"', 400),
        ('the request body property "$.phoneNumber" is set to: "+34600999404"', 404),
        ('the header "Authorization" is set to a valid access token identifying a phone number', 200),
        ('the request body property "$.phoneNumber" is not included', 422),
        ("the number of endpoints calls is equal to the business limit", 429),
    ],
)
def test_what_a_step_sets_reaches_the_operator(root: Path, setting: str, status: int) -> None:
    (outcome,) = written(root, f"{HEAD}Given {setting}\n{SENT}Then the response status code is {status}")
    assert outcome.verdict is Verdict.PASSED, outcome.reason


TOKEN = 'the header "Authorization" is set to a valid access token'
NUMBER = 'the request body property "$.phoneNumber" is set to a phone number connected to the Operator\'s network'


@pytest.mark.parametrize(
    ("setting", "swapped"),
    [
        (f"{NUMBER} that has been swapped in the last 240 hours", "true"),
        (f"{NUMBER} that was swapped more than 300 hours ago", "false"),
        (f"{NUMBER} with a SIM that has never been swapped", "false"),
        (f"{TOKEN} from which a phone number that has been swapped in the last 24 hours can be deducted", "true"),
        (f'{NUMBER} that has been swapped in the last "260" hours, which is less than provided "maxAge"', "true"),
    ],
)
def test_what_a_member_or_a_token_says_of_the_line_is_so(root: Path, setting: str, swapped: str) -> None:
    told = f'Then the value of response property "$.swapped" == {swapped}'
    (outcome,) = written(root, f"{HEAD}Given {setting}\n{SENT}{told}")
    assert outcome.verdict is Verdict.PASSED, outcome.reason


RARE = """
# language: en
@everything
Feature: rare but legal - Operation checkSimSwap
  A few lines of free text, which mean nothing.

  Background:
    Given the resource "/sim-swap/v2/check"
    * the header "Authorization" is set to a valid access token

  Rule: a rule may have a background of its own

    Background:
      Given the request body is set by default to a request body compliant with the schema

    @rows
    Scenario Outline: rows of several tables, and <what> in the name
      Given a valid phone number identified by the token or provided in the request body
      And the request body property "$.maxAge" is set to: <hours>
      When the request "checkSimSwap" is sent
      Then the response status code is <status>
      But the response property "$.absent" does not exist

      @fine
      Examples: those that fit
        | what  | hours | status |
        | least | 1     | 200    |
        | most  | 2400  | 200    |

      @wrong
      Examples: those that do not
        | what | hours | status |
        | none | 0     | 400    |

  Rule: another

    Example: a table of members
      Given the request body is set by default to a request body compliant with the schema
      And a valid phone number identified by the token or provided in the request body
      And the request body is set to a valid request body with:
        | $.maxAge | 24 |
      When the request "checkSimSwap" is sent
      Then the response status code is 200
"""


def test_whatever_gherkin_allows_is_played(root: Path) -> None:
    outcomes = written(root, RARE)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.PASSED] * 4, [one.reason for one in outcomes]


def test_a_member_that_the_definition_has_not_is_not_applicable(root: Path) -> None:
    unknown = 'the request body property "$.unheardOf" is set to a value that does not match the value stored here'
    (outcome,) = written(root, f"{HEAD}Given {unknown}\n{SENT}Then the response status code is 200")
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_APPLICABLE, "the YAML has no such member")


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("IDENTIFIER_NOT_FOUND", Verdict.PASSED),
        ("MISSING_IDENTIFIER", Verdict.FAILED),
        ("DEVICE_NOT_FOUND", Verdict.CONTRADICTED),
    ],
)
def test_a_code_that_the_definition_has_nowhere_is_no_failure(root: Path, code: str, verdict: Verdict) -> None:
    unknown = 'Given the request body property "$.phoneNumber" is set to: "+34600999404"'
    (outcome,) = written(root, f'{HEAD}{unknown}\n{SENT}Then the response property "$.code" is "{code}"')
    assert outcome.verdict is verdict, outcome.reason


def test_a_file_that_is_no_gherkin_fails(root: Path) -> None:
    (outcome,) = written(root, "this is no feature")
    assert outcome.verdict is Verdict.FAILED


STORED = (DEFINITIONS / "sim-swap" / "2.1.0" / "openapi.yaml").is_file()


@pytest.mark.skipif(not STORED, reason="CAMARA's definitions are not beside the project")
@pytest.mark.parametrize(
    ("resource", "title", "label", "reasons"),
    [
        ("/sim-swap/v2/check", "v2.0.0 - checkSimSwap", "sim-swap 2.0.0", ""),
        ("/sim-swap/v2/check", "v2.0.9", "sim-swap 2.1.0 (written for 2.0.9)", ""),
        ("/sim-swap/vwip/check", "vwip", "sim-swap 2.1.0 (written for vwip)", ""),
        ("/star-sign/v1/sign", "v1.0.0", "star-sign 1.0.0", NOT_SERVED),
    ],
)
def test_a_file_from_anywhere_says_itself_what_it_is_about(
    tmp_path: Path, resource: str, title: str, label: str, reasons: str
) -> None:
    text = HEAD.replace("/sim-swap/v2/check", resource).replace("dropped in", title)
    (tmp_path / "dropped-in.feature").write_text(f"{text}{SENT}Then the response status code is 200")
    (((group, files)),) = grouped([tmp_path]).items()
    assert files[0].label == label
    assert [outcome.reason for outcome in play_group(group, files)] == [reasons]


def test_a_file_is_not_played_where_there_is_no_definition(tmp_path: Path) -> None:
    (tmp_path / "dropped-in.feature").write_text(HEAD + SENT)
    (files,) = grouped([tmp_path]).values()
    unserved = ("sim-swap", "9.9.9")
    assert [outcome.reason for outcome in play_group(unserved, files)] == [NOT_SERVED]
    undefined = ("sim-swap", "2.2.0")
    assert [outcome.reason for outcome in play_group(undefined, files)] == [NO_CONTRACT]


def test_a_file_without_a_resource_is_about_the_api_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "sim-swap-check.feature").write_text("Feature: it\nScenario: it\nGiven the moon is full")
    ((group, _),) = grouped([tmp_path]).items()
    assert group[0] == "sim-swap"


def test_a_path_to_nowhere_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "there is no" in capsys.readouterr().err


def test_coverage_counts_the_steps_that_have_a_word(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = root / "sim-swap" / "2.1.0" / "dropped-in.feature"
    file.write_text("Feature: it\nScenario: it\nGiven the response status code is 200\nAnd the moon is full")
    assert main([str(root), "--coverage", "--unknown"]) == 0
    printed = capsys.readouterr().out
    assert "in all: 50.0 % of 2 steps have a word" in printed
    assert "1 x the moon is full" in printed


def test_a_schema_that_a_background_announces_is_no_check_before_the_request(root: Path) -> None:
    (outcome,) = written(root, f"{HEAD}{BACKGROUND}{SENT}Then the response status code is 200")
    assert outcome.verdict is Verdict.PASSED, outcome.reason


def test_a_template_is_not_played(root: Path) -> None:
    (outcome,) = written(root, f"{HEAD}{TEMPLATE}{SENT}Then the response status code is 400")
    assert outcome.reason.startswith("a template")


@pytest.mark.parametrize(("expected", "status"), [("200", 0), ("404", 1)])
def test_the_command_prints_the_figures_and_ends_with_1_after_a_failure(
    root: Path, capsys: pytest.CaptureFixture[str], expected: str, status: int
) -> None:
    file = root / "sim-swap" / "2.1.0" / "dropped-in.feature"
    file.write_text(f"{HEAD}{SENT}Then the response status code is {expected}")
    assert main([str(root)]) == status
    printed = capsys.readouterr().out
    (row,) = [line.split() for line in printed.splitlines() if line.startswith("sim-swap")]
    assert row == ["sim-swap", "2.1.0", str(1 - status), str(status), "0", "0", "1"]


def test_the_command_says_in_one_line_that_there_is_nothing_to_play(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("skipped: no feature files")


@pytest.mark.parametrize(
    ("phrase", "token"),
    [
        ("a valid access token", Token.VALID),
        ("a valid access token which does not identify a single device", Token.TWO_LEGGED),
        ("a valid access which does not identifiy a single device", Token.TWO_LEGGED),
        ("a valid access token from which the phone number cannot be deducted", Token.TWO_LEGGED),
        ("a valid access token identifying a phone number", Token.THREE_LEGGED),
        ("a valid access token identifying same phone number", Token.THREE_LEGGED),
        ("a valid access token emitted for a different phone number", Token.OTHER),
        ("a previously valid but now expired access token", Token.EXPIRED),
        ("an invalid access token which is invalid for reasons other than lifetime expiry", Token.INVALID),
        ("a malformed token", Token.INVALID),
        ('an access token not including scope "a:b"', Token.UNSCOPED),
        ("a token for which neither Network-based nor SIM-based authentication was used", Token.UNPROVEN),
    ],
)
def test_every_phrase_for_a_token_means_one_kind(phrase: str, token: Token) -> None:
    assert meaning(phrase) is token


NAMES = st.text("abcdefgh", min_size=1, max_size=5)


@given(st.lists(NAMES | st.integers(0, 5), min_size=1, max_size=5), st.integers())
def test_what_is_put_at_a_path_is_found_there_and_goes_again(parts: list[str | int], value: int) -> None:
    path = tuple(parts)
    document = paths.put({} if isinstance(path[0], str) else [], path, value)
    assert paths.get(document, path) == value
    if isinstance(path[-1], str):
        assert paths.get(paths.put(document, path, paths.MISSING), path) is paths.MISSING
