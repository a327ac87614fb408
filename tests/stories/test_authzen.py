"""AuthZEN 1.0: the published certification scenario, told with phone numbers, and what is ours beyond it.

The scenario's people, records and eight rules are kept (authorization-api-1_0-scenario, sections 1 to 3, 5 and 6; not
section 4, searching). Alice is a steady line. Bob's SIM changed three days ago: good enough to read, and not to write.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.stage import Stage, set_stage

ALICE, BOB = "+34600000101", "+34600000103"
RECORDS = """
id: records
version: 1
actions:
  read: {default: low}
  write:
    rules:
      - {when: 'has(action.attributes.subject_role) && action.attributes.subject_role == "admin"', class: low}
      - when: '!has(action.attributes.resource_status) || action.attributes.resource_status != "archived"'
        class: medium
    default: critical
  delete:
    rules:
      - {when: 'action.attributes.soft == true', class: medium}
    default: critical
classes:
  low: {prior: 0.0005, value_at_risk: 0.2, wanted: [sim_swap]}
  medium: {prior: 0.002, value_at_risk: 1, wanted: [sim_swap], required: [[sim_swap]]}
  critical:
    prior: 0.01
    value_at_risk: 25
    wanted: [sim_swap, device_swap, call_forwarding]
    required: [[sim_swap], [device_swap], [call_forwarding]]
step_up_methods: [network_auth, tenant_factor]
examples:
  - {name: reading, action: {type: read}, evidence: {sim_swap: 400d}, class: low, decision: allow}
  - {name: a new SIM may read, action: {type: read}, evidence: {sim_swap: 2d}, class: low, decision: allow}
  - {name: writing, action: {type: write}, evidence: {sim_swap: 400d}, class: medium, decision: allow}
  - {name: a new SIM may not write, action: {type: write}, evidence: {sim_swap: 2d}, class: medium, decision: step_up}
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    files = {"../policies/records.yaml": RECORDS}
    with set_stage(tmp_path_factory.mktemp("stage"), files=files) as standing:
        yield standing


@pytest.fixture(scope="module")
def pep(stage: Stage) -> Iterator[httpx.Client]:
    with stage.broker.http() as http:
        yield http


def person(number: str, **properties: Any) -> dict[str, Any]:
    return {"type": "phone_number", "id": number} | ({"properties": properties} if properties else {})


def record(name: str = "record-1", **properties: Any) -> dict[str, Any]:
    return {"type": "record", "id": name} | ({"properties": properties} if properties else {})


def asked(number: str, action: str, resource: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    to_do = {"name": action} | ({"properties": properties} if properties else {})
    return {"subject": person(number), "action": to_do, "resource": resource or record()}


ARCHIVED = record("record-2", status="archived")
ADMIN = {"subject": person(BOB, role="admin")}
CONTEXT = {"context": {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}}
MORE = {
    "subject": person(ALICE, department="Sales", role="manager", groups=["a", "b"]),
    "action": {"name": "read", "properties": {"method": "GET", "share": 0.5}},
    "resource": record(status="active", owner={"name": "bob"}),
}
RULES = [
    pytest.param(asked(ALICE, "read"), True, id="1 Alice reads"),
    pytest.param(asked(ALICE, "write"), True, id="2 Alice writes"),
    pytest.param(asked(BOB, "read"), True, id="3 Bob reads"),
    pytest.param(asked(BOB, "write"), False, id="4 Bob does not write"),
    pytest.param(asked(ALICE, "write", ARCHIVED), False, id="5 nobody writes what is archived"),
    pytest.param(asked(BOB, "write", ARCHIVED) | ADMIN, True, id="6 but an admin does"),
    pytest.param(asked(ALICE, "delete", soft=True), True, id="7 Alice deletes softly"),
    pytest.param(asked(ALICE, "delete", soft=False), False, id="8 and not for good"),
    pytest.param(asked(ALICE, "read") | CONTEXT, True, id="a context changes nothing"),
    pytest.param(MORE, True, id="nor do more properties"),
    pytest.param(asked(ALICE, "read") | {"foo": "bar", "later": {"nested": True}}, True, id="nor unknown members"),
    pytest.param(
        asked(ALICE, "read") | {"subject": {"type": "user", "id": "alice", "properties": {"phoneNumber": ALICE}}},
        True,
        id="a person by the caller's own name",
    ),
]


@pytest.mark.parametrize(("question", "permitted"), RULES)
@pytest.mark.parametrize("path", ["/access/v1/evaluation", "/access/v1/evaluations"])
def test_one_evaluation_also_where_several_are_asked(
    pep: httpx.Client, path: str, question: dict[str, Any], permitted: bool
) -> None:
    response = pep.post(path, json=question)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("application/json")
    assert response.json()["decision"] is permitted
    assert isinstance(response.json()["context"], dict)


def test_asked_again_the_answer_is_the_same_and_an_empty_list_is_none(pep: httpx.Client) -> None:
    question = asked(BOB, "write") | {"evaluations": []}
    assert {pep.post("/access/v1/evaluations", json=question).json()["decision"] for _ in range(3)} == {False}


def without(member: str, inner: str | None = None) -> dict[str, Any]:
    question = asked(ALICE, "read")
    if inner is None:
        return {name: value for name, value in question.items() if name != member}
    return question | {member: {name: value for name, value in question[member].items() if name != inner}}


NO_EVALUATIONS = {
    "no subject": without("subject"),
    "no action": without("action"),
    "no resource": without("resource"),
    "no type of subject": without("subject", "type"),
    "no id of subject": without("subject", "id"),
    "no name of action": without("action", "name"),
    "no type of resource": without("resource", "type"),
    "no id of resource": without("resource", "id"),
    "subject a text": asked(ALICE, "read") | {"subject": "alice"},
    "name a number": asked(ALICE, "read") | {"action": {"name": 123}},
    "a list": [asked(ALICE, "read")],
    "an action without a policy": asked(ALICE, "launch"),
    "no number": asked(ALICE, "read") | {"subject": {"type": "user", "id": "alice"}},
    "no such number": asked("0034600000101", "read"),
    "one name twice": asked(ALICE, "read", record(status="active"), resource_status="active"),
}


@pytest.mark.parametrize("question", NO_EVALUATIONS.values(), ids=NO_EVALUATIONS.keys())
def test_what_is_no_evaluation_is_400_in_words(pep: httpx.Client, question: Any) -> None:
    response = pep.post("/access/v1/evaluation", json=question, headers={"x-request-id": "r-1"})
    assert (response.status_code, response.headers["x-request-id"]) == (400, "r-1")
    assert response.headers["content-type"].startswith("text/plain")
    assert "/" in response.text


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"{}", "text/plain"), (b"{", "application/json"), (b"", "application/json"), (b'{"subject": {}}', None)],
    ids=["not said to be JSON", "not JSON", "nothing", "nothing said of it"],
)
def test_what_is_not_json_is_400(pep: httpx.Client, content: bytes, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    for path in ("/access/v1/evaluation", "/access/v1/evaluations"):
        assert pep.post(path, content=content, headers=headers).status_code == 400


def test_a_refusal_names_the_member_that_was_sent(pep: httpx.Client) -> None:
    wrong = asked("12", "read") | {"context": {"deadlineMs": 1}}
    assert "/subject/id:" in pep.post("/access/v1/evaluation", json=wrong).text
    wrong = asked(ALICE, "read", amount={"value": 9, "currency": "EUR"})
    assert "/action/properties/amount/value:" in pep.post("/access/v1/evaluation", json=wrong).text


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer tb_wrong"}], ids=["none", "wrong"])
def test_without_a_good_key_nothing_is_evaluated(stage: Stage, header: dict[str, str]) -> None:
    url = f"{stage.broker.url}/access/v1/evaluation"
    response = httpx.post(url, json=asked(ALICE, "read"), headers=header | {"x-request-id": "r-2"}, trust_env=False)
    assert (response.status_code, response.headers["x-request-id"]) == (401, "r-2")
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_the_identifier_of_a_request_comes_back_and_need_not_be_there(pep: httpx.Client) -> None:
    question = asked(ALICE, "read")
    named = pep.post("/access/v1/evaluation", json=question, headers={"x-request-id": "bfe9eb29"})
    assert named.headers["x-request-id"] == "bfe9eb29"
    assert pep.post("/access/v1/evaluation", json=question).status_code == 200


SEVERAL = [
    pytest.param(
        {"subject": person(BOB), "resource": record()},
        [{"action": {"name": "read"}}, {"action": {"name": "write"}}],
        [True, False],
        id="in the order asked",
    ),
    pytest.param(
        {"subject": person(ALICE), "action": {"name": "write"}},
        [{"resource": record(status="active")}, {"resource": ARCHIVED}],
        [True, False],
        id="each with properties of its own",
    ),
    pytest.param(
        {"action": {"name": "write"}, "resource": ARCHIVED},
        [{"subject": person(ALICE)}, {"subject": person(BOB, role="admin")}],
        [False, True],
        id="also of subjects",
    ),
    pytest.param({}, [asked(ALICE, "read"), asked(BOB, "write")], [True, False], id="nothing in common"),
    pytest.param(
        asked(ALICE, "write", record(status="active")),
        [{}, {"resource": ARCHIVED}],
        [True, False],
        id="all in common, or one as a whole",
    ),
    pytest.param(
        {"subject": person(ALICE), "action": {"name": "read"}, **CONTEXT},
        [{"resource": record()}, {"resource": record("record-2"), "context": {"source": "override"}}],
        [True, True],
        id="contexts",
    ),
    pytest.param(
        {"subject": person(ALICE), "action": {"name": "read"}, "options": {"evaluations_semantic": "execute_all"}},
        [{"resource": record()}, {}],
        [True, False],
        id="one that cannot be evaluated",
    ),
]


@pytest.mark.parametrize(("common", "evaluations", "permitted"), SEVERAL)
def test_several_evaluations(pep: httpx.Client, common: Any, evaluations: list[Any], permitted: list[bool]) -> None:
    response = pep.post("/access/v1/evaluations", json=common | {"evaluations": evaluations}).raise_for_status()
    assert set(response.json()) == {"evaluations"}
    assert [one["decision"] for one in response.json()["evaluations"]] == permitted


@pytest.mark.parametrize(
    ("semantic", "actions", "permitted"),
    [
        ("execute_all", ["read", "write", "read"], [True, False, True]),
        ("deny_on_first_deny", ["read", "write", "read"], [True, False]),
        ("permit_on_first_permit", ["write", "read", "read"], [False, True]),
        ("deny_on_first_deny", ["read", "read"], [True, True]),
    ],
)
def test_the_semantics_say_when_to_stop(
    stage: Stage, pep: httpx.Client, semantic: str, actions: list[str], permitted: list[bool]
) -> None:
    before = stage.rows("SELECT count(*) FROM checks")[0][0]
    question = {
        "subject": person(BOB),
        "resource": record(),
        "evaluations": [{"action": {"name": name}} for name in actions],
        "options": {"evaluations_semantic": semantic},
    }
    answer = pep.post("/access/v1/evaluations", json=question).raise_for_status().json()
    assert [one["decision"] for one in answer["evaluations"]] == permitted
    assert stage.rows("SELECT count(*) FROM checks")[0][0] - before == len(permitted)


@pytest.mark.parametrize(
    "question",
    [
        asked(ALICE, "read") | {"evaluations": [{}], "options": {"evaluations_semantic": "first_come"}},
        asked(ALICE, "read") | {"evaluations": [{}] * 101},
        asked(ALICE, "read") | {"evaluations": {}},
        asked(ALICE, "read") | {"evaluations": [1]},
    ],
    ids=["unknown semantic", "too many", "no list", "no evaluation in it"],
)
def test_a_list_that_is_wrong_as_a_whole_is_400(pep: httpx.Client, question: Any) -> None:
    assert pep.post("/access/v1/evaluations", json=question).status_code == 400


def test_a_failure_inside_says_what_was_wrong(pep: httpx.Client) -> None:
    answer = pep.post("/access/v1/evaluations", json=asked(ALICE, "read") | {"evaluations": [{"action": 1}]}).json()
    error = answer["evaluations"][0]["context"]["error"]
    assert error["status"] == 400
    assert "/action" in error["message"]


def test_a_step_up_is_a_denial_with_an_obligation(stage: Stage, pep: httpx.Client) -> None:
    answer = pep.post("/access/v1/evaluation", json=asked(BOB, "write")).json()
    context = answer["context"]
    assert (answer["decision"], context["reason"]) == (False, "step_up")
    (obligation,) = context["obligations"]
    assert (obligation["id"], obligation["type"]) == ("step-up-1", "step-up")
    assert obligation["properties"]["acr_value"].startswith(f"{stage.broker.url}/acr/")


def test_the_check_behind_a_decision_is_the_one_over_rest_and_is_recorded(stage: Stage, pep: httpx.Client) -> None:
    answer = pep.post("/access/v1/evaluation", json=asked(ALICE, "write")).json()
    context = answer["context"]
    assert answer["decision"] is True
    assert {"reason", "obligations"}.isdisjoint(context)
    assert pep.get(f"/v1/trust-checks/{context['evaluation_id']}").json() == context["trust"]
    assert "trustScore" not in context["trust"]
    assert stage.rows("SELECT 1 FROM checks WHERE check_id = ?", context["evaluation_id"]) == [(1,)]


def test_the_metadata_says_where_everything_is(stage: Stage) -> None:
    url = stage.broker.url
    response = httpx.get(f"{url}/.well-known/authzen-configuration", trust_env=False)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    document = response.json()
    assert document["policy_decision_point"] == url
    assert document["access_evaluation_endpoint"] == f"{url}/access/v1/evaluation"
    assert document["access_evaluations_endpoint"] == f"{url}/access/v1/evaluations"
    assert document["supported_obligations"] == ["step-up"]
    assert all(isinstance(urn, str) for urn in document["capabilities"])
    assert not [name for name in document if name.startswith("search_")]


def denied(pep: httpx.Client, number: str = BOB, action: str = "write") -> tuple[dict[str, Any], dict[str, Any]]:
    """An evaluation that a human may change, and its denial as the profile has it sent back."""
    question = asked(number, action)
    answer = pep.post("/access/v1/evaluation", json=question).raise_for_status().json()
    assert answer["decision"] is False
    context = answer["context"]
    denial = {"evaluation_id": context["evaluation_id"], "expires_at": context["access_request"]["expires_at"]}
    return question, {"denial": denial, "context": {"business_justification": "They are at the counter."}}


def requested(pep: httpx.Client, question: dict[str, Any], more: dict[str, Any]) -> httpx.Response:
    return pep.post("/access/v1/requests", json=question | more)


def ruled(stage: Stage, task_id: str, ruling: str, code: str) -> None:
    """Another person decides."""
    key = stage.broker.key("acme", "trust:review", consumer="rosa")
    with stage.broker.http(key) as rosa:
        assert rosa.post(f"/v1/reviews/{task_id}/claim").is_success
        answer = {"ruling": ruling, "code": code, "reason": "Looked at the papers."}
        assert rosa.post(f"/v1/reviews/{task_id}/decide", json=answer).is_success


def test_a_human_approves_a_denied_evaluation_and_the_next_one_permits(stage: Stage, pep: httpx.Client) -> None:
    found = pep.get("/.well-known/authzen-configuration").json()
    assert found["access_request_endpoint"] == f"{stage.broker.url}/access/v1/requests"
    assert "urn:openid:authzen:capability:access-request" in found["capabilities"]
    question, more = denied(pep)
    answer = requested(pep, question, more)
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "5")
    task = answer.json()["task"]
    assert (task["status"], answer.headers["location"]) == ("pending", task["status_endpoint"])
    assert requested(pep, question, more).json()["task"]["id"] == task["id"], "asked again, it is the same"
    early = pep.post("/access/v1/evaluation", json=question | {"context": {"approval": {"id": task["id"]}}}).json()
    assert (early["decision"], early["context"]["next_action"]) == (False, "retry")

    own = stage.broker.key("acme", "trust:check", "trust:review", consumer="shop", agent="till")
    with stage.broker.http(own) as requester:
        assert requester.post(f"/v1/reviews/{task['id']}/claim").status_code == 403, "who asks does not approve"
    ruled(stage, task["id"], "approve", "CUSTOMER_CONFIRMED")
    told = pep.get(task["status_endpoint"]).json()
    assert (told["task"]["status"], told["result"]["mode"]) == ("approved", "reevaluate")
    approval = told["result"]["approval"]
    permitted = pep.post("/access/v1/evaluation", json=question | {"context": {"approval": approval}}).json()
    assert (permitted["decision"], permitted["context"]["approval"]) == (True, approval)
    assert permitted["context"]["trust"]["receipt"]

    for other, reason, action in (
        (asked(ALICE, "write"), None, None),
        (asked(BOB, "write", record("record-2")), "out_of_scope", "request"),
        (asked(BOB, "write", soft=True), "out_of_scope", "request"),
    ):
        swapped = pep.post("/access/v1/evaluation", json=other | {"context": {"approval": approval}}).json()
        assert swapped["context"].get("approval") is None
        if reason:
            context = swapped["context"]
            assert (swapped["decision"], context["reason"], context["next_action"]) == (False, reason, action)
    used = {"receipt": permitted["context"]["trust"]["receipt"]}
    assert pep.post("/v1/receipts/consume", json=used).is_success
    again = pep.post("/access/v1/evaluation", json=question | {"context": {"approval": approval}}).json()
    assert (again["decision"], again["context"]["reason"]) == (False, "approval_expired")


def test_a_request_can_be_taken_back_by_who_asked_and_by_nobody_else(stage: Stage, pep: httpx.Client) -> None:
    """Section "Cancellation" of the profile."""
    question, more = denied(pep)
    task = requested(pep, question, more).json()["task"]
    cancel = task["links"]["cancel"]
    with stage.broker.http(stage.broker.key("acme", "trust:check", "trust:review", consumer="other")) as stranger:
        unknown = stranger.post(cancel)
        assert (unknown.status_code, unknown.json()["type"].rpartition(":")[2]) == (404, "unknown_task")
    told = pep.post(cancel, json={"reason": "no_longer_needed"})
    assert (told.status_code, told.json()["task"]["status"]) == (200, "cancelled")
    assert "links" not in told.json()["task"]
    assert pep.get(task["status_endpoint"]).json()["task"]["status"] == "cancelled"
    again = pep.post(cancel)
    assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "invalid_task_state")
    with stage.broker.http(stage.broker.key("acme", "trust:review", consumer="rosa")) as rosa:
        assert rosa.post(f"/v1/reviews/{task['id']}/claim").status_code == 409
    bent = pep.post("/access/v1/evaluation", json=question | {"context": {"approval": {"id": task["id"]}}}).json()
    assert (bent["decision"], bent["context"]["reason"]) == (False, "policy_denied")


def test_a_denied_request_stays_denied(stage: Stage, pep: httpx.Client) -> None:
    question, more = denied(pep)
    task = requested(pep, question, more).json()["task"]
    ruled(stage, task["id"], "deny", "SUSPECTED_FRAUD")
    told = pep.get(task["status_endpoint"]).json()
    assert (told["task"]["status"], "result" in told) == ("denied", False)
    again = pep.post("/access/v1/evaluation", json=question | {"context": {"approval": {"id": task["id"]}}}).json()
    assert (again["decision"], again["context"]["reason"]) == (False, "policy_denied")


@pytest.mark.parametrize(
    ("bend", "status", "kind"),
    [
        pytest.param(lambda q, m: (asked(ALICE, "write"), m), 400, "invalid_denial_binding", id="another person"),
        pytest.param(lambda q, m: (asked(BOB, "write", ARCHIVED), m), 400, "invalid_denial_binding", id="resource"),
        pytest.param(lambda q, m: (asked(BOB, "write", soft=True), m), 400, "invalid_denial_binding", id="action"),
        pytest.param(
            lambda q, m: (q, {"denial": m["denial"] | {"evaluation_id": "chk_0123456789ABCDEFGHJKMNPQRS"}}),
            400, "invalid_denial_binding", id="an evaluation of nobody",
        ),
        pytest.param(
            lambda q, m: (q, {"denial": m["denial"] | {"expires_at": "2099-01-01T00:00:00Z"}}),
            400, "invalid_denial_binding", id="a longer time",
        ),
    ],
)  # fmt: skip
def test_a_request_that_does_not_fit_its_denial(pep: httpx.Client, bend: Any, status: int, kind: str) -> None:
    question, more = bend(*denied(pep))
    answer = requested(pep, question, more)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:openid:authzen:access-request:error:{kind}"


def test_tasks_and_permits_are_for_who_asked(stage: Stage, pep: httpx.Client) -> None:
    question, more = denied(pep)
    task = requested(pep, question, more).json()["task"]
    with stage.broker.http(stage.broker.key("acme", "trust:check", consumer="other")) as stranger:
        unknown = stranger.get(task["status_endpoint"])
        assert (unknown.status_code, unknown.json()["type"].rpartition(":")[2]) == (404, "unknown_task")
        assert requested(stranger, question, more).json()["type"].endswith("invalid_denial_binding")
        bent = stranger.post("/access/v1/evaluation", json=question | {"context": {"approval": {"id": task["id"]}}})
        assert bent.json()["context"]["reason"] == "approval_unverifiable"
    permitted = pep.post("/access/v1/evaluation", json=asked(ALICE, "write")).json()
    assert "access_request" not in permitted["context"]
