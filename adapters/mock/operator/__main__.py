"""``python -m adapters.mock.operator`` is ``trust-broker mock-operator`` without the broker."""

import typer

from adapters.mock.operator.command import run

if __name__ == "__main__":
    typer.run(run)
