"""Nobody but the gate asks an operator: every use case gets its operators from behind it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
BROKER = ROOT / "broker"
CALLS = {"observe", "carry_out", "finish_ceremony", "start_ceremony"}
GATE = "usecases/permitted.py"
BEHIND_IT = ("adapter_kit", "operators", "surfaces")
"""The operators themselves, whom only bootstrap hands on; and surfaces, which import no adapter."""
USERS = {
    GATE,
    "signals/gather.py",
    "routing/ported.py",
    "usecases/step_up/challenge_checks.py",
    "usecases/step_up/challenge_desk.py",
    "usecases/step_up/ceremonies.py",
    "usecases/step_up/pursue_challenges.py",
    "usecases/consumers/billing.py",
    "usecases/step_up/find_ways.py",
    "usecases/operators/order_disclosure.py",
    "usecases/consent/consent_links.py",
}
"""Who calls an adapter. All but the gate are handed one by whoever took it from the gate, or only plan a ceremony."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(BROKER.rglob("*.py")):
        name = str(path.relative_to(BROKER))
        if not name.startswith(BEHIND_IT):
            yield name, ast.parse(path.read_text("utf-8"))


def test_who_calls_operators_is_known() -> None:
    found = {
        name
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS
    }
    assert found <= USERS, f"{sorted(found - USERS)}: take the operator from PermittedNetwork, and be named here"
    assert GATE in found


def test_use_cases_take_their_operators_from_the_gate_alone() -> None:
    """An adapter by operator ids comes as a ``PermittedNetwork``, by its type; a bare callable could be any."""
    for name, tree in sources():
        if name.startswith("bootstrap") or name in {GATE, "usecases/step_up/find_ways.py"}:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
                told = ast.unparse(node.annotation)
                bare = "Callable" in told and told.endswith(("Adapter | None]", "Adapter]"))
                assert not bare or "Route" in told, f"{name}: {told}"


def test_only_bootstrap_knows_the_registry_and_hands_it_to_the_gate() -> None:
    importers = {
        name
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "broker.operators.registry"
    }
    assert all(name.startswith("bootstrap/") for name in importers), importers
    wired = (BROKER / "bootstrap" / "__init__.py").read_text("utf-8")
    assert wired.count("registry.through,") == wired.count("PermittedNetwork(parts.registry.through,") == 1
