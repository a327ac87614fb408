"""Which API and version a feature file is about, wherever it lies, and what it is played against."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

DEFINITION = "openapi.yaml"
WORK_IN_PROGRESS = "wip"
"""The version of what was never released; its path has ``vwip``."""
FILES_MAX = 5000
_RESOURCE = re.compile(r"[\"\s}](/?[a-z0-9]+(?:-[a-z0-9]+)*)/(v\d[a-z0-9.]*|vwip)(?=[/\"\s])")
_FEATURE = re.compile(r"(?mi)^\s*Feature:.*$")
_VERSION = re.compile(r"\d+\.\d+\.\d+(?:-[a-z]+\.\d+)?")

Group = tuple[str, str]


@dataclass(frozen=True)
class Place:
    """A file, what it is about, the version that it was ``written_for``, and the definition beside it, if any."""

    file: Path
    api: str
    version: str
    written_for: str
    definition: Path | None = None

    @property
    def group(self) -> Group:
        """API and version."""
        return self.api, self.version

    @property
    def label(self) -> str:
        """What it is called in a report."""
        read_as = "" if self.written_for == self.version else f" (written for {self.written_for})"
        return f"{self.api} {self.version}{read_as}"


def places(roots: Iterable[Path], known: Collection[Group]) -> Iterator[Place]:
    """Every feature file in the folders (or given itself).

    Raises:
        ValueError: a path leads nowhere, or to far too many files.
    """
    for root in roots:
        if not root.exists():
            raise ValueError(f"there is no {root}; give feature files, or folders with some")
        files = sorted(root.rglob("*.feature")) if root.is_dir() else [root]
        if len(files) > FILES_MAX:
            raise ValueError(f"{root} has more than {FILES_MAX} feature files; give a folder further down")
        yield from (place_of(file, known) for file in files)


def place_of(file: Path, known: Collection[Group]) -> Place:
    """By the folders ``<api>/<version>/`` with a definition; else by the resource, the title and the name of the file.

    A version that ``known`` does not have is read as the nearest one that it has: that of the same path (``/v2``),
    else the newest.
    """
    folder = file.resolve().parent
    if (folder / DEFINITION).is_file():
        api, version = folder.parent.name, folder.name
        if version in {name for name, _ in known}:
            api, version = version, WORK_IN_PROGRESS
        return Place(file, api, version, version, folder / DEFINITION)
    text = file.read_text(encoding="utf-8", errors="replace")
    api, in_path = _resource(text, file, known)
    versions = sorted((version for name, version in known if name == api), key=_order)
    said = _VERSION.search(title(text)) or _VERSION.search(text)
    written_for = said[0] if said else in_path or folder.name
    same_path = [version for version in versions if path_version(version) == in_path]
    nearest = (same_path or versions or [written_for])[-1]
    return Place(file, api, written_for if written_for in versions else nearest, written_for)


def _resource(text: str, file: Path, known: Collection[Group]) -> tuple[str, str]:
    """The API and the version in the path of the resource; without a resource, the API in whose name the file is."""
    found = _RESOURCE.search(text)
    if found is not None:
        return found[1].strip("/"), found[2]
    named = [api for api, _ in known if file.name.lower().startswith(api)]
    return max(named, key=len, default=file.resolve().parent.parent.name), ""


def title(text: str) -> str:
    """The line that begins with ``Feature:``."""
    found = _FEATURE.search(text)
    return found[0] if found else ""


def path_version(version: str) -> str:
    """``v2`` for 2.1.0, ``v0.3`` for 0.3.0, ``v0.3rc1`` for 0.3.0-rc.1 (API design guide, versions in URLs)."""
    numbers, _, mark = version.partition("-")
    if numbers == WORK_IN_PROGRESS:
        return "vwip"
    major, minor, _ = f"{numbers}.0.0".split(".", 2)
    return f"v{major}.{minor}{mark.replace('.', '')}" if major == "0" else f"v{major}{mark.replace('.', '')}"


def _order(version: str) -> tuple[list[int], bool, str]:
    numbers, _, mark = version.partition("-")
    return [int(number) if number.isdigit() else 0 for number in numbers.split(".")], not mark, mark
