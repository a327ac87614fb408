from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.phone import PhoneNumber
from broker.domain.route import NETWORK_NOT_SERVED, UNROUTABLE, Route, RouteBasis
from broker.errors import Misconfigured
from broker.routing.networks import Network, Networks
from broker.routing.ranges import Range, RangeTable
from broker.routing.router import Router, faults_of

RANGES = RangeTable(
    [
        (Range("ES", portable=True, holder=None), ["34"]),
        (Range("ES", portable=True, holder="Vega"), ["34600", "34601"]),
        (Range("ES", portable=True, holder="Lyra"), ["34602"]),
        (Range("CU", portable=False, holder="Isla"), ["535"]),
    ]
)
FILE = """
[networks.vega]
country = "ES"
holders = ["Vega"]
finder_ids = ["vega-es"]
codes = ["21401"]
sources = ["alba", "aggregator"]

[networks.three_digits]
codes = ["214010"]
sources = ["aggregator"]

[networks.small_mvno]
finder_ids = ["small"]
sources = []
"""
OPERATORS = ("alba", "borealis", "aggregator")


def networks(folder: Path, text: str = FILE) -> Networks:
    path = folder / "networks.toml"
    path.write_text(text, "utf-8")
    return Networks.read(path, OPERATORS, RANGES)


def router(folder: Path, prefixes: dict[str, str] | None = None) -> Router:
    return Router(prefixes or {"+346009": "borealis", "+3460091": "small_mvno"}, networks(folder), RANGES)


@pytest.mark.parametrize(
    ("number", "route"),
    [
        ("+34600900000", Route(RouteBasis.OVERRIDE, "borealis", "ES", ("borealis",))),
        ("+34600910000", Route(RouteBasis.OVERRIDE, "small_mvno", "ES", (), NETWORK_NOT_SERVED)),
        ("+34600800000", Route(RouteBasis.RANGE, "vega", "ES", ("alba", "aggregator"))),
        ("+34602000000", Route(RouteBasis.RANGE, None, "ES", (), NETWORK_NOT_SERVED)),
        ("+34911111111", Route(RouteBasis.NONE, None, "ES", (), UNROUTABLE)),
        ("+99912345678", Route(RouteBasis.NONE, None, None, (), UNROUTABLE)),
    ],
)
def test_overrides_come_before_ranges_and_not_served_is_not_unknown(tmp_path: Path, number: str, route: Route) -> None:
    assert router(tmp_path).route(PhoneNumber.parse(number)) == route


@pytest.mark.parametrize(
    ("name", "network", "code"),
    [
        ("vega-es", "vega", None),
        ("21401", "vega", None),
        ("214010", "three_digits", None),
        ("borealis", "borealis", None),
        ("small", "small_mvno", NETWORK_NOT_SERVED),
        ("2140", None, NETWORK_NOT_SERVED),
        ("somebody", None, NETWORK_NOT_SERVED),
    ],
)
def test_a_finders_word_is_matched_whole(tmp_path: Path, name: str, network: str | None, code: str | None) -> None:
    """A network code of two digits is never taken for one of three that begins alike."""
    route = router(tmp_path).towards(name, RouteBasis.FINDER, PhoneNumber.parse("+34600800000"))
    assert (route.by, route.network, route.code) == (RouteBasis.FINDER, network, code)


@pytest.mark.parametrize(
    ("number", "portable"), [("+34600800000", True), ("+5351234567", False), ("+9991234567", True)]
)
def test_numbers_may_move_unless_it_is_known_that_they_do_not(tmp_path: Path, number: str, portable: bool) -> None:
    assert router(tmp_path).portable(PhoneNumber.parse(number)) is portable


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[networks.x]\nsources = ["nobody"]', "nobody have no file"),
        ('[networks.x]\nsources = ["alba", "alba"]', "named twice"),
        ('[networks.x]\nsources = []\nholders = ["Vega"]', "need a country"),
        ('[networks.x]\nsources = []\ncountry = "ES"\nholders = ["Vgea"]', "Vgea"),
        ('[networks.x]\nsources = []\ncodes = ["2140"]', "codes"),
        ('[networks.x]\nsources = []\ncodes = ["2140100"]', "codes"),
        ('[networks.x]\nsources = []\nmnc = "01"', "no such key"),
        (
            '[networks.x]\nsources = []\ncodes = ["21401"]\n[networks.y]\nsources = []\nfinder_ids = ["21401"]',
            "claimed",
        ),
        ("networks", "not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(Misconfigured, match=complaint):
        networks(tmp_path, text)


def test_an_operator_may_go_by_another_networks_name(tmp_path: Path) -> None:
    found = networks(tmp_path, '[networks.vega]\nfinder_ids = ["alba"]\nsources = ["alba", "borealis"]')
    assert found.found("alba") == Network("vega", None, ("alba", "borealis"))


@pytest.mark.parametrize(
    ("prefixes", "complaint"),
    [({"34": "alba"}, "not '\\+'"), ({"+": "alba"}, "not '\\+'"), ({"+34": "nobody"}, "neither in networks.toml")],
)
def test_a_mistake_among_the_prefixes_is_named(tmp_path: Path, prefixes: dict[str, str], complaint: str) -> None:
    (fault,) = faults_of(prefixes, networks(tmp_path))
    assert complaint.replace("\\", "") in fault


_DIGITS = st.text("0123456789", min_size=1, max_size=9)


@given(st.dictionaries(_DIGITS.map(lambda text: f"+3{text}"), st.sampled_from(OPERATORS), max_size=20), _DIGITS)
def test_the_longest_prefix_wins(prefixes: dict[str, str], number: str) -> None:
    phone = PhoneNumber(f"+3{number}")
    by_hand = max((prefix for prefix in prefixes if phone.e164.startswith(prefix)), key=len, default=None)
    found = Networks({name: Network(name, None, (name,)) for name in OPERATORS}, {}, {})
    route = Router(prefixes, found, RangeTable([])).route(phone)
    assert route.sources == (() if by_hand is None else (prefixes[by_hand],))
