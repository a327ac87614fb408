"""What a start refuses in the configuration, instead of running looser than it looks."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.bootstrap import Deployment, open_deployment
from broker.bootstrap.files import policy_seeds
from broker.errors import Misconfigured
from tests.support.broker import CONFIG


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return shutil.copytree(CONFIG, tmp_path / "config")


def start(folder: Path) -> None:
    """As much of a start as reads policies and purposes."""
    deployment: Deployment = open_deployment(folder)
    policy_seeds(folder / "policies", deployment.rulebook())


def test_the_shipped_configuration_starts(config: Path) -> None:
    start(config)


def rename(config: Path) -> None:
    (config / "policies" / "payment.yaml").rename(config / "policies" / "payment.yml")


def nest(config: Path) -> None:
    (config / "policies" / "more").mkdir()


def remove(config: Path) -> None:
    shutil.rmtree(config / "policies")


def empty_purposes(config: Path) -> None:
    (config / "purposes.toml").write_text("# nothing\n", "utf-8")


def purpose_without_signals(config: Path) -> None:
    with (config / "purposes.toml").open("a", encoding="utf-8") as file:
        file.write("\n[ServicePersonalisation]\n")


def unknown_purpose(config: Path) -> None:
    path = config / "policies" / "payment.yaml"
    path.write_text(path.read_text("utf-8").replace("[FraudPreventionAndDetection]", "[FraudPrevention]"), "utf-8")


def condition_beyond_a_text(config: Path) -> None:
    path = config / "policies" / "payment.yaml"
    text = path.read_text("utf-8").replace('action.amount.currency == "EUR"', 'action.resource.kind == "iban"', 1)
    path.write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (rename, r"payment\.yml: policy documents are files that end in \.yaml; rename it"),
        (nest, r"policies/more: policy documents are files"),
        (remove, r"policies: no such folder"),
        (empty_purposes, r"purposes\.toml: no purpose"),
        (purpose_without_signals, r"purposes\.toml: \[ServicePersonalisation\] names no signal"),
        (
            unknown_purpose,
            r"payment\.yaml, line 14, key purposes\.0: the purpose FraudPrevention is not known; use one of",
        ),
        (condition_beyond_a_text, r"payment\.yaml, line 19, .*action\.resource has no members"),
    ],
)
def test_a_start_refuses_what_would_be_silently_looser(
    config: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(config)
    with pytest.raises(Misconfigured, match=message):
        start(config)


def test_files_of_an_editor_are_left_alone(config: Path) -> None:
    (config / "policies" / ".payment.yaml.swp").write_bytes(b"\x00")
    start(config)
