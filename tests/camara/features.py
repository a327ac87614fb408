"""Feature files as scenarios: backgrounds put in front, outlines written out, one `Scenario` for each row."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gherkin.errors import CompositeParserException
from gherkin.parser import Parser
from gherkin.pickles.compiler import Compiler

FILE_CHARACTERS_MAX = 1_000_000
_KEYWORD = re.compile(r"(?m)^(\s*)(given|when|then|and|but)(?=\s)")
_BLANK = re.compile(r"\s+")
_TWICE = re.compile(r"\b(is|the|to) \1\b")
_DOUBLE = re.compile(r"(\"[^\"]*\")")
_QUOTED = re.compile(r"(?<!\w)'([^'\"]*)'(?!\w)|`([^`\"]*)`")
_MOOD = re.compile(
    r"\b(?:should|must|shall|has to) (?P<no>not )?(?P<verb>be|have|exist|comply|contain|include|equal)\b"
)
_VERBS = {"be": "is", "have": "has", "comply": "complies"}
_JSON = re.compile(r"-?\d+(?:\.\d+)?|true|false|null|[{\[\"].*")
PAIR = 2
"""Columns of a data table that names members and their values."""


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


def read(api: str, version: str, file: Path, fill: Callable[[str], str] = str) -> list[Scenario]:
    """The scenarios of a file; ``fill`` writes into the places of a template.

    Raises:
        ValueError: it is too large, or no Gherkin.
    """
    text = fill(file.read_text(encoding="utf-8"))
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
        steps=tuple(text for step in pickle["steps"] for text in _texts(step)),
    )


def _texts(step: Any) -> list[str]:
    """A step as one text, what follows it included; a table of members and values as a step for each row."""
    argument = step.get("argument", {})
    if "docString" in argument:
        return [plain(f"{step['text']} {argument['docString']['content']}")]
    if "dataTable" not in argument:
        return [plain(step["text"])]
    rows = [[cell["value"] for cell in row["cells"]] for row in argument["dataTable"]["rows"]]
    kind = re.search(r"request body|response", step["text"], re.IGNORECASE)
    members = [row for row in rows if row[0].startswith("$")]
    if kind is None or not members or any(len(row) != PAIR for row in members):
        return [plain(" | ".join([step["text"], *(cell for row in rows for cell in row)]))]
    verb = "is set to" if kind[0].lower() == "request body" else "is"
    return [plain(f'the {kind[0]} property "{path}" {verb} {_written(value)}') for path, value in members]


def _written(cell: str) -> str:
    """A cell as a step would have it: a number, a truth or an object as it is, a text in quotes."""
    return cell if _JSON.fullmatch(cell) else f'"{cell}"'


def plain(step: str) -> str:
    """A step without what carries no meaning: blanks, kinds of quotes, a stray bar or full stop, moods of verbs."""
    straight = step.replace("\u201c", '"').replace("\u201d", '"').replace("\u2019", "'").replace("\u2018", "'")
    quoted = _outside(straight, lambda text: _QUOTED.sub(lambda found: f'"{found[1] or found[2] or ""}"', text))
    told = _outside(quoted, lambda text: _MOOD.sub(_indicative, text))
    return _TWICE.sub(r"\1", _BLANK.sub(" ", told)).strip(" |").rstrip(".;,").strip()


def _outside(step: str, change: Callable[[str], str]) -> str:
    """Change a step, but for the values in quotes."""
    pieces = _DOUBLE.split(step)
    return "".join(piece if piece.startswith('"') else change(piece) for piece in pieces)


def _indicative(found: re.Match[str]) -> str:
    """``is`` for "should be", ``does not exist`` for "must not exist"."""
    verb = found["verb"]
    if found["no"]:
        return "is not" if verb == "be" else f"does not {verb}"
    return _VERBS.get(verb, f"{verb}s")
