"""Where a feature file contradicts its own OpenAPI definition, or itself. The definition wins.

Such a scenario counts neither as passed nor as not applicable. With ``instead`` it is played nevertheless, with what
the definition says in the place of the step, and fails if the operator does not do that.
"""

import re
from dataclasses import dataclass

from tests.camara.features import Scenario

DROPPED = ""
"""In the place of a step that the definition leaves nothing of."""


@dataclass(frozen=True)
class Conflict:
    """A step that a definition overrules. ``api``, ``step``, ``scenario`` and ``versions`` are patterns of whole texts.

    ``instead`` is a template, with the groups of ``step``; without it, nothing of the scenario can be played.
    """

    api: str
    step: str
    reason: str
    scenario: str = ".*"
    versions: str = ".*"
    instead: str | None = None

    def concerns(self, scenario: Scenario) -> bool:
        """Whether the scenario has such a step."""
        return (
            re.fullmatch(self.api, scenario.api) is not None
            and re.fullmatch(self.versions, scenario.version) is not None
            and re.fullmatch(self.scenario, scenario.key.removeprefix("@")) is not None
            and any(re.fullmatch(self.step, step) for step in scenario.steps)
        )

    def correct(self, step: str) -> str:
        """The step as the definition has it."""
        found = re.fullmatch(self.step, step)
        return step if found is None or self.instead is None else found.expand(self.instead)


CONFLICTS = (
    Conflict(
        "call-forwarding-signal",
        r'the response body is a string with the value "inactive"',
        "the definition answers an array of strings, never a bare string",
        instead='the response body is an array of strings with the possible values "inactive"',
    ),
    Conflict(
        "call-forwarding-signal",
        r"(.*)conditional_no_reply(.*)",
        "the definition calls the states conditional_not_reachable and conditional_no_answer",
        instead=r"\1conditional_no_answer\2",
    ),
    Conflict(
        "call-forwarding-signal",
        r'the request body is set to "\{\}"',
        "{} fits the schema, whose only member is optional: with a two-legged token that is 422 MISSING_IDENTIFIER",
    ),
    Conflict(
        "call-forwarding-signal",
        r'(.*is )"TOO_MANY_REQUEST"',
        "the definition's code is TOO_MANY_REQUESTS",
        instead=r'\1"TOO_MANY_REQUESTS"',
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
        instead='the HTTPS "POST" request is sent',
    ),
    Conflict(
        ".*",
        r"(.*)\$\.device\.networkIdentifier(.*)",
        "no definition has a member networkIdentifier; they call it networkAccessIdentifier",
        instead=r"\1$.device.networkAccessIdentifier\2",
    ),
    Conflict(
        "location-verification",
        r'the response property "\$\.verificationResult" is "UNKNOWN"',
        "the definition answers 422 UNABLE_TO_FULFILL_MAX_AGE where the last location is older than maxAge",
        scenario="location_verification_05.*",
        versions=r"1\.0\.0",
    ),
    Conflict(
        "location-retrieval",
        r'(.*is )"UNSUPPORTED_IDENTIFIERS"',
        "the definition's code is UNSUPPORTED_IDENTIFIER",
        versions=r"0\.[45]\.0",
        instead=r'\1"UNSUPPORTED_IDENTIFIER"',
    ),
    *(
        Conflict(
            "location-retrieval",
            step,
            "{} fits the schema, whose members are optional: without a device that is 422 UNIDENTIFIABLE_DEVICE",
            scenario=r"location_retrieval_400\.(?:2_empty_request_body|4_required_device_identifier_missing)",
            versions=r"0\.3\.0",
            instead=instead,
        )
        for step, instead in (
            ("the response status code is 400", "the response status code is 422"),
            (r'(.*"\$\.status" is )400', r"\g<1>422"),
            (r'(.*is )"INVALID_ARGUMENT"', r'\1"UNIDENTIFIABLE_DEVICE"'),
        )
    ),
    *(
        Conflict(
            "location-retrieval",
            step,
            "the definition of this version has no DEVICE_NOT_FOUND: it answers 422 UNABLE_TO_LOCATE",
            scenario="location_retrieval_404_unable_to_locate_device",
            versions=r"0\.5\.0",
            instead=instead,
        )
        for step, instead in (
            ("the response status code is 404", "the response status code is 422"),
            (r'(.*"\$\.status" is )404', r"\g<1>422"),
            (r"(.*LOCATION_RETRIEVAL\.)DEVICE_NOT_FOUND(.*)", r"\1UNABLE_TO_LOCATE\2"),
        )
    ),
    Conflict(
        "device-(?:reachability|roaming)-status",
        r'the response property "\$\.(?:code" is "OK"|message" contains .*)',
        "the schema of the answer has neither code nor message",
        scenario=r"device_(?:reachability|roaming)_status_0[123]_.*",
        versions=r"0\.6\.1",
        instead=DROPPED,
    ),
    Conflict(
        "device-(?:reachability|roaming)-status",
        r'the request body property "\$\.device" refers to an unknown device',
        "the definition answers 404 for an unknown device; the code that is expected is for one without the service",
        scenario=r"(?i:.*_not_?applicable)",
        versions=r"0\.6\.1",
        instead="the service is not applicable for the device identified by the token or provided in the request body",
    ),
    Conflict(
        "device-identifier",
        r"SIMCARD1( is installed within DEVICE1.*)",
        "title, number and answer of the scenario are those of SIMCARD2",
        scenario=r"DeviceIdentifier_\w+_200\.05_success_scenario_2-legged_token_after_SIM_card_swap",
        instead=r"SIMCARD2\1",
    ),
    Conflict(
        "kyc-match",
        r'(.* is equal to )"false"',
        "its precondition says that the value matches, of which the scenario before it, and the definition, say true",
        scenario="KYC_Match_5_success_specific_property_false",
        versions=r"0\.4\.0",
        instead=r'\1"true"',
    ),
    Conflict(
        "kyc-match",
        r'(.*"\$\.)middleNamesScore(".*)',
        "the definition calls it middleNamesMatchScore",
        versions=r"0\.3\.0",
        instead=r"\1middleNamesMatchScore\2",
    ),
    Conflict(
        "kyc-match",
        r'.*"\$\.(?:idDocument|birthdate)MatchScore".*',
        "the definition has no score for what is equal or not, with nothing between",
        instead=DROPPED,
    ),
    Conflict(
        "one-time-password-sms",
        r'the header "Authorization" is not set',
        "without a token the definition answers 401; the title speaks of x-correlator",
        scenario=r".*_without_x-correlator",
        versions=r"1\.0\.0",
        instead='the header "x-correlator" is not sent',
    ),
    Conflict(
        ".*-subscriptions",
        r'the response property "\$\.((?:termination|initiation)Reason)" is (.*)',
        "no answer has such a member; the event has it in its data",
        instead=r'the notification property "$.data.\1" is \2',
    ),
    Conflict(
        ".*-subscriptions",
        r'the response (?:header "Content-Type" is|body complies with) .*',
        "the definition answers 204, without a body",
        scenario=".*_delete_subscription",
        instead=DROPPED,
    ),
    Conflict(
        "sim-swap-subscriptions",
        r'(.*schemas/)Subscription/CloudEvent"',
        "the definition calls it CloudEvent",
        instead=r'\1CloudEvent"',
    ),
    Conflict(
        "sim-swap-subscriptions",
        r'the request body property "\$\.config\.subscriptionDetail\.phoneNumber" is not included',
        "the definition does not require the number: without one it answers 422 MISSING_IDENTIFIER",
        scenario=".*_require_input_properties_missing",
    ),
    Conflict(
        "sim-swap-subscriptions",
        r'(the response property "\$\.code" is )"INVALID_ARGUMENT"',
        "the definition has INVALID_SINK for a sink that is no URL",
        scenario=".*_invalid_sink",
        instead=r'\1"INVALID_SINK"',
    ),
    Conflict(
        "sim-swap-subscriptions",
        r'(.*is )"UNSUPPORTED_IDENTIFIER"',
        "the definition calls a number without the service SERVICE_NOT_APPLICABLE",
        scenario=".*_not_applicable",
        instead=r'\1"SERVICE_NOT_APPLICABLE"',
    ),
    Conflict(
        "device-roaming-status-subscriptions",
        r'.*/EventSubscriptionEnd(?:s|ed)"',
        "the definition demands a countryCode of the end of a subscription, also where nobody roams",
        instead=DROPPED,
    ),
    Conflict(
        "device-reachability-status-subscriptions|connected-network-type-subscriptions",
        r'(.*/EventSubscription)Ends"',
        "the definition of this version calls it EventSubscriptionEnded",
        versions=r"0\.8\.0|0\.2\.0",
        instead=r'\1Ended"',
    ),
    Conflict(
        "sim-swap-subscriptions",
        r'(.*is )"DEVICE_NOT_APPLICABLE"',
        "the definition calls a number without the service PHONE_NUMBER_NOT_APPLICABLE",
        versions=r"0\.1\.2",
        instead=r'\1"PHONE_NUMBER_NOT_APPLICABLE"',
    ),
    Conflict(
        "geofencing-subscriptions",
        r"(.*)subscriptionexpiretime(.*)",
        "the definition calls it subscriptionExpireTime",
        versions=r"0\.4\.0",
        instead=r"\1subscriptionExpireTime\2",
    ),
    *(
        Conflict(
            "iot-sim-fraud-prevention",
            step,
            "the definition answers 422 MISSING_IDENTIFIER where nothing names a device, as its next scenario says",
            scenario=r".*_400_missing_device",
            instead=instead,
        )
        for step, instead in (
            ("the response status code is 400", "the response status code is 422"),
            (r'(.*"\$\.status" is )400', r"\g<1>422"),
            (r'(.*is )"INVALID_ARGUMENT"', r'\1"MISSING_IDENTIFIER"'),
        )
    ),
    Conflict(
        "(?:sim|device)-swap",
        "the response status code is 403",
        "with a token that names nobody the definition takes the number of the body, and answers 200",
        scenario=r".*_phone_number_provided_cannot_be_deducted_from_access_token",
    ),
    Conflict(
        ".*",
        r'(the response property "\$\.code" is )"AUTHENTICATION_REQUIRED"',
        "for an expired token the definition allows UNAUTHENTICATED too, and that is what this operator answers",
        instead=r'\1"UNAUTHENTICATED"',
    ),
)


def conflicts_of(scenario: Scenario) -> list[Conflict]:
    """What contradicts the definition in a scenario."""
    return [conflict for conflict in CONFLICTS if conflict.concerns(scenario)]


def corrected(scenario: Scenario, conflicts: list[Conflict]) -> tuple[str, ...]:
    """The steps as the definition has them."""
    steps = scenario.steps
    for conflict in conflicts:
        steps = tuple(corrected for step in steps if (corrected := conflict.correct(step)) != DROPPED)
    return steps
