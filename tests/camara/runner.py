"""Plays scenarios against pretend operators, one operator for each API and version that can be offered."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from httpx import HTTPError

from adapters.mock.operator.apis.dialects import DIALECTS, Dialect
from adapters.mock.operator.profile import Legs, OfferedApi, Profile, SubjectForm, load_profile, shipped_profiles
from tests.camara.conflicts import conflicts_of, corrected
from tests.camara.contract import Contract, contract
from tests.camara.features import Scenario, read
from tests.camara.other_contracts import of_another_contract
from tests.camara.outcomes import Mismatch, NotApplicable, Outcome, Verdict
from tests.camara.places import DEFINITION, WORK_IN_PROGRESS, Group, Place, places
from tests.camara.sink import Sink, running_sink
from tests.camara.stage import Stage
from tests.camara.templates import filling_of
from tests.camara.vocabulary import Word
from tests.camara.words_assets import WORDS as ASSETS
from tests.camara.words_binding import WORDS as BINDING
from tests.camara.words_brand import WORDS as BRAND
from tests.camara.words_event import WORDS as EVENT
from tests.camara.words_person import WORDS as PERSON
from tests.camara.words_person import presuppose
from tests.camara.words_request import RESOURCES, SENDING
from tests.camara.words_request import WORDS as REQUEST
from tests.camara.words_resource import WORDS as RESOURCE
from tests.camara.words_response import WORDS as RESPONSE
from tests.camara.words_subject import WORDS as SUBJECT
from tests.camara.words_token import WORDS as TOKEN
from tests.support.mock_operator import RunningOperator, running_operator
from tests.support.mock_operator_schemas import DEFINITIONS

WORDS: tuple[Word, ...] = (
    *TOKEN,
    *ASSETS,
    *BINDING,
    *BRAND,
    *PERSON,
    *EVENT,
    *RESOURCE,
    *RESPONSE,
    *SUBJECT,
    *RESOURCES,
    *REQUEST,
    *SENDING,
)
NOT_SERVED = "not served by the pretend operator"
NO_CONTRACT = "there is no openapi.yaml, neither beside the file nor among the definitions"
BASE_PROFILE = "alba"

_PLACEHOLDER = re.compile(r"\"\{[A-Za-z_]+\}\"|<x+>|<(?:apiName|operation|requestSchema|resource)\w*>")


def served() -> frozenset[Group]:
    """API and version of everything that a pretend operator can offer."""
    return frozenset((known.api, known.version) for known in DIALECTS)


def playable() -> frozenset[Group]:
    """What is served and has a definition at hand; all that is served, where there are no definitions."""
    return frozenset(one for one in served() if _definition(one).is_file()) or served()


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
def words_for(step: str) -> tuple[Word, dict[str, str | None]] | None:
    """The word for a step, and what it says about it."""
    for known in WORDS:
        found = known.pattern.fullmatch(step)
        if found is not None:
            return known, found.groupdict()
    return None


def play(
    scenario: Scenario, definition: Contract, operator: RunningOperator, count: int, sink: Sink, other: str | None
) -> Outcome:
    """One scenario, from its first step to its last, as the definition has it.

    ``other`` is the version that it was written for, where that is another than the definition's.
    """
    found = conflicts_of(scenario)
    reason = "; ".join(dict.fromkeys(conflict.reason for conflict in found))
    if any(conflict.instead is None for conflict in found):
        return Outcome(scenario, Verdict.CONTRADICTED, f"not played: {reason}")
    read_so = replace(scenario, steps=corrected(scenario, found))
    verdict, why = _play(Stage(read_so, definition, operator, legs_of(scenario.api), count, sink))
    if verdict is Verdict.FAILED and (unheard_of := of_another_contract(why, definition, other)) is not None:
        return Outcome(scenario, Verdict.CONTRADICTED, unheard_of)
    if found and verdict is Verdict.PASSED:
        return Outcome(scenario, Verdict.CONTRADICTED, f"played as the YAML has it: {reason}")
    return Outcome(scenario, verdict, why)


def _play(stage: Stage) -> tuple[Verdict, str]:
    steps = stage.scenario.steps
    if (reason := template(steps)) is not None:
        return Verdict.NOT_APPLICABLE, reason
    unknown = [step for step in steps if words_for(step) is None]
    if unknown:
        return Verdict.NOT_APPLICABLE, f"no word for the step: {unknown[0]}"
    try:
        _act(stage)
    except NotApplicable as why:
        return Verdict.NOT_APPLICABLE, str(why)
    except AssertionError as why:
        return Verdict.FAILED, str(why)
    except (AttributeError, HTTPError, LookupError, TypeError, ValueError) as why:
        # One file that is written unlike all others must not keep the rest from being played.
        return Verdict.FAILED, f"{type(why).__name__}: {why}"
    finally:
        stage.leave()
    if stage.response is None and not stage.told:
        return Verdict.NOT_APPLICABLE, "no step of it looks at an answer"
    return Verdict.PASSED, ""


def _act(stage: Stage) -> None:
    found = [(step, *_known(step)) for step in stage.scenario.steps]
    sends = [position for position, (_, known, _) in enumerate(found) if known in SENDING]
    first = sends[0] if sends else len(found)
    # What is asked decides what a valid value is, also for steps that stand before the one that says it.
    for _, known, groups in found[: first + 1]:
        if known in RESOURCES or known in SENDING:
            known.act(stage, **_given(groups))
    presuppose(stage)
    for position, (step, known, groups) in enumerate(found):
        # Some backgrounds declare the schema of the answer that is to come.
        if sends and position < first and known in RESPONSE:
            continue
        try:
            known.act(stage, **_given(groups))
        except Mismatch as why:
            raise Mismatch(f"{step}: {why}") from why


def _given(groups: dict[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in groups.items() if text is not None}


def _known(step: str) -> tuple[Word, dict[str, str | None]]:
    found = words_for(step)
    if found is None:
        raise NotApplicable(f"no word for the step: {step}")
    return found


def play_group(group: Group, found: Iterable[Place]) -> Iterator[Outcome]:
    """Every scenario of one API and version; a file that cannot be read is a failure of its own."""
    found = list(found)
    for place in found:
        filling = filling_of(place)
        if filling is not None:
            yield from _play_files(filling.group, [place], filling.fill)
    yield from _play_files(group, [place for place in found if filling_of(place) is None], str)


def _play_files(group: Group, found: list[Place], fill: Callable[[str], str]) -> Iterator[Outcome]:
    scenarios: list[Scenario] = []
    definitions = [_definition(group)]
    for place in found:
        try:
            scenarios += read(*group, place.file, fill)
        except ValueError as why:
            yield Outcome(Scenario(*group, place.file, "", place.file.name, (), ()), Verdict.FAILED, str(why))
        definitions += [place.definition] if place.definition else []
    reason = _unplayable(group, definitions[-1])
    if reason is not None:
        yield from (Outcome(one, Verdict.NOT_APPLICABLE, template(one.steps) or reason) for one in scenarios)
        return
    definition = contract(definitions[-1])
    others = {place.file: place.written_for for place in found if place.written_for != place.version}
    with running_operator(profile_for(*group)) as operator, running_sink() as sink:
        for count, scenario in enumerate(scenarios):
            yield play(scenario, definition, operator, count, sink, others.get(scenario.file))


def _definition(group: Group) -> Path:
    """Where the definition lies that an API at a version is held to; previews lie in a folder of their own."""
    at = DEFINITIONS / group[0] / group[1] / DEFINITION
    previews = sorted(DEFINITIONS.glob(f"preview-*/{group[0]}/{DEFINITION}"))
    return previews[-1] if group[1] == WORK_IN_PROGRESS and previews else at


def _unplayable(group: Group, definition: Path) -> str | None:
    if group not in served():
        return NOT_SERVED
    return None if definition.is_file() else NO_CONTRACT


def template(steps: Iterable[str]) -> str | None:
    """Why steps with placeholders that nothing fills in cannot be played."""
    if any(_PLACEHOLDER.search(step) for step in steps):
        return "a template: its placeholders stand for no API"
    return None


def grouped(roots: Iterable[Path]) -> dict[Group, list[Place]]:
    """The feature files of every API and version in some folders.

    Raises:
        ValueError: a path leads nowhere.
    """
    found: dict[Group, list[Place]] = {}
    for place in places(roots, playable()):
        found.setdefault(place.group, []).append(place)
    return found
