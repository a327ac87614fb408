"""The networks that a deployment knows, and through whom each can be asked: ``config/routing/networks.toml``."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from broker.adapter_kit.toml_files import read_toml
from broker.errors import Misconfigured
from broker.routing.ranges import RangeTable

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
# A mobile country code has three digits and a mobile network code two or three, so "31026" and "310260" are different
# networks: they are compared whole and never taken apart.
_Code = Annotated[str, Field(pattern=r"^[0-9]{5,6}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _NetworkEntry(_Section):
    """One network as people write it."""

    sources: tuple[_Name, ...] = Field(max_length=8)
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    codes: tuple[_Code, ...] = ()
    finder_ids: tuple[Annotated[str, Field(pattern=r"^[!-~]{1,100}$")], ...] = ()
    holders: tuple[str, ...] = ()


class _NetworksFile(_Section):
    networks: dict[_Name, _NetworkEntry] = {}


class Network(msgspec.Struct, frozen=True):
    """One network. Without sources it is known, and none of ours serves it."""

    name: str
    country: str | None
    sources: tuple[str, ...]


class Networks:
    """Networks by name, by what a Telco Finder calls them, and by country and holder of a range."""

    def __init__(
        self, by_name: dict[str, Network], by_finder: dict[str, Network], by_holder: dict[tuple[str, str], Network]
    ) -> None:
        self._by_name = by_name
        self._by_finder = by_finder
        self._by_holder = by_holder

    @classmethod
    def read(cls, path: Path, operators: Iterable[str], ranges: RangeTable) -> "Networks":
        """The networks of a file; an operator that no network there has the name of is a network of its own.

        Raises:
            Misconfigured: an unknown operator or holder, or one name for two networks.
        """
        file = read_toml(_NetworksFile, _text(path), str(path))
        claimed = {name for entry in file.networks.values() for name in _finder_names(entry)}
        entries = {
            name: _NetworkEntry(sources=(name,), finder_ids=() if name in claimed else (name,)) for name in operators
        } | file.networks
        complain = _complaints(path)
        _refuse_strangers(entries, frozenset(operators), ranges, complain)
        networks = {name: Network(name, entry.country, entry.sources) for name, entry in entries.items()}
        finder = _index(
            ((key, networks[name]) for name, one in entries.items() for key in _finder_names(one)), complain
        )
        holder = _index(
            (((one.country or "", key), networks[name]) for name, one in entries.items() for key in one.holders),
            complain,
        )
        return cls(networks, finder, holder)

    def named(self, name: str) -> Network | None:
        """The network of that name."""
        return self._by_name.get(name)

    def found(self, operator_id: str) -> Network | None:
        """The network that a Telco Finder names so, by an id or by its whole MCC and MNC."""
        return self._by_finder.get(operator_id)

    def holding(self, country: str, holder: str) -> Network | None:
        """The network that a holder of number ranges is, in one country."""
        return self._by_holder.get((country, holder))


def _finder_names(entry: _NetworkEntry) -> tuple[str, ...]:
    return (*entry.finder_ids, *entry.codes)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read as text") from error


def _complaints(path: Path) -> Callable[[str], Misconfigured]:
    return lambda text: Misconfigured(f"{path}: {text}")


def _refuse_strangers(
    entries: dict[str, _NetworkEntry],
    operators: frozenset[str],
    ranges: RangeTable,
    complain: Callable[[str], Misconfigured],
) -> None:
    known = ranges.holders()
    for name, entry in entries.items():
        if strange := [source for source in entry.sources if source not in operators]:
            raise complain(
                f"{name}: sources {', '.join(strange)} have no file in config/operators, are of the sandbox, or stand "
                "in the place of another"
            )
        if len(set(entry.sources)) < len(entry.sources):
            raise complain(f"{name}: a source is named twice")
        if entry.holders and entry.country is None:
            raise complain(f"{name}: holders need a country, for one name can mean other companies elsewhere")
        if strange := [holder for holder in entry.holders if (entry.country, holder) not in known]:
            raise complain(f"{name}: no range of {entry.country} is held by {', '.join(strange)}; see ranges.tsv")


def _index(pairs: Iterable[tuple[object, Network]], complain: Callable[[str], Misconfigured]) -> dict:  # type: ignore[type-arg]
    index: dict[object, Network] = {}
    for key, network in pairs:
        if index.setdefault(key, network) is not network:
            raise complain(f"{key} is claimed by {index[key].name} and by {network.name}")
    return index
