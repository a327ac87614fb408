"""Plays scenarios against pretend operators, one operator for each API and version that can be offered."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from httpx import HTTPError

from adapters.mock.operator.apis.dialects import DIALECTS, Dialect
from adapters.mock.operator.profile import Legs, OfferedApi, Profile, SubjectForm, load_profile, shipped_profiles
from tests.camara.conflicts import overruled
from tests.camara.contract import Contract, contract
from tests.camara.features import Scenario, read, stored_features
from tests.camara.outcomes import Mismatch, NotApplicable, Outcome, Verdict
from tests.camara.stage import Stage
from tests.camara.vocabulary import Word
from tests.camara.words_request import SENDING
from tests.camara.words_request import WORDS as REQUEST
from tests.camara.words_response import WORDS as RESPONSE
from tests.camara.words_subject import WORDS as SUBJECT
from tests.camara.words_token import WORDS as TOKEN
from tests.support.mock_operator import RunningOperator, running_operator

WORDS: tuple[Word, ...] = (*TOKEN, *RESPONSE, *SUBJECT, *REQUEST, *SENDING)
NOT_SERVED = "not served by the pretend operator"
NO_CONTRACT = "there is no openapi.yaml beside the file"
BASE_PROFILE = "alba"

_PLACEHOLDER = re.compile(r"\"\{[A-Za-z_]+\}\"")

Group = tuple[str, str]


def served() -> frozenset[Group]:
    """API and version of everything that a pretend operator can offer."""
    return frozenset((known.api, known.version) for known in DIALECTS)


def legs_of(api: str) -> frozenset[Legs]:
    """The kinds of token that the shipped operators open an API to; both, where none of them has it."""
    offered = [kinds.legs for name in shipped_profiles() for kinds in load_profile(name).apis if kinds.name == api]
    return frozenset().union(*offered) or frozenset(Legs)


def profile_for(api: str, version: str) -> Profile:
    """An operator with this API, and beside it another one whose scopes are foreign to it."""
    beside = next(known for known in DIALECTS if known.api != api)
    apis = tuple(_offered(known) for known in (_dialect(api, version), beside))
    return load_profile(BASE_PROFILE).model_copy(update={"apis": apis, "subject_forms": frozenset(SubjectForm)})


def _dialect(api: str, version: str) -> Dialect:
    return next(known for known in DIALECTS if (known.api, known.version) == (api, version))


def _offered(known: Dialect) -> OfferedApi:
    return OfferedApi(name=known.api, version=known.version, legs=frozenset(Legs))


@cache
def _words_for(step: str) -> tuple[Word, dict[str, str | None]] | None:
    for known in WORDS:
        found = known.pattern.fullmatch(step)
        if found is not None:
            return known, found.groupdict()
    return None


def play(scenario: Scenario, definition: Contract, operator: RunningOperator, count: int) -> Outcome:
    """One scenario, from its first step to its last."""
    reason = overruled(scenario)
    if reason is not None:
        return Outcome(scenario, Verdict.NOT_APPLICABLE, reason)
    if any(_PLACEHOLDER.search(step) for step in scenario.steps):
        return Outcome(scenario, Verdict.NOT_APPLICABLE, "a template: its placeholders stand for no API")
    unknown = [step for step in scenario.steps if _words_for(step) is None]
    if unknown:
        return Outcome(scenario, Verdict.NOT_APPLICABLE, f"no word for the step: {unknown[0]}")
    stage = Stage(scenario, definition, operator, legs_of(scenario.api), count)
    try:
        _act(stage)
    except NotApplicable as why:
        return Outcome(scenario, Verdict.NOT_APPLICABLE, str(why))
    except AssertionError as why:
        return Outcome(scenario, Verdict.FAILED, str(why))
    except (HTTPError, LookupError, TypeError, ValueError) as why:
        # One file that is written unlike all others must not keep the rest from being played.
        return Outcome(scenario, Verdict.FAILED, f"{type(why).__name__}: {why}")
    finally:
        if stage.faulty:
            operator.control.no_faults()
    if stage.response is None:
        return Outcome(scenario, Verdict.NOT_APPLICABLE, "no step of it looks at an answer")
    return Outcome(scenario, Verdict.PASSED)


def _act(stage: Stage) -> None:
    found = [(step, *_known(step)) for step in stage.scenario.steps]
    sends = [position for position, (_, known, _) in enumerate(found) if known in SENDING]
    for position, (step, known, groups) in enumerate(found):
        # Some backgrounds declare the schema of the answer that is to come.
        if sends and position < sends[0] and known in RESPONSE:
            continue
        try:
            known.act(stage, **{name: text for name, text in groups.items() if text is not None})
        except Mismatch as why:
            raise Mismatch(f"{step}: {why}") from why


def _known(step: str) -> tuple[Word, dict[str, str | None]]:
    found = _words_for(step)
    if found is None:
        raise NotApplicable(f"no word for the step: {step}")
    return found


def play_group(root: Path, group: Group, files: Iterable[Path]) -> Iterator[Outcome]:
    """Every scenario of one API and version; a file that cannot be read is a failure of its own."""
    scenarios: list[Scenario] = []
    for file in files:
        try:
            scenarios += read(*group, file)
        except ValueError as why:
            yield Outcome(Scenario(*group, file, "", file.name, (), ()), Verdict.FAILED, str(why))
    if group not in served():
        yield from (Outcome(scenario, Verdict.NOT_APPLICABLE, NOT_SERVED) for scenario in scenarios)
        return
    if not (root / group[0] / group[1] / "openapi.yaml").is_file():
        yield from (Outcome(scenario, Verdict.NOT_APPLICABLE, NO_CONTRACT) for scenario in scenarios)
        return
    definition = contract(root / group[0] / group[1])
    with running_operator(profile_for(*group)) as operator:
        for count, scenario in enumerate(scenarios):
            yield play(scenario, definition, operator, count)


def groups_in(root: Path) -> dict[Group, list[Path]]:
    """The feature files of every API and version in a folder that is laid out as ``<api>/<version>/``."""
    found: dict[Group, list[Path]] = {}
    for api, version, file in stored_features(root):
        found.setdefault((api, version), []).append(file)
    return found
