"""What was decided is decided again to the last bit, by any process: nothing depends on the order of a set."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from broker.domain.decision import Floor, Outcome
from broker.domain.record import HumanRuling, Proof
from broker.policy.redo import Beside, redo
from tests.unit.policy.kit import NOW, evidence, shipped, table

ROOT = Path(__file__).parents[3]
SEEN = (
    evidence(sim_swap="3h"),
    evidence(sim_swap="2d", call_forwarding="active"),
    evidence(sim_swap="3h", number_verification="mismatch", location="outside", call_forwarding="active"),
    evidence(sim_swap="timeout", number_recycling="recycled"),
)
BESIDE = (
    Beside(),
    Beside(stopped=True),
    Beside(floors=(Floor("ADVERSE_STANDS", Outcome.DENY), Floor("CLASS_RAISED", Outcome.ALLOW))),
    Beside(proofs=(Proof("tenant_factor", met=False), Proof("network_auth", met=True))),
    Beside(ruling=HumanRuling(Outcome.ALLOW, "CUSTOMER_CONFIRMED")),
)


def everything_redone() -> str:
    """One digest of every class of every shipped policy over what is told above."""
    digest = hashlib.sha256()
    for document in shipped().values():
        for action_class in document.classes:
            for seen in SEEN:
                for beside in BESIDE:
                    again = redo(document, table(), action_class=action_class, evidence=seen, at=NOW, beside=beside)
                    digest.update(again.bytes())
    return digest.hexdigest()


def test_another_process_decides_the_same_bytes() -> None:
    """Strings hash otherwise in each process, so what follows a set differs from one to the next."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    code = "from tests.unit.policy.test_redo import everything_redone as f; print(f())"
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONHASHSEED": seed}
    there = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert there.stdout.strip() == everything_redone()
