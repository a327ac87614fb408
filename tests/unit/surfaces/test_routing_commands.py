import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from broker.bootstrap import open_deployment
from broker.surfaces.cli.app import create

SHIPPED = Path(__file__).parents[3] / "config"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return shutil.copytree(SHIPPED, tmp_path / "config")


def command(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(create(open_deployment), ["routing", *arguments, "--config", str(config)])


def test_build_writes_the_shipped_table_again(config: Path) -> None:
    table = config / "routing/ranges.tsv"
    table.write_text("damaged", "utf-8")
    done = command(config, "build")
    assert done.exit_code == 0, done.output
    assert table.read_bytes() == (SHIPPED / "routing/ranges.tsv").read_bytes()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("+34600000101", ("ES", "may move", "alba", "override")),
        ("+5511987654321", ("BR", "range", "NETWORK_NOT_SERVED")),
        ("+34911111111", ("ES", "none", "UNROUTABLE")),
        ("+5351234567", ("CU", "stay")),
    ],
)
def test_show_tells_where_a_number_leads(config: Path, number: str, words: tuple[str, ...]) -> None:
    done = command(config, "show", number)
    assert done.exit_code == 0, done.output
    assert all(word in done.output for word in words)


def test_show_refuses_what_is_no_number(config: Path) -> None:
    done = command(config, "show", "0034600")
    assert done.exit_code != 0
