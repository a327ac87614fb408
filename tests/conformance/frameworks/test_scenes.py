"""The scenes can fail: an agent without a guard fails every one of them."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conformance.frameworks.environments import FRAMEWORKS, PROJECT
from tests.conformance.frameworks.run import SCENES

INSIDE = Path(__file__).parent / "inside"
EXAMPLES = PROJECT / "tests" / "stories" / "examples"


def test_without_a_guard_no_scene_goes_well() -> None:
    nowhere = "http://127.0.0.1:9"
    around = {
        "PYTHONPATH": f"{EXAMPLES}:{PROJECT}",
        "TRUST_BROKER_URL": nowhere,
        "TRUST_BROKER_KEY": "tb_key",
        "BROKEN_BROKERS_URL": nowhere,
        "PERSON_URL": nowhere,
    }
    command = [sys.executable, str(INSIDE / "scenes.py"), "nothing"]
    done = subprocess.run(command, env=around, capture_output=True, text=True, timeout=60, check=False)
    outcomes = json.loads(done.stdout.strip().splitlines()[-1])
    assert set(outcomes) == set(SCENES)
    assert all(outcomes.values()), outcomes


def test_every_framework_has_a_driver_an_example_and_pinned_requirements() -> None:
    for framework in FRAMEWORKS:
        assert (INSIDE / f"with_{framework.name}.py").exists()
        assert list(EXAMPLES.glob(f"{framework.name}_*.py"))
        pinned = (INSIDE.parents[1] / "environments" / f"{framework.name}.txt").read_text("utf-8")
        assert f"\n{framework.distribution}==" in f"\n{pinned}"
        assert "--hash=sha256:" in pinned
