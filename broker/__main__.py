"""``trust-broker`` and ``python -m broker``."""

from pathlib import Path

from broker.surfaces.cli.app import run
from broker.surfaces.cli.ports import Deployment


def main() -> None:
    """Run the command line over the real deployment."""
    run(_open)


def _open(folder: Path | None) -> Deployment:
    from broker.bootstrap import open_deployment  # loads the whole broker

    return open_deployment(folder)


if __name__ == "__main__":
    main()
