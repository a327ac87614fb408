"""Nobody is asked twice for the same thing, whatever happens to the process that asked (kill -9, R1 for tokens)."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.token_flows import KEY, client_of, profile
from tests.support.databases import BACKENDS, database
from tests.support.mock_operator import running_operator

ROOT = Path(__file__).parents[2]
SILENT = "+34600000109"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_process_is_followed_by_one_that_goes_on_polling(backend: str, tmp_path: Path) -> None:
    key = tmp_path / "client.pem"
    key.write_bytes(KEY.as_pem(private=True))
    with database(backend, tmp_path) as url, running_operator(profile(), clients=[client_of(profile())]) as operator:

        def ask(*more: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "tests.contract.asked_once", url, operator.url, str(key), SILENT, *more]
            return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

        for _ in range(2):
            killed = ask("die")
            assert (killed.stdout, killed.returncode) == ("late PERSON_ASKED", -9), killed.stderr
        operator.control.answer(SILENT, approve=True)
        # Nobody's clock is moved here: a question before the operator's interval is over is early, and does no harm.
        said = ""
        for _ in range(20):
            said = ask().stdout
            if said != "late PERSON_ASKED":
                break
        assert said == "observed"
        assert len(operator.control.prompts(SILENT)) == 1
