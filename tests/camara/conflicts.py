"""Where a feature file contradicts its own OpenAPI definition. The definition wins; the scenario is not played."""

import re
from dataclasses import dataclass

from tests.camara.features import Scenario


@dataclass(frozen=True)
class Conflict:
    """A step that a definition overrules. All but ``reason`` are patterns of a whole text."""

    api: str
    step: str
    reason: str
    scenario: str = ".*"
    versions: str = ".*"


CONFLICTS = (
    Conflict(
        "call-forwarding-signal",
        r'the response body is a string with the value "inactive"',
        "the definition answers an array of strings, never a bare string",
    ),
    Conflict(
        "call-forwarding-signal",
        r".*conditional_no_reply.*",
        "the definition calls the states conditional_not_reachable and conditional_no_answer",
    ),
    Conflict(
        "call-forwarding-signal",
        r'the request body is set to "\{\}"',
        "{} fits the schema, whose only member is optional: with a two-legged token that is 422 MISSING_IDENTIFIER",
    ),
    Conflict(
        "call-forwarding-signal",
        r'.*is "TOO_MANY_REQUEST"',
        "the definition's code is TOO_MANY_REQUESTS",
    ),
    Conflict(
        "sim-swap",
        r'the request body property "\$\.maxAge" is set to 100000',
        "the definition of this version has no OUT_OF_RANGE: beyond its maximum a maxAge is INVALID_ARGUMENT",
        versions=r"1\.0\.0",
    ),
    Conflict(
        "number-verification",
        r'the HTTPS? "GET" request is sent',
        "the definition has no GET at /verify",
        scenario=r"NumberVerification_phone_number_verify.*",
    ),
    Conflict(
        "location-verification",
        r".*\$\.device\.networkIdentifier.*",
        "the definition has no networkIdentifier, and unknown members are ignored in this version",
        versions=r"[12]\.0\.0",
    ),
    Conflict(
        "location-verification",
        r'the response property "\$\.verificationResult" is "UNKNOWN"',
        "the definition answers 422 UNABLE_TO_FULFILL_MAX_AGE where the last location is older than maxAge",
        scenario="location_verification_05.*",
        versions=r"1\.0\.0",
    ),
    Conflict(
        ".*",
        r'the response property "\$\.code" is "AUTHENTICATION_REQUIRED"',
        "for an expired token the definition allows UNAUTHENTICATED too, and that is what this operator answers",
    ),
)


def overruled(scenario: Scenario) -> str | None:
    """Why this scenario is not played, if the definition contradicts one of its steps."""
    for conflict in CONFLICTS:
        if re.fullmatch(conflict.api, scenario.api) and re.fullmatch(conflict.versions, scenario.version):
            fits = any(re.fullmatch(conflict.step, step) for step in scenario.steps)
            if fits and re.fullmatch(conflict.scenario, scenario.key.removeprefix("@")):
                return f"the file contradicts the YAML: {conflict.reason}"
    return None
