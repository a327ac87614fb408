from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.domain.check import Action, Amount
from broker.domain.decision import ActionClass, Outcome
from broker.domain.signal import SignalName
from broker.errors import InvalidRequest, Misconfigured
from broker.policy.book import PolicyBook
from broker.policy.document import ActionRules, PolicyDocument
from broker.policy.proving import require_proven
from broker.policy.rules import GateCode
from tests.unit.policy.kit import ALL_CLASSES, CONFIG, all_classes, book, shipped, table

LOW, MEDIUM, HIGH, CRITICAL = ActionClass
PAYMENT_TEXT = (CONFIG / "policies" / "payment.yaml").read_text("utf-8")


def euros(value: str) -> Amount:
    return Amount(Decimal(value), "EUR")


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action("payment.transfer", euros("20")), LOW),
        (Action("payment.transfer", euros("50.00")), LOW),
        (Action("payment.transfer", euros("50.01")), MEDIUM),
        (Action("payment.transfer", euros("950")), MEDIUM),
        (Action("payment.transfer", euros("1000.00")), MEDIUM),
        (Action("payment.transfer", euros("1000.01")), HIGH),
        (Action("payment.transfer", euros("1E+400")), HIGH),
        (Action("payment.transfer", euros("0")), HIGH),
        (Action("payment.transfer", euros("-5")), HIGH),
        (Action("payment.transfer", euros("NaN")), HIGH),
        (Action("payment.transfer", Amount(Decimal(20), "USD")), HIGH),
        (Action("payment.transfer", Amount(Decimal(20), "eur")), HIGH),
        (Action("payment.transfer"), HIGH),
        (Action("payment.transfer", euros("20"), attributes={"newPayee": False}), LOW),
        (Action("payment.transfer", euros("20"), attributes={"newPayee": True}), HIGH),
        (Action("payment.transfer", euros("20"), attributes={"newPayee": "false"}), HIGH),
        (Action("payment.transfer", euros("20"), attributes={"newPayee": 0}), HIGH),
        (Action("sign_in.hint"), LOW),
        (Action("profile.change"), MEDIUM),
        (Action("credential.reset"), HIGH),
        (Action("sim.order"), CRITICAL),
        (Action("number.change"), CRITICAL),
        (Action("limit.raise"), CRITICAL),
        (Action("agent.delegate"), CRITICAL),
    ],
)
def test_the_shipped_policies_give_each_action_its_class(action: Action, expected: ActionClass) -> None:
    document, action_class = book().resolve(action)
    assert action_class is expected
    assert document.rules(action_class).action_class is expected


@pytest.mark.parametrize("kind", ["payment.transfers", "", "PAYMENT.TRANSFER", "payment.transfer\n", "constructor"])
def test_an_unknown_action_type_is_the_callers_to_correct(kind: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        book().resolve(Action(kind))
    assert [fault.pointer for fault in caught.value.faults] == ["/action/type"]
    assert "policy" in caught.value.faults[0].detail


Attributes = dict[str, str | bool | int | float]

amounts = st.one_of(st.none(), st.builds(Amount, st.decimals(-10, 5000, places=2), st.sampled_from(["EUR", "USD", ""])))
attributes = st.dictionaries(
    st.sampled_from(["newPayee", "other"]),
    st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
)


@given(amounts, attributes)
@settings(max_examples=300, deadline=None)
def test_leaving_out_the_amount_never_lowers_the_class(amount: Amount | None, given_attributes: Attributes) -> None:
    rules = shipped()["payment"].actions["payment.transfer"]
    full = rules.classify(Action("payment.transfer", amount, None, given_attributes))
    assert rules.classify(Action("payment.transfer", None, None, given_attributes)) >= full


@cache
def payment_without_has() -> ActionRules:
    """The payment policy as its own comment says a tenant may tighten it."""
    text = PAYMENT_TEXT.replace("!has(action.attributes.newPayee) || ", "")
    assert text != PAYMENT_TEXT
    return PolicyDocument.read(text, source="strict.yaml").actions["payment.transfer"]


@given(amounts, attributes)
@settings(max_examples=300, deadline=None)
def test_leaving_out_an_attribute_lowers_the_class_only_where_the_policy_says_has(
    amount: Amount | None, given_attributes: Attributes
) -> None:
    rules = payment_without_has()
    full = rules.classify(Action("payment.transfer", amount, None, given_attributes))
    for name in given_attributes:
        less = {key: value for key, value in given_attributes.items() if key != name}
        assert rules.classify(Action("payment.transfer", amount, None, less)) >= full


def test_a_stricter_rule_that_cannot_be_evaluated_counts_as_holding() -> None:
    text = ALL_CLASSES.replace(
        "act.low: {default: low}",
        "act.low: {rules: [{when: action.attributes.abroad == true, class: high},"
        " {when: action.type == 'act.low', class: low}], default: critical}",
    )
    rules = PolicyDocument.read(text, source="x").actions["act.low"]
    assert rules.classify(Action("act.low", attributes={"abroad": False})) is LOW
    assert rules.classify(Action("act.low", attributes={"abroad": True})) is HIGH
    assert rules.classify(Action("act.low")) is HIGH


def test_a_higher_class_inherits_what_lower_ones_require() -> None:
    required = all_classes().rules(CRITICAL).required
    assert (SignalName.SIM_SWAP,) in required
    assert (SignalName.DEVICE_SWAP, SignalName.NUMBER_VERIFICATION) in required
    assert (SignalName.CALL_FORWARDING, SignalName.LOCATION) in required


def test_gate_floors_of_a_document_hold_for_every_higher_class() -> None:
    payment = shipped()["payment"]
    assert payment.rules(LOW).gate_floors[GateCode.SIM_CHANGED_24H] is Outcome.ALLOW
    assert payment.rules(MEDIUM).gate_floors[GateCode.SIM_CHANGED_24H] is Outcome.DENY
    assert payment.rules(HIGH).gate_floors[GateCode.SIM_CHANGED_24H] is Outcome.DENY


def test_default_ages_follow_the_class() -> None:
    ages = [all_classes().rules(action_class).max_age_s for action_class in ActionClass]
    assert ages == [3600.0, 300.0, 60.0, 0.0]


def test_purposes_bind_where_they_are_given() -> None:
    assert shipped()["payment"].permits_purpose("FraudPreventionAndDetection")
    assert not shipped()["payment"].permits_purpose("Marketing")
    assert shipped()["sign-in"].permits_purpose("RequestedServiceProvision")


REFUSED = [
    pytest.param(
        "act.high: {default: high}", "act.high: {default: hgih}", r"line 7, key actions\.act\.high\.default", id="class"
    ),
    pytest.param("version: 1\n", "version: 1\nverison: 2\n", "verison: Extra inputs", id="unknown key"),
    pytest.param("version: 1\n", "version: 1\nversion: 1\n", "given twice", id="key twice"),
    pytest.param("version: 1\n", "", "key version: Field required", id="missing key"),
    pytest.param("id: all-classes", "id: All Classes", "key id", id="id"),
    pytest.param(
        "act.high: {default: high}", "act.high: {rules: []}", r"act\.high\.default: Field required", id="no default"
    ),
    pytest.param(
        "act.low: {default: low}",
        "act.low: {rules: [{when: 'true', class: high}], default: low}",
        r"line 5, key actions\.act\.low\.default: is looser",
        id="default looser than a rule",
    ),
    pytest.param(
        "act.low: {default: low}",
        "act.low: {rules: [{when: 'action.amount', class: low}, {when: '1', class: low}], default: low}",
        r"rules\.1\.when: gives INT",
        id="not boolean",
    ),
    pytest.param(
        "act.low: {default: low}",
        "act.low: {rules: [{when: action.amuont.value > 5.0, class: low}], default: low}",
        "no member 'amuont'",
        id="misspelt member",
    ),
    pytest.param(
        "required: [[sim_swap]]}", "required: []}", r"medium\.required: medium must require something", id="empty"
    ),
    pytest.param("required: [[sim_swap]]}", "required: [[]]}", r"medium\.required\.0", id="empty group"),
    pytest.param(
        "required: [[sim_swap]]}", "required: [[device_swap]]}", "device_swap is required and not among", id="unwanted"
    ),
    pytest.param("required: [[sim_swap]]}", "required: [[sim_swop]]}", r"medium\.required\.0\.0", id="unknown signal"),
    pytest.param(
        "required: [[sim_swap]]}",
        "required: [[sim_swap]], floor: allow}",
        r"medium\.floor: must be at least step_up",
        id="floor",
    ),
    pytest.param(
        "required: [[sim_swap]]}", "required: [[sim_swap]], floor: deny}", r"high\.floor: is looser", id="floors fall"
    ),
    pytest.param(
        "    prior: 0.005", "    prior: 0.001", r"high\.prior: is looser than that of medium", id="prior falls"
    ),
    pytest.param(
        "    value_at_risk: 25", "    value_at_risk: 2", r"critical\.value_at_risk: is looser", id="value falls"
    ),
    pytest.param(
        "    prior: 0.01\n", "    prior: 0.01\n    max_age_s: 900\n", r"critical\.max_age_s: is looser", id="age rises"
    ),
    pytest.param("    prior: 0.01\n", "    prior: 0\n", r"critical\.prior", id="prior 0"),
    pytest.param("    prior: 0.01\n", "    prior: .nan\n", r"critical\.prior", id="prior nan"),
    pytest.param("  critical:\n", "  criticl:\n", r"classes\.criticl", id="class name"),
    pytest.param(
        "step_up_methods: [network_auth, tenant_factor, sms_otp, voice_call]",
        "step_up_methods: []",
        "step_up_methods",
        id="no method",
    ),
    pytest.param("step_up_methods: [network_auth", "step_up_methods: [pigeon", r"step_up_methods\.0", id="method"),
    pytest.param(
        "version: 1\n",
        "version: 1\ncosts: {step_up_stops: 0.99}\n",
        r"costs\.step_up_stops: must not be above review_stops",
        id="costs",
    ),
    pytest.param(
        "version: 1\n",
        "version: 1\ncosts: {review_friction: 0.9}\n",
        r"costs\.review_friction: must not be above insult",
        id="friction",
    ),
    pytest.param("version: 1\n", "version: 1\ncosts: {insult: -1}\n", r"costs\.insult", id="negative cost"),
    pytest.param(
        "version: 1\n",
        "version: 1\ngates: {POSSESSION_MISMATCH: {high: allow}}\n",
        r"gates\.POSSESSION_MISMATCH\.high: must be at least step_up",
        id="gate loosened",
    ),
    pytest.param(
        "version: 1\n",
        "version: 1\ngates: {SIM_CHANGED_24H: {medium: deny, high: review}}\n",
        r"gates\.SIM_CHANGED_24H\.high: must be at least deny",
        id="gate falls with the class",
    ),
    pytest.param(
        "version: 1\n", "version: 1\ngates: {SIM_CHANGED: {high: deny}}\n", r"gates\.SIM_CHANGED", id="unknown gate"
    ),
    pytest.param("version: 1\n", "version: 1\npurposes: []\n", "key purposes", id="no purpose"),
    pytest.param("version: 1\n", "version: 1\npurposes: [Fun]\n", r"purposes\.0: the purpose Fun", id="purpose"),
    pytest.param(
        "required: [[sim_swap]]}",
        "required: [[sim_swap]], fail_mode: allow}",
        r"medium\.fail_mode: must be at least step_up",
        id="fail mode below the floor",
    ),
    pytest.param(
        "required: [[sim_swap]]}",
        "required: [[sim_swap]], fail_mode: deny}",
        r"high\.fail_mode: is looser",
        id="fail modes fall",
    ),
    pytest.param(
        "version: 1\n", "version: 1\nsignals: {location: {countries: [Spain]}}\n", r"countries\.0", id="country"
    ),
    pytest.param(
        "version: 1\n", "version: 1\nsignals: {location: {legal_bases: [hope]}}\n", r"legal_bases\.0", id="basis"
    ),
    pytest.param("examples:\n", "examples: []\nmore:\n", "examples", id="no examples"),
    pytest.param(
        "sim_swap: 400d}, class: low",
        "sim_swap: 400y}, class: low",
        r"examples\.0: '400y' means nothing for sim_swap",
        id="word",
    ),
    pytest.param("action: {type: act.low}", "action: {type: act.low, amount: 20 €}", "is not an amount", id="amount"),
    pytest.param("id: all-classes", "id: *x", "aliases", id="alias"),
]


@pytest.mark.parametrize(("old", "new", "message"), REFUSED)
def test_refuses_with_file_and_key(old: str, new: str, message: str) -> None:
    assert old in ALL_CLASSES
    with pytest.raises(Misconfigured, match=message) as caught:
        PolicyDocument.read(
            ALL_CLASSES.replace(old, new, 1), source="mine.yaml", purposes=frozenset({"FraudPreventionAndDetection"})
        )
    assert str(caught.value).startswith("mine.yaml")


def test_everything_wrong_is_told_at_once_with_pointer_and_line() -> None:
    text = ALL_CLASSES.replace("prior: 0.005", "prior: 0.001").replace(
        "act.low: {default: low}", "act.low: {rules: [{when: action.amuont, class: high}], default: low}"
    )
    with pytest.raises(Misconfigured) as caught:
        PolicyDocument.read(text, source="mine.yaml")
    lines = text.splitlines()
    found = {fault.pointer: lines[fault.line - 1].strip().partition(":")[0] for fault in caught.value.faults}
    assert found == {
        "/actions/act.low/default": "act.low",
        "/classes/high/prior": "prior",
        "/actions/act.low/rules/0/when": "act.low",
    }


@pytest.mark.parametrize(
    ("limit", "country", "basis", "code"),
    [
        ("{countries: [ES, DE]}", "ES", "contract", None),
        ("{countries: [ES, DE]}", "FR", "contract", "COUNTRY"),
        ("{countries: [ES, DE]}", None, "contract", "COUNTRY"),
        ("{legal_bases: [consent]}", "FR", "consent", None),
        ("{legal_bases: [consent]}", "FR", "legitimate_interest", "LEGAL_BASIS"),
        ("{legal_bases: [consent]}", "FR", None, "LEGAL_BASIS"),
        ("{}", None, None, None),
    ],
)
def test_a_signal_is_asked_only_where_and_on_the_ground_that_the_policy_says(
    limit: str, country: str | None, basis: str | None, code: str | None
) -> None:
    text = ALL_CLASSES.replace("version: 1\n", f"version: 1\nsignals: {{location: {limit}}}\n")
    document = PolicyDocument.read(text, source="mine.yaml")
    assert document.limits[SignalName.LOCATION].bars(country, basis) == code


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected keys"),
        ("- a\n- b\n", "expected keys"),
        ("a: [1, 2", "mine.yaml"),
        ("a: !!python/object/apply:os.system ['true']", "mine.yaml"),
        ("? [a, b]\n: 1\n", "single word"),
        ("a: " + "[" * 5000, "nested deeper"),
        ("a: " + "x" * 300_000, "longer than"),
    ],
)
def test_refuses_what_is_not_a_document(text: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        PolicyDocument.read(text, source="mine.yaml")


class TestBook:
    def test_needs_a_document(self) -> None:
        with pytest.raises(Misconfigured, match="no policy documents"):
            PolicyBook([])

    def test_two_documents_cannot_share_an_id(self) -> None:
        with pytest.raises(Misconfigured, match="already that of all-classes"):
            PolicyBook([all_classes(), all_classes()])

    def test_two_documents_cannot_govern_one_action(self) -> None:
        other = PolicyDocument.read(ALL_CLASSES.replace("id: all-classes", "id: other"), source="other.yaml")
        with pytest.raises(Misconfigured, match=r"other\.yaml, key actions\.act\.low: already governed by all-classes"):
            PolicyBook([all_classes(), other])

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("decision: allow", "decision: deny", "example 'steady': decides allow, not deny"),
            ("class: low, decision", "class: medium, decision", "example 'steady': the class is low, not medium"),
            ("action: {type: act.low}", "action: {type: act.lower}", "has no action 'act.lower'"),
        ],
    )
    def test_examples_must_come_out_as_written(self, old: str, new: str, message: str) -> None:
        document = PolicyDocument.read(ALL_CLASSES.replace(old, new), source="mine.yaml")
        with pytest.raises(Misconfigured, match=message) as caught:
            require_proven(document, table())
        (fault,) = caught.value.faults
        lines = ALL_CLASSES.splitlines()
        assert (fault.pointer, lines[fault.line - 1].strip()[:14]) == ("/examples/0", "- {name: stead")

    def test_every_shipped_document_proves_its_examples(self) -> None:
        for document in shipped().values():
            require_proven(document, table())

    def test_shows_its_documents(self) -> None:
        assert sorted(book().documents) == sorted(shipped())
