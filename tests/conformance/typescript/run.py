"""Makes types with ``openapi-typescript``, type-checks the example against them and runs it on Node."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.conformance.places import node, node_packages
from tests.conformance.report import Row
from tests.support.stage import set_stage

HERE = Path(__file__).parent
OPENAPI = HERE.parents[2] / "openapi"
STEADY, SWAPPED = "+34600000101", "+34600000102"
# What a builder may get wrong, and what the types must therefore refuse.
MISTAKES = {
    "a misspelt member": ("answer?.decision", "answer?.decison"),
    "another decision": ('=== "allow"', '=== "allowed"'),
    "an amount as a number": ("value: eur", "value: 950.0"),
    "a purpose left out": ('purpose: "FraudPreventionAndDetection",', ""),
    "another path": ('"/v1/trust-checks"', '"/v1/trustchecks"'),
}
_STEP_S = 120


def run(folder: Path) -> list[Row]:
    """One row: types, check, mistakes, and the example with a broker, with a refusal and without a broker."""
    checks: dict[str, Callable[[], bool]] = {
        "types are made": lambda: _make_types(folder),
        "the example fits them": lambda: _checked(folder, "example.ts"),
        **{f"{name} does not": _refuses(folder, *change) for name, change in MISTAKES.items()},
    }
    passed = [name for name, check in checks.items() if check()]
    checks_run = list(checks)
    with set_stage(_made(folder / "stage")) as stage:
        key = {"TRUST_BROKER_URL": stage.broker.url, "TRUST_BROKER_KEY": stage.broker.agent_key}
        for name, phone, around, wanted in (
            ("an allow runs", STEADY, key, (0, "paid, receipt")),
            ("a deny does not", SWAPPED, key, (1, "not paid: deny")),
            ("a wrong key does not", STEADY, key | {"TRUST_BROKER_KEY": "tb_wrong"}, (1, "not paid: no decision")),
            ("no broker does not", STEADY, {"TRUST_BROKER_URL": "http://127.0.0.1:9"}, (1, "not paid: no decision")),
        ):
            checks_run.append(name)
            code, text = _example(folder, phone, around)
            if code == wanted[0] and wanted[1] in text:
                passed.append(name)
    failed = tuple(name for name in checks_run if name not in passed)
    return [Row("TypeScript", "types and example", len(passed), 0, failed)]


def _make_types(folder: Path) -> bool:
    (folder / "node_modules").symlink_to(node_packages(HERE), target_is_directory=True)
    shutil.copy(HERE / "package.json", folder)
    shutil.copy(OPENAPI / "example.ts", folder)
    contract, types = OPENAPI / "broker.v1.yaml", folder / "broker.v1.d.ts"
    options = ("--default-non-nullable", "false")  # what has a default may be left out of a question
    command = (folder / "node_modules/openapi-typescript/bin/cli.js", contract, *options, "--output", types)
    return _node(folder, *command)[0] == 0 and types.exists()


def _checked(folder: Path, name: str) -> bool:
    """Whether one file fits the types, by the compiler itself."""
    config = (HERE / "tsconfig.json").read_text("utf-8").replace('"*.ts"', f'"{name}", "broker.v1.d.ts"')
    (folder / "tsconfig.json").write_text(config, "utf-8")
    return _node(folder, folder / "node_modules/typescript/bin/tsc", "-p", folder)[0] == 0


def _refuses(folder: Path, before: str, after: str) -> Callable[[], bool]:
    def check() -> bool:
        text = (folder / "example.ts").read_text("utf-8")
        (folder / "mistake.ts").write_text(text.replace(before, after), "utf-8")
        return before in text and not _checked(folder, "mistake.ts")

    return check


def _example(folder: Path, phone: str, around: Mapping[str, str]) -> tuple[int, str]:
    return _node(folder, folder / "example.ts", phone, "950.00", around=around)


def _node(folder: Path, *command: str | Path, around: Mapping[str, str] | None = None) -> tuple[int, str]:
    program, _ = node()
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [str(program), *map(str, command)],
        cwd=folder,
        env={**kept, **(around or {})},
        capture_output=True,
        text=True,
        timeout=_STEP_S,
        check=False,
    )
    with (folder / "node.txt").open("a", encoding="utf-8") as log:
        log.write(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}\n")
    return done.returncode, done.stdout + done.stderr


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
