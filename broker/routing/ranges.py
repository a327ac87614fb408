"""Whom ranges of numbers were given to, the world over: a compact table, built from libphonenumber and kept in a file.

The file is built by ``trust-broker routing build`` and not at start: libphonenumber's own form of the same facts takes
14 MB of memory, this table two. A line is country, 1 where numbers can be ported and 0 elsewhere, holder,
and the prefixes without their ``+``, separated by tabs and spaces; a country's own prefix has no holder.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from broker.domain.phone import PhoneNumber
from broker.errors import Misconfigured

_FIELDS = 4
_PREFIX_DIGITS_MAX = 15


class Range(NamedTuple):
    """What is known of a range: ISO 3166 country (``001`` for none), whether numbers move, and who first had it."""

    country: str
    portable: bool
    holder: str | None


class RangeTable:
    """Longest prefix wins. Prefixes are whole numbers in sorted arrays: no calling code begins with a zero."""

    def __init__(self, rows: Iterable[tuple[Range, list[str]]]) -> None:
        self._ranges: list[Range] = []
        prefixes, places = array("Q"), array("H")
        for place, (found, of_it) in enumerate(rows):
            self._ranges.append(found)
            prefixes.extend(map(int, of_it))
            places.extend([place] * len(of_it))
        order = sorted(range(len(prefixes)), key=prefixes.__getitem__)
        self._prefixes = array("Q", map(prefixes.__getitem__, order))
        self._places = array("H", map(places.__getitem__, order))
        self._digits_max = len(str(self._prefixes[-1])) if order else 0

    @classmethod
    def read(cls, path: Path) -> "RangeTable":
        """The table in a file.

        Raises:
            Misconfigured: the file is not there, or a line of it is not as ``trust-broker routing build`` writes it.
        """
        try:
            with path.open(encoding="utf-8") as lines:
                return cls(_row(line.rstrip("\n")) for line in lines if not line.startswith("#"))
        except (OSError, ValueError, OverflowError) as error:
            raise Misconfigured(f"{path}: cannot be read; make it anew with trust-broker routing build") from error

    def find(self, phone: PhoneNumber) -> Range | None:
        """The narrowest range that holds the number; ``None`` for a calling code that nobody has."""
        digits = phone.e164[1:]
        for length in range(min(len(digits), self._digits_max), 0, -1):
            wanted = int(digits[:length])
            place = bisect_left(self._prefixes, wanted)
            if place < len(self._prefixes) and self._prefixes[place] == wanted:
                return self._ranges[self._places[place]]
        return None

    def holders(self) -> frozenset[tuple[str, str]]:
        """Every country with every holder in it."""
        return frozenset((found.country, found.holder) for found in self._ranges if found.holder is not None)

    def __len__(self) -> int:
        return len(self._prefixes)


def _row(line: str) -> tuple[Range, list[str]]:
    fields = line.split("\t")
    prefixes = fields[-1].split(" ")
    fit = all(prefix.isascii() and prefix.isdigit() and 0 < len(prefix) <= _PREFIX_DIGITS_MAX for prefix in prefixes)
    if len(fields) != _FIELDS or fields[1] not in {"0", "1"} or not fit:
        raise ValueError(line)
    return Range(fields[0], fields[1] == "1", fields[2] or None), prefixes


def compiled() -> str:
    """The text of a table with everything that the installed libphonenumber knows; slow and large, for the command."""
    import phonenumbers  # a table in memory costs nobody the whole of it
    from phonenumbers.carrierdata import CARRIER_DATA

    held = {prefix: _name(names) for prefix, names in CARRIER_DATA.items()}
    codes = {str(code): "" for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE}
    # An area must not hide the holder of a range that it lies in.
    areas = {area: "" for area in _areas_abroad() if not any(area[:end] in held for end in range(1, len(area)))}
    found = [(_region(prefix), holder, prefix) for prefix, holder in (codes | areas | held).items()]
    head = (
        f"# Whom number ranges were given to, from libphonenumber {phonenumbers.__version__} (Apache License 2.0).\n"
        "# Made by trust-broker routing build; corrections belong into prefixes.toml beside it.\n"
    )
    return head + "".join(f"{line}\n" for line in _lines(sorted(found)))


def _areas_abroad() -> Iterator[str]:
    """Areas of a shared calling code that are not of its first country, Canada's for one."""
    import phonenumbers

    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        areas = (f"{code}{area}" for area in range(200, 1000) if len(regions) > 1)
        yield from (area for area in areas if _region(area)[0] != regions[0])


def _lines(found: list[tuple[tuple[str, bool], str, str]]) -> Iterator[str]:
    for (region, holder), rows in groupby(found, key=lambda row: row[:2]):
        yield "\t".join((region[0], str(int(region[1])), holder, " ".join(prefix for _, _, prefix in rows)))


def _name(names: dict[str, str]) -> str:
    """The English name where there is one; tabs and line ends would break the table."""
    return " ".join((names.get("en") or next(iter(names.values()))).split())


def _region(prefix: str) -> tuple[str, bool]:
    """The country of a prefix and whether numbers move there, judged by the shortest number that begins with it."""
    import phonenumbers
    from phonenumbers.phonemetadata import PhoneMetadata

    code = next(int(prefix[:end]) for end in (1, 2, 3) if int(prefix[:end]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]
    region = regions[0]
    if len(regions) > 1:
        national = prefix.removeprefix(str(code)).ljust(10, "2")
        number = phonenumbers.PhoneNumber(country_code=code, national_number=int(national))
        region = phonenumbers.region_code_for_number(number) or region
    metadata = PhoneMetadata.metadata_for_region(region, None)
    return region, bool(metadata and metadata.mobile_number_portable_region)
