"""YAML that people write: strict reading, and errors that name file, line and key."""

from collections.abc import Hashable, Mapping, Sequence
from copy import copy
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from broker.errors import LineFault, Misconfigured

try:  # libyaml reads ten times faster than Python does; PyYAML's wheels bring it, a build of one's own may not
    from yaml import CSafeLoader as _Loader
except ImportError:
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

TEXT_LENGTH_MAX = 256 * 1024
DEPTH_MAX = 20
_FAULTS_SHOWN_MAX = 8
_FAULTS_MAX = 50

Path = tuple[str | int, ...]


class Written(BaseModel):
    """Base of everything that people write here: immutable, no unknown keys, no NaN and no infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _StrictLoader(_Loader):
    """Defensive: YAML keeps the last of two equal keys, so a second ``default:`` could loosen a policy unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a single word", key_node.start_mark)
            if key in seen:
                fault = f"the key {key!r} is given twice"
                raise yaml.constructor.ConstructorError(None, None, fault, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


class YamlText:
    """A parsed file that remembers where its keys stood.

    Args:
        text: the whole file, at most ``TEXT_LENGTH_MAX`` characters.
        file: its name, for messages only.

    Raises:
        Misconfigured: the text is too long or too deep, not YAML, repeats a key, uses an alias, or is no mapping.
    """

    def __init__(self, text: str, file: str) -> None:
        if len(text) > TEXT_LENGTH_MAX:
            raise Misconfigured(f"{file}: longer than {TEXT_LENGTH_MAX} characters")
        self.file = file
        self._prefix: Path = ()
        try:
            _refuse_traps(text, file)
            self._root, value = _read(text)
        except (yaml.YAMLError, RecursionError) as error:
            raise Misconfigured(
                f"{file}: {_one_line(error)}", [LineFault("", _line(error), _one_line(error))]
            ) from error
        if not isinstance(value, dict):
            raise Misconfigured(f"{file}: expected keys and values at the top")
        self.value: dict[str, Any] = value

    def within(self, *prefix: str) -> "YamlText":
        """The same file, for messages about what stands under a key: its paths begin there."""
        inner = copy(self)
        inner._prefix = (*self._prefix, *prefix)  # noqa: SLF001 - a copy of our own
        return inner

    def line_of(self, path: Path) -> int:
        """The line, from 1, of the deepest key on ``path`` that the file contains."""
        node, line = self._root, 1
        for step in (*self._prefix, *path):
            entry = _child(node, step)
            if entry is None:
                break
            node, line = entry
        return line

    def where(self, path: Path) -> str:
        """``file, line n, key a.b.c``."""
        return f"{self.file}, line {self.line_of(path)}, key {dotted((*self._prefix, *path))}"

    def fault(self, path: Path, detail: str) -> LineFault:
        """A fault at a place in this file."""
        return LineFault(pointer((*self._prefix, *path)), self.line_of(path), detail)


def misconfigured(source: str | YamlText, error: ValidationError) -> Misconfigured:
    """All faults that pydantic found, each with file, line where known, and key."""
    return refused(source, [(tuple(one["loc"]), one["msg"]) for one in error.errors()])


def refused(source: str | YamlText, faults: Sequence[tuple[Path, str]]) -> Misconfigured:
    """Faults by path as one error: the first of them in words, all of them (to a limit) with their places."""
    words = [f"{place(source, path)}: {detail}" for path, detail in faults]
    more = len(words) - _FAULTS_SHOWN_MAX
    tail = [f"and {more} more"] if more > 0 else []
    placed = [source.fault(*one) for one in faults[:_FAULTS_MAX]] if isinstance(source, YamlText) else []
    return Misconfigured("; ".join(words[:_FAULTS_SHOWN_MAX] + tail), placed)


def pointer(path: Path) -> str:
    """A path as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def place(source: str | YamlText, path: Path) -> str:
    """Where a key stands, as well as the source can tell."""
    return source.where(path) if isinstance(source, YamlText) else f"{source}, key {dotted(path)}"


def dotted(path: Path) -> str:
    """``a.b.0.c``, or ``(top)``."""
    return ".".join(str(step) for step in path) or "(top)"


def as_mapping(value: Mapping[str, Any] | YamlText) -> Mapping[str, Any]:
    """The plain mapping behind either form."""
    return value.value if isinstance(value, YamlText) else value


def _read(text: str) -> tuple[yaml.Node | None, Any]:
    loader = _StrictLoader(text)
    try:
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def _refuse_traps(text: str, file: str) -> None:
    """Defensive: nested aliases unfold to gigabytes in whoever walks them, and deep nesting takes the parser ages."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise Misconfigured(f"{file}: aliases (*name) are not accepted; write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise Misconfigured(f"{file}: nested deeper than {DEPTH_MAX} levels")


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item, item.start_mark.line + 1
    return None


def _line(error: BaseException) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return mark.line + 1 if mark is not None else 1


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
