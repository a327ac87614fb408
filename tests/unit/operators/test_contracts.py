"""Who is asked for which tenant, and what a start refuses."""

import re
import shutil
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.adapter_kit.assembly import Surroundings
from broker.adapter_kit.deployment import load_operators
from broker.domain.signal import Observed, Unavailable
from broker.domain.tenancy import OperatorLists
from broker.errors import Misconfigured
from broker.operators.contracts import Contracts
from broker.operators.guards.breaker import EgressWatch
from broker.operators.guards.limits import GuardLimits
from broker.operators.registry import Registry
from broker.operators.sides import OTHER_CONTRACT, KeepsSides
from tests.support.clocks import HandClock
from tests.support.contracts import contracts, operators
from tests.unit.operators.guarded import Acting, good, question

SHIPPED = Path(__file__).parents[3] / "config" / "operators"
# Vega and Lyra are everybody's. Acme has a contract of its own with Vega, and its shop another one; only Globex may use
# Mira. The others are of the sandbox.
FILES: dict[str, dict[str, Any]] = {
    "vega": {},
    "lyra": {},
    "mira": {"tenants": ["globex"]},
    "vega-acme": {"tenants": ["acme"], "in_place_of": "vega"},
    "vega-shop": {"tenants": ["acme.shop", "initech"], "in_place_of": "vega"},
    "play": {"sandbox": True},
}
EVERYBODY = contracts(**FILES)
ALL = ("vega", "lyra", "mira", "vega-acme", "vega-shop", "play")
TENANTS = ("acme", "acme.till", "acme.shop", "acme.shop.one", "initech", "globex", "acmeother", "acme.sandbox")


@pytest.mark.parametrize(
    ("tenant", "asked"),
    [
        ("hooli", ("vega", "lyra")),
        ("acme", ("vega-acme", "lyra")),
        ("acme.till", ("vega-acme", "lyra")),
        ("acme.shop", ("vega-shop", "lyra")),
        ("acme.shop.one", ("vega-shop", "lyra")),
        ("initech", ("vega-shop", "lyra")),
        ("globex.shop", ("vega", "lyra", "mira")),
        ("acmeother", ("vega", "lyra")),
        ("shop", ("vega", "lyra")),
        ("Acme", ("vega", "lyra")),
        ("acme.sandbox", ()),
        ("", ("vega", "lyra")),
    ],
)
def test_the_nearest_contract_is_asked_in_the_place_of_the_operator(tenant: str, asked: tuple[str, ...]) -> None:
    assert EVERYBODY.asked(("vega", "lyra", "mira"), tenant, ()) == asked
    assert set(EVERYBODY.all_of(tenant, ())) == (set(asked) or {"play"})
    # What was asked once is asked again: a recorded route holds contracts already.
    assert EVERYBODY.asked(asked, tenant, ()) == asked
    assert {name for name in ALL if EVERYBODY.serves(name, tenant)} == (set(asked) or {"play"})


@pytest.mark.parametrize(
    ("tenant", "lists", "asked"),
    [
        ("hooli", (), ("vega", "lyra")),
        ("hooli", (["vega"],), ("vega",)),
        ("hooli", (["vega", "lyra"], ["lyra"]), ("lyra",)),
        ("hooli", (["vega"], ["lyra"]), ()),
        ("hooli", ([],), ()),
        ("hooli", ([], ["vega"]), ()),
        ("hooli", (["vega-acme", "mira"],), ()),
        ("acme", (["vega"],), ("vega-acme",)),
        ("acme", (["vega-acme"],), ("vega-acme",)),
        ("acme", (["vega"], ["vega-acme"]), ("vega-acme",)),
        ("acme", (["vega-shop"],), ()),
        ("acme.sandbox", ([],), ("play",)),
    ],
)
def test_an_operator_is_on_every_list_that_there_is(
    tenant: str, lists: tuple[list[str], ...], asked: tuple[str, ...]
) -> None:
    above: OperatorLists = tuple(map(frozenset, lists))
    assert EVERYBODY.asked(ALL, tenant, above) == asked


def test_a_list_can_name_what_a_tenant_is_asked_for_at_and_what_that_stands_for() -> None:
    assert EVERYBODY.names_of("hooli") == {"vega", "lyra"}
    assert EVERYBODY.names_of("acme.till") == {"vega", "vega-acme", "lyra"}
    assert EVERYBODY.names_of("globex") == {"vega", "lyra", "mira"}


@given(
    st.sampled_from(TENANTS),
    st.lists(st.sampled_from(ALL), max_size=8),
    st.lists(st.frozensets(st.sampled_from(ALL)), max_size=3),
)
def test_no_route_and_no_list_leads_to_the_contract_of_another(
    tenant: str, sources: list[str], lists: list[frozenset[str]]
) -> None:
    asked = EVERYBODY.asked(sources, tenant, tuple(lists))
    assert set(asked) <= set(EVERYBODY.asked(sources, tenant, ()))  # a list only takes away
    assert all(EVERYBODY.serves(name, tenant) for name in asked)
    assert len([one for one in asked if one.startswith("vega")]) <= 1
    whose = {"vega-acme": {"acme"}, "vega-shop": {"acme", "initech"}, "mira": {"globex"}}
    assert all(tenant.split(".", maxsplit=1)[0] in whose[one] for one in asked if one in whose)
    assert "play" not in asked or "sandbox" in tenant.split(".")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"own": {"in_place_of": "vega"}}, "own.toml, key in_place_of: is for tenants"),
        ({"own": {"tenants": ["a"], "in_place_of": "vga"}}, "own.toml, key in_place_of: vga is none .* one of: vega"),
        ({"own": {"tenants": ["a"], "in_place_of": "own"}}, "key in_place_of: own is none"),
        ({"own": {"tenants": ["a"], "in_place_of": "play"}, "play": {"sandbox": True}}, "play is none"),
        ({"own": {"tenants": ["a"], "sandbox": True}}, "key sandbox: .* take tenants and in_place_of out"),
        ({"own": {"tenants": ["a.sandbox"]}}, "key tenants: a.sandbox is of the sandbox"),
        (
            {"one": {"tenants": ["a"], "in_place_of": "vega"}, "two": {"tenants": ["b", "a"], "in_place_of": "vega"}},
            "two.toml, key tenants: a has a contract in the place of vega in one.toml; keep one",
        ),
        (
            {"own": {"tenants": ["a"], "in_place_of": "vega", "client_id": "client-of-vega"}},
            "own.toml, key client_id: is that of vega too, .* give each contract its own",
        ),
        (
            {
                "one": {"tenants": ["a"], "in_place_of": "vega", "client_id": "x"},
                "two": {"tenants": ["b"], "in_place_of": "vega", "client_id": "x"},
            },
            "two.toml, key client_id: is that of one too",
        ),
        *(
            (
                {"own": {"tenants": ["a"], key: {"file": "var/keys/one"}}, "lyra": {key: {"file": "var/keys/one"}}},
                f"lyra.toml, key {key}: is that of own too",
            )
            for key in ("client_secret", "client_key", "api_key")
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_file_key_and_fix(files: dict[str, dict[str, Any]], said: str) -> None:
    with pytest.raises(Misconfigured, match=rf"^config/operators/.*{said}"):
        contracts(vega={}, **files)


def test_a_certificate_is_a_credential_too() -> None:
    tls = {"certificate": "var/keys/one.pem", "key": "var/keys/one.key"}
    with pytest.raises(Misconfigured, match=r"own\.toml, key tls\.key: is that of vega too"):
        contracts(vega={"tls": tls}, own={"tenants": ["a"], "in_place_of": "vega", "tls": tls})
    ours = {"ca": "var/keys/their-ca.pem"}  # whom we believe there may be the same for all
    kept = contracts(vega={"tls": ours}, own={"tenants": ["a"], "in_place_of": "vega", "tls": ours})
    assert kept.all_of("a", ()) == ("own",)


def test_one_tenant_may_have_several_doors_to_one_client() -> None:
    own = {"tenants": ["a"], "client_id": "x", "base_url": "https://hub.example", "client_key": {"env": "KEY"}}
    assert contracts(one=own, two=own).all_of("a", ()) == ("one", "two")


def test_the_contract_that_is_written_down_as_an_example_holds(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path, dirs_exist_ok=True)
    (example,) = re.findall(
        r"```toml\n# ([a-z-]+\.toml)(.*?)```", (SHIPPED / "README.md").read_text("utf-8"), re.DOTALL
    )
    (tmp_path / example[0]).write_text(f"# {example[1]}", "utf-8")
    ours = Contracts(load_operators(tmp_path))
    assert ours.all_of("acme.shop", ()) == ("acme-alba", "borealis", "cadenza")
    assert ours.all_of("globex", ()) == ("alba", "borealis", "cadenza")
    assert ours.all_of("acme.sandbox", ()) == ("sandbox",)


@pytest.mark.parametrize(("tenant", "passes"), [("acme.till", True), ("acme.shop", False), ("hooli", False)])
async def test_a_contract_answers_for_its_tenants_alone_whatever_a_route_says(tenant: str, *, passes: bool) -> None:
    inner = Acting(good(clock := HandClock()))
    kept = KeepsSides(inner, None, lambda one: EVERYBODY.serves("vega-acme", one))
    answer = await kept.observe(msgspec.structs.replace(question(clock), tenant=tenant))
    assert isinstance(answer, Observed if passes else Unavailable)
    assert getattr(answer, "code", None) == (None if passes else OTHER_CONTRACT)
    assert len(inner.asked) == passes


async def test_a_recorded_route_may_lead_to_an_operator_whose_file_is_gone() -> None:
    left = operators(vega={"client_id": "us", "client_secret": {"env": "PATH"}, "adapter": "orange"})
    registry = Registry(left, Contracts(left), Surroundings(HandClock(), Random(1), "aiohttp"), GuardLimits())
    try:
        assert registry.through(("vega-acme",)) is None
        through = registry.through(("vega-acme", "vega"))
        assert through is not None
        assert through.operator == "vega"
    finally:
        await registry.aclose()


def test_contracts_with_one_operator_that_fail_together_are_not_us() -> None:
    places = {"vega-acme": "vega", "vega-shop": "vega"}
    watch = EgressWatch(3, 60, places)
    for name in ("vega", "vega-acme", "vega-shop"):
        watch.opened(name, 1.0)
    assert not watch.suspect
    watch.opened("lyra", 2.0)
    seen = [watch.suspect]
    watch.closed("vega-shop")
    assert [*seen, watch.suspect] == [True, False]
