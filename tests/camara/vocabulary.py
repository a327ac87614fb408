"""The words of the feature files: a step is looked up by its text, not by its keyword, and the first that fits acts."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.camara.outcomes import NotApplicable
from tests.camara.stage import Stage

Act = Callable[..., None]
PATH = r'"(?P<path>[^"]*)"'
TEXT = r'"(?P<text>[^"]*)"'
POINTER = r'"?(?P<pointer>[#/A-Za-z][^"]*?)"?'


@dataclass(frozen=True)
class Word:
    """A pattern for a whole step, and what it does; named groups become arguments."""

    pattern: re.Pattern[str]
    act: Act


def word(pattern: str, act: Act) -> Word:
    """A word of the vocabulary; case does not count, as in the files."""
    return Word(re.compile(pattern, re.IGNORECASE), act)


def nothing(_stage: Stage, **_groups: str) -> None:
    """The step says what is true here anyway."""


def later(_stage: Stage) -> None:
    """The step, or the scenario, is about an operator that needs time."""
    raise NotApplicable("this operator does it at once, not later")


def literal(text: str) -> Any:
    """A value written in a step: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text.strip().strip('"')
