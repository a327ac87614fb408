"""What a scenario is played on: its subscriber, the request that its steps write, and the answer that they read.

The request is written until a step reads the answer; only then is it sent, because feature files also describe the
request after the words that send it, or never say those words.
"""

import json
import re
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import httpx

from adapters.mock.operator.profile import Legs
from tests.camara.contract import Contract, Operation
from tests.camara.facts import IDENTIFIERS, NAMING, Facts
from tests.camara.features import Scenario
from tests.camara.outcomes import NotApplicable
from tests.camara.paths import MISSING, Path, get, put
from tests.camara.sink import Sink
from tests.camara.subject import Subject, numbered, other_than
from tests.support.mock_operator import RunningOperator

LONGER_THAN_ANY_TOKEN_S = 90_000
LISTENING = re.compile("notification|sink credentials")
"""Words of scenarios in which something has to arrive at the sink."""
CREATED = 201
CLAIMED = frozenset({"number-verification"})
"""APIs whose body names no subject, but a number to be compared with the one of the token."""
FULL_BY_DEFAULT = frozenset({"kyc-match"})
"""APIs that demand one of many optional members, so that the least body of the schema is not a valid request."""


class Token(StrEnum):
    """What is in the Authorization header."""

    VALID = "valid"
    TWO_LEGGED = "names no subscriber"
    THREE_LEGGED = "names the subscriber"
    OTHER = "names another subscriber"
    UNPROVEN = "names the subscriber, but no SIM proved it"
    EXPIRED = "expired"
    INVALID = "invalid"
    UNSCOPED = "without the scope"
    SINGLE = "with one scope of several"
    NONE = "not there"


class Body(StrEnum):
    """What the body is before single members are set."""

    DEFAULT = "fits the schema"
    FULL = "fits the schema, with every member"
    ABSENT = "not there"
    GIVEN = "as the step says"


@dataclass
class Stage:
    """One scenario under way."""

    scenario: Scenario
    contract: Contract
    operator: RunningOperator
    legs: frozenset[Legs]
    count: int
    sink: Sink
    token: Token = Token.VALID
    scopes: tuple[str, ...] = ()
    base: Body = Body.DEFAULT
    given: Any = None
    edits: list[tuple[Path, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    resource: str = ""
    asked: str = ""
    method: str = ""
    path_values: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    faulty: bool = False
    passed_s: float = 0.0
    told: bool = False
    """Whether an event was looked at."""
    before: list[Callable[[], None]] = field(default_factory=list)
    """What has to be made before the first request or event, once everything is known about it."""
    response: httpx.Response | None = None
    sent_body: Any = MISSING
    memory: dict[str, Any] = field(default_factory=dict)
    """What earlier requests of the scenario brought, for words that speak of them."""

    def __post_init__(self) -> None:
        self.subject: Subject = numbered(self.operator, self.count)
        self.other: Subject = other_than(self.operator, self.subject)
        self.sink_path = f"/{self.scenario.api}/{self.count}"
        listens = any(LISTENING.search(step) for step in self.scenario.steps)
        # Definitions want https; the sink of the tests has no certificate, so that only those who listen name it so.
        url = self.sink.url if listens else self.sink.url.replace("http://", "https://")
        self.facts = Facts(self.operator, self.subject, url + self.sink_path)

    # -- writing the request

    def set(self, path: Path, value: Any) -> None:
        """Set one member of the body, or take it away with `MISSING`; the later word counts."""
        self.edits.append((self.place(path), value))

    def place(self, path: Path) -> Path:
        """Where a member is: files speak of ``$.device`` also where the definition has it inside of something."""
        schema = self.operation().body if path else None
        if schema is None or self.contract.inner(schema, path[:1]) is not None:
            return path
        deeper = (place for place in (("config",), *NAMING[1:]) if self.contract.inner(schema, (*place, path[0])))
        return (*next(deeper, ()), *path)

    def explicit(self, path: Path) -> Any:
        """What the steps have set at a path: the last word."""
        place = self.place(path)
        return next((value for edited, value in reversed(self.edits) if edited == place), MISSING)

    def operation(self) -> Operation:
        """The operation that is meant: by its name, by its resource, or because it is the only one."""
        known = {operation.id: operation for operation in self.contract.operations}
        if self.asked in known:
            return known[self.asked]
        tail = self._relative()
        there = [one for one in self.contract.operations if one.path == tail]
        # Some files leave the version out of the path.
        there = there or [one for one in self.contract.operations if tail.endswith(one.path)]
        fitting = [operation for operation in there if operation.method == self.method] or there
        if fitting:
            return fitting[0]
        words = self.scenario.title.replace(",", " ").split()
        named = [one for one in self.contract.operations if one.id in words or one.path.strip("/") in words]
        if named or len(known) == 1:
            return (named or self.contract.operations)[0]
        raise NotApplicable(f"the YAML has no operation for {self.asked or self.resource or self.scenario.title!r}")

    def _relative(self) -> str:
        resource = "/" + re.sub(r"^\{[^}]*\}", "", self.resource).lstrip("/")
        return resource.removeprefix(self.contract.base_path)

    @property
    def names_itself(self) -> bool:
        """Whether the token, and not the body, has to name the subscriber."""
        if self.token in {Token.THREE_LEGGED, Token.OTHER, Token.UNPROVEN}:
            return True
        return self.token is not Token.TWO_LEGGED and Legs.TWO not in self.legs

    def sample(self, operation: Operation, *, full: bool = False) -> Any:
        """A body that fits, about this scenario's subscriber where the schema lets it name one."""
        body = self.contract.sample(operation.body, full=full)
        if not isinstance(body, dict):
            return body
        body = self.facts.personal(body)
        for path in NAMING:
            schema = self.contract.inner(operation.body, path)
            if schema is not None and isinstance(get(body, path), dict):
                body = self._naming(body, path, self.contract.members(schema)[0])
        return body

    def _naming(self, body: Any, path: Path, known: Collection[str]) -> Any:
        """The body with the identifiers that the schema knows there, or without them where the token names somebody."""
        for name in IDENTIFIERS:
            if self.names_itself and self.scenario.api not in CLAIMED:
                body = put(body, (*path, name), MISSING)
            elif name in known:
                body = put(body, (*path, name), self.facts.value_of((name,)))
        return body

    def valid(self, path: Path) -> Any:
        """A valid value for a member of the body."""
        value = self.facts.value_of(path)
        if value is not MISSING:
            return value
        schema = self.contract.inner(self.operation().body, self.place(path))
        return "valid" if schema is None else self.facts.personal(self.contract.sample(schema), path)

    def date(self, path: Path, *, days_ago: int) -> str:
        """A day by the operator's clock, as a date or, where the schema of the member says so, with a time."""
        clock = self.operator.control.http.get("/clock").json()
        day = datetime.fromisoformat(clock["network"]) - timedelta(days=days_ago)
        schema = self.contract.follow(self.contract.inner(self.operation().body, path)) or {}
        return day.isoformat() if schema.get("format") == "date-time" else day.date().isoformat()

    # -- sending it

    def answer(self) -> httpx.Response:
        """The answer; the first look at it sends the request."""
        if self.response is None:
            self.send()
        assert self.response is not None
        return self.response

    def forget(self) -> None:
        """The next look sends another request."""
        self.response = None

    def send(self) -> None:
        """Lay the subscribers, get the token, build the body, send."""
        operation = self.operation()
        self.prepare()
        for subject in (self.subject, self.other):
            subject.settle(self.operator)
        self.sent_body = self._body(operation)
        headers = {"content-type": "application/json"} | self.headers
        if self.sent_body is MISSING and operation.body is None:
            del headers["content-type"]
        token = self._token(operation)
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        content = None if self.sent_body is MISSING else json.dumps(self.sent_body).encode()
        url = self.contract.base_path + operation.path.format_map(_Filled(self.path_values))
        if self.token is Token.EXPIRED:
            self.operator.control.advance(LONGER_THAN_ANY_TOKEN_S, authorization=True)
        try:
            self.response = self.operator.client.http.request(
                operation.method, url, headers=headers, content=content, params=self.query or None
            )
        finally:
            if self.token is Token.EXPIRED:
                self.operator.control.advance(-LONGER_THAN_ANY_TOKEN_S, authorization=True)

    def prepare(self) -> None:
        """Make what has to be there."""
        while self.before:
            self.before.pop(0)()

    def instant(self, ahead_s: float) -> str:
        """When it will be so many seconds later, by the operator's clock."""
        return self.facts.instant(ahead_s)

    def pass_time(self, seconds: float) -> None:
        """Let time go by for the network, until the scenario is over."""
        self.operator.control.advance(seconds)
        self.passed_s += seconds

    def leave(self) -> None:
        """Put the operator back to what the next scenario expects."""
        self._clear()
        if self.passed_s:
            self.operator.control.advance(-self.passed_s)
        if self.faulty:
            self.operator.control.no_faults()

    def _clear(self) -> None:
        """Remove what the scenario made, where the definition has a way to; lists of others must not have it."""
        answered = self.response is not None and self.response.status_code == CREATED and self.response.content
        made = self.memory.get("made") or (self.response.json() if answered and self.response is not None else {})
        for one in self.contract.operations if isinstance(made, dict) and "id" in made else ():
            if one.method == "DELETE" and one.path.endswith("}"):
                path = one.path[: one.path.index("{")] + str(made["id"])
                token = self._good_token(one.scopes, three_legged=self.names_itself)
                headers = {"authorization": f"Bearer {token}"}
                self.operator.client.http.delete(self.contract.base_path + path, headers=headers)

    def aside(self, path: str, body: Any, *, method: str = "POST", three_legged: bool = False) -> httpx.Response:
        """What another request brings that the scenario presupposes, made as it has to be made."""
        operation = next((one for one in self.contract.operations if (one.path, one.method) == (path, method)), None)
        if operation is None:
            raise NotApplicable(f"the YAML has no {method} {path}")
        self.subject.settle(self.operator)
        token = self._good_token(operation.scopes, three_legged=three_legged)
        url = self.contract.base_path + path
        headers = {"authorization": f"Bearer {token}"}
        return self.operator.client.http.request(method, url, headers=headers, json=body)

    def _body(self, operation: Operation) -> Any:
        if operation.body is None or self.base is Body.ABSENT:
            return MISSING
        if self.base is Body.GIVEN:
            body = self.given
        else:
            full = self.base is Body.FULL or self.scenario.api in FULL_BY_DEFAULT
            body = self.sample(operation, full=full)
        for path, value in self.edits:
            body = put(body, path, value)
        return self._within_limit(operation, body)

    def _within_limit(self, operation: Operation, body: Any) -> Any:
        """Where only so many members may be, those that a step named stay and those that were only a default go."""
        limit = (self.contract.follow(operation.body) or {}).get("maxProperties")
        if limit is None or not isinstance(body, dict) or self.base is Body.GIVEN:
            return body
        spare = [name for name in body if self.explicit((name,)) is MISSING]
        dropped = set(spare[: max(0, len(body) - limit)])
        return {name: value for name, value in body.items() if name not in dropped}

    def _token(self, operation: Operation) -> str | None:
        match self.token:
            case Token.NONE:
                return None
            case Token.INVALID:
                return f"never-issued-{uuid.uuid4()}"
        scopes = self.scopes or operation.scopes
        if self.token is Token.SINGLE:
            # The last one, because a body asks for what is named first where no step says otherwise.
            if len(operation.scopes) == 1:
                raise NotApplicable("the definition knows one scope only for this operation")
            scopes = scopes[-1:]
        if self.token is Token.UNSCOPED:
            scopes = self._foreign_scopes(operation)
        client, control = self.operator.client, self.operator.control
        if not self.names_itself:
            return client.token(*scopes)
        if self.token is Token.UNPROVEN:
            return client.token_for(f"tel:{self.subject.number}", *scopes)
        whose = self.other if self.token is Token.OTHER else self.subject
        return client.token_for(f"operatortoken:{control.operator_token(whose.number)}", *scopes)

    def _good_token(self, scopes: tuple[str, ...], *, three_legged: bool) -> str:
        client = self.operator.client
        if not three_legged:
            return client.token(*scopes)
        proof = self.operator.control.operator_token(self.subject.number)
        return client.token_for(f"operatortoken:{proof}", *scopes)

    def _foreign_scopes(self, operation: Operation) -> tuple[str, ...]:
        """A scope that this operator gives, and the operation does not take."""
        foreign = [scope for scope in self.facts.scopes() if scope not in operation.scopes and scope not in self.scopes]
        if not foreign:
            raise NotApplicable("this operator has no scope that the operation does not take")
        return (foreign[0],)

    def sent(self, path: Path) -> Any:
        """What was sent at a path of the body."""
        return get(self.sent_body, path)


class _Filled(dict[str, str]):
    """Path parameters; one that no step named is a UUID that means nothing."""

    def __missing__(self, name: str) -> str:
        return str(uuid.uuid4())
