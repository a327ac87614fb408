"""Feature files as scenarios: backgrounds put in front, outlines written out, one `Scenario` for each row."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gherkin.errors import CompositeParserException
from gherkin.parser import Parser
from gherkin.pickles.compiler import Compiler

FILE_CHARACTERS_MAX = 1_000_000
_KEYWORD = re.compile(r"(?m)^(\s*)(given|when|then|and|but)(?=\s)")
_BLANK = re.compile(r"\s+")


@dataclass(frozen=True)
class Scenario:
    """One scenario of one file. ``title`` is the feature's, which often names the operation; ``steps`` are plain."""

    api: str
    version: str
    file: Path
    title: str
    name: str
    tags: tuple[str, ...]
    steps: tuple[str, ...]

    @property
    def key(self) -> str:
        """What a person looks for in the file: the first tag, or the name."""
        return self.tags[-1] if self.tags else self.name


def read(api: str, version: str, file: Path) -> list[Scenario]:
    """The scenarios of a file.

    Raises:
        ValueError: it is too large, or no Gherkin.
    """
    text = file.read_text(encoding="utf-8")
    if len(text) > FILE_CHARACTERS_MAX:
        raise ValueError(f"{file.name} is larger than any feature file should be")
    # Some published files write a keyword in lower case, which Gherkin does not know.
    repaired = _KEYWORD.sub(lambda found: found[1] + found[2].capitalize(), text)
    try:
        document: Any = Parser().parse(repaired)
    except CompositeParserException as error:
        raise ValueError(f"{file.name} is no Gherkin: {error}") from error
    title = str((document.get("feature") or {}).get("name", ""))
    pickles: list[Any] = Compiler().compile(document | {"uri": file.name})
    return [_scenario(api, version, file, title, pickle) for pickle in pickles]


def _scenario(api: str, version: str, file: Path, title: str, pickle: Any) -> Scenario:
    return Scenario(
        api=api,
        version=version,
        file=file,
        title=title,
        name=pickle["name"],
        tags=tuple(tag["name"] for tag in pickle["tags"]),
        steps=tuple(plain(step["text"]) for step in pickle["steps"]),
    )


def plain(step: str) -> str:
    """A step without what carries no meaning: runs of blanks, typographic quotes, a stray table bar or full stop."""
    straight = step.replace("\u201c", '"').replace("\u201d", '"').replace("\u2019", "'")
    return _BLANK.sub(" ", straight).strip(" |").removesuffix(".").strip()
