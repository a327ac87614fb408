"""How a device is, in the many words that files have for it; a member of a body can be described by the same words."""

import re
from collections.abc import Callable

from tests.camara.stage import Stage
from tests.camara.subject import DAY_S, HOUR_S

GONE_SINCE_S = 3 * DAY_S
LONG_AGO_S = 1000 * HOUR_S
RETENTION_H = 720
ABROAD = {
    "germany": (262, ["DE"]),
    "france": (208, ["FR"]),
    "italy": (222, ["IT"]),
    "portugal": (268, ["PT"]),
    "united kingdom": (234, ["GB"]),
}
"""Mobile country code (ITU-T E.212) and ISO 3166 code of the countries that files roam in."""
SOMEWHERE = ABROAD["germany"]

State = Callable[[Stage, str], None]


def _gone(stage: Stage, _words: str) -> None:
    stage.subject.gone_since_s = GONE_SINCE_S


def _never_used(stage: Stage, _words: str) -> None:
    """A number that no device ever used: the network can tell nothing about it."""
    stage.subject.sim = False


def _reach(stage: Stage, words: str) -> None:
    both = re.search(r"\bboth\b|data and sms|sms and data", words, re.IGNORECASE) is not None
    data, sms = (re.search(rf"\b{kind}\b", words, re.IGNORECASE) is not None for kind in ("data", "sms"))
    stage.subject.be("reach", data=data or both, sms=sms or both)


def _home(stage: Stage, _words: str) -> None:
    stage.subject.be("roaming", active=False)


def _abroad(stage: Stage, words: str) -> None:
    mcc, countries = next((where for name, where in ABROAD.items() if name in words.lower()), SOMEWHERE)
    stage.subject.be("roaming", active=True, mcc=mcc, countries=countries)


def _network(stage: Stage, words: str) -> None:
    kind = re.search(r"\b[2-5]G\b", words)
    stage.subject.be("network_type", kind=kind[0] if kind else "4G")


def _unserved(stage: Stage, _words: str) -> None:
    stage.subject.happened(HOUR_S, "service", applicable=False)


def line_change(stage: Stage) -> str:
    """The kind of event that an API calls a swap."""
    return "device_change" if stage.scenario.api == "device-swap" else "sim_change"


def swapped_before_memory(stage: Stage) -> None:
    """A swap that this operator may no longer tell."""
    stage.subject.retention_h = RETENTION_H
    stage.subject.happened(LONG_AGO_S, line_change(stage))


def _swapped(stage: Stage, words: str) -> None:
    """``swapped in the last 240 hours``, ``swapped more than 240 hours ago``; an hour off the edge."""
    hours = re.search(r"\d+", words)
    if re.search(r"\bnever\b|\bnot been\b", words, re.IGNORECASE):
        return
    if "limited history window" in words:
        swapped_before_memory(stage)
        return
    if "maxAge" in words and hours is not None:
        stage.set(("maxAge",), int(hours[0]))
    beyond = re.search(r"more than|before|ago\b", words, re.IGNORECASE) is not None
    ago_s = DAY_S if hours is None else (int(hours[0]) + (1 if beyond else -1)) * HOUR_S
    stage.subject.happened(ago_s, line_change(stage))


STATES: tuple[tuple[str, State], ...] = (
    (r"\bswapped\b|\bsim ?swap event happened\b", _swapped),
    (r"\bnever connected to\b", _never_used),
    (r"(?:has|having) (?:a )?network issues?", _never_used),
    (r"not applicable", _unserved),
    (r"\bnot (?:currently )?connected|\bdisconnected|\bswitched off|\bunreachable|\bnot reachable", _gone),
    (r"\bnot (?:currently )?(?:in )?roaming|in its home network", _home),
    (r"\broaming", _abroad),
    (r"connected (?:to|via|with|through) .*\b[2-5]G\b", _network),
    (r"\b(?:sms|data)\b", _reach),
    (r"connected to", lambda _stage, _words: None),
)


def device_state(stage: Stage, words: str) -> bool:
    """Let the subscriber's device be as the words say; whether they are known."""
    for pattern, act in STATES:
        if re.search(pattern, words, re.IGNORECASE):
            act(stage, words)
            return True
    return False
