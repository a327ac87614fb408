"""Makes types with ``openapi-typescript``, type-checks the example against them and runs it on Node."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path

from tests.conformance.places import node, node_packages
from tests.conformance.report import Row
from tests.support.stage import Stage, set_stage

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
# What a receipt, its action and its proof may be changed to, and must then be refused; nothing changed is good.
TAMPERED: Mapping[str, tuple[str, object] | None] = {
    "a receipt and its proof are good": None,
    "another action is not": ("action", {"type": "sign_in.other"}),
    "another audience is not": ("audience", "globex"),
    "no keys are not": ("jwks", {"keys": []}),
    "another place in the log is not": ("proof", {"index": 10_000}),
    "another log is not": ("vkey", "other.example+00000000+AAAA"),
}
_STEP_S = 120


def run(folder: Path) -> list[Row]:
    """One row: types, check, mistakes, and the example with a broker, with a refusal and without a broker."""
    checks: dict[str, Callable[[], bool]] = {
        "types are made": lambda: _make_types(folder),
        "the receipt's page fits the compiler": lambda: _checked(folder, "verify-receipt.ts"),
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
        for name, tamper in TAMPERED.items():
            checks_run.append(name)
            if (_receipt(folder, stage, tamper) == 0) == (tamper is None):
                passed.append(name)
    failed = tuple(name for name in checks_run if name not in passed)
    return [Row("TypeScript", "types and example", len(passed), 0, failed)]


def _make_types(folder: Path) -> bool:
    (folder / "node_modules").symlink_to(node_packages(HERE), target_is_directory=True)
    shutil.copy(HERE / "package.json", folder)
    for name in ("example.ts", "verify-receipt.ts"):
        shutil.copy(OPENAPI / name, folder)
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


def _receipt(folder: Path, stage: Stage, tamper: tuple[str, object] | None) -> int:
    """The exit code of the page that verifies receipts, on one whose proof is there."""
    action = {"type": "sign_in.hint"}
    purpose = "FraudPreventionAndDetection"
    with stage.broker.http() as http:
        question = {"subject": {"phoneNumber": STEADY}, "action": action, "purpose": purpose}
        answer = http.post("/v1/trust-checks", json=question).raise_for_status().json()
        path = f"/v1/trust-checks/{answer['id']}/receipt?proof=true"
        while (shown := http.get(path)).status_code == HTTPStatus.CONFLICT:
            time.sleep(0.2)
        given = {"receipt": answer["receipt"], "audience": "acme", "action": action, "proof": shown.json()["proof"]}
        given |= {"jwks": http.get("/.well-known/jwks.json").json(), "vkey": http.get("/.well-known/log.vkey").text}
    if tamper is not None:
        name, other = tamper
        given[name] = {**given[name], **other} if name == "proof" and isinstance(other, dict) else other
    (folder / "case.json").write_text(json.dumps(given), "utf-8")
    return _node(folder, folder / "verify-receipt.ts", folder / "case.json")[0]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
