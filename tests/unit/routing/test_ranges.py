from pathlib import Path

import pytest

from broker.domain.phone import PhoneNumber
from broker.errors import Misconfigured
from broker.routing.ranges import Range, RangeTable, compiled

SHIPPED = Path(__file__).parents[3] / "config/routing/ranges.tsv"
TEXT = "# head\nES\t1\t\t34\nES\t1\tVega\t346 34600\nES\t1\tLyra\t346001\nGG\t0\tSure\t447781\n"


def table(folder: Path, text: str = TEXT) -> RangeTable:
    path = folder / "ranges.tsv"
    path.write_text(text, "utf-8")
    return RangeTable.read(path)


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("+34600100000", Range("ES", portable=True, holder="Lyra")),
        ("+34600000101", Range("ES", portable=True, holder="Vega")),
        ("+34699999999", Range("ES", portable=True, holder="Vega")),
        ("+34911111111", Range("ES", portable=True, holder=None)),
        ("+447781000000", Range("GG", portable=False, holder="Sure")),
        ("+447700000101", None),
        ("+99912345678", None),
    ],
)
def test_the_narrowest_range_wins(tmp_path: Path, number: str, found: Range | None) -> None:
    assert table(tmp_path).find(PhoneNumber.parse(number)) == found


@pytest.mark.parametrize(
    "line",
    [
        "ES\t1\tVega",
        "ES\tyes\tVega\t34",
        "ES\t1\tVega\t",
        "ES\t1\tVega\t+34",
        "ES\t1\tVega\t34  35",
        "ES\t1\tVega\t٣٤",
        "ES\t1\tVega\t" + "9" * 16,
        "",
    ],
)
def test_a_table_that_a_person_damaged_is_refused_by_name(tmp_path: Path, line: str) -> None:
    with pytest.raises(Misconfigured, match="routing build"):
        table(tmp_path, f"{TEXT}{line}\n")


def test_the_shipped_table_is_what_the_pinned_libphonenumber_says() -> None:
    assert SHIPPED.read_text("utf-8") == compiled()


def test_the_shipped_table_agrees_with_libphonenumber_about_holder_and_country() -> None:
    import phonenumbers
    from phonenumbers import carrier

    shipped, places = RangeTable.read(SHIPPED), 0
    for line in SHIPPED.read_text("utf-8").splitlines()[2::7]:
        prefix = line.split("\t")[3].split(" ")[0]
        number = PhoneNumber(f"+{prefix.ljust(11, '4')}")
        parsed = phonenumbers.parse(number.e164)
        found = shipped.find(number)
        assert found is not None
        if name := carrier.name_for_number(parsed, "en"):
            places += 1
            assert found.holder == " ".join(name.split())
        if region := phonenumbers.region_code_for_number(parsed):
            assert found.country == region, number.e164
    assert places > 100
