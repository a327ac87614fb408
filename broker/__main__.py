"""``trust-broker`` and ``python -m broker``."""

from broker.bootstrap import open_deployment
from broker.surfaces.cli.app import run


def main() -> None:
    """Run the command line over the real deployment."""
    run(open_deployment)


if __name__ == "__main__":
    main()
