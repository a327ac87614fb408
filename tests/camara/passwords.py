"""One-time passwords: asking for one, reading it on the subscriber's screen, and trying it."""

import re

from tests.camara.outcomes import NotApplicable, expect
from tests.camara.stage import Stage

MESSAGE = "{{code}} is your code"
REQUESTS_MAX = 20


def _send(stage: Stage, name: str) -> None:
    """Let a code be sent, and remember both halves under a name."""
    response = stage.aside("/send-code", {"phoneNumber": stage.subject.number, "message": MESSAGE})
    expect(response.status_code == 200, f"no code was sent: {response.text}")
    messages = stage.operator.control.http.get(f"/subscribers/{stage.subject.number}/messages").json()
    found = re.search(r"\d{4,10}", messages[-1]["text"])
    expect(found, "the message has no code")
    stage.memory[name] = (response.json()["authenticationId"], found[0] if found else "")


def _remembered(stage: Stage, words: str) -> tuple[str, str]:
    name = "second" if "second" in words else "first"
    if name not in stage.memory:
        _send(stage, name)
    found: tuple[str, str] = stage.memory[name]
    return found


def reference(stage: Stage, words: str) -> str:
    """The identifier that came back when the code was asked for."""
    return _remembered(stage, words)[0]


def code(stage: Stage, words: str) -> str:
    """The code in the message, or another one that looks like it."""
    right = _remembered(stage, words)[1]
    return wrong(right) if re.search(r"distinct|different|other than", words) else right


def wrong(right: str) -> str:
    """A code of the same form that is not this one."""
    return right[:-1] + str((int(right[-1]) + 1) % 10)


def retrieved(stage: Stage) -> None:
    """A code was sent, and the request is about it."""
    stage.set(("authenticationId",), reference(stage, ""))


def twice(stage: Stage) -> None:
    """A second code makes the first void."""
    _send(stage, "first")
    _send(stage, "second")


def used(stage: Stage) -> None:
    """A code was sent and repeated rightly."""
    retrieved(stage)
    response = stage.aside("/validate-code", {"authenticationId": reference(stage, ""), "code": code(stage, "")})
    expect(response.status_code == 204, f"the right code was refused: {response.text}")


def tried(stage: Stage) -> None:
    """So many wrong codes that one more is too many."""
    retrieved(stage)
    body = {"authenticationId": reference(stage, ""), "code": wrong(code(stage, ""))}
    stage.set(("code",), body["code"])
    for _ in range(REQUESTS_MAX):
        if not stage.aside("/validate-code", body).json()["code"].endswith("INVALID_OTP"):
            return
    raise NotApplicable(f"this operator still takes codes after {REQUESTS_MAX} wrong ones")


def flooded(stage: Stage) -> None:
    """So many codes for one number that one more is too many."""
    body = {"phoneNumber": stage.subject.number, "message": MESSAGE}
    for _ in range(REQUESTS_MAX):
        if stage.aside("/send-code", body).status_code != 200:
            return
    raise NotApplicable(f"this operator still sends codes after {REQUESTS_MAX}")


def expired(stage: Stage) -> None:
    """Time goes by on the network's side until the code is too old; `Stage` puts the clock back afterwards."""
    _remembered(stage, "")
    stage.pass_time(600)
