"""What whoever runs a broker asks about routing: build the table of ranges anew, show where a number leads."""

from pathlib import Path

from broker.adapter_kit.deployment import load_operators
from broker.domain.phone import PhoneNumber
from broker.domain.route import Route
from broker.operators.contracts import routed
from broker.routing.ranges import RangeTable, compiled
from broker.routing.router import Router, open_router


def build(path: Path) -> int:
    """Write the table of the installed libphonenumber; the number of prefixes in it."""
    path.write_text(compiled(), "utf-8")
    return len(RangeTable.read(path))


def show(folder: Path, phone: PhoneNumber) -> tuple[Route, bool]:
    """Where the tables of a configuration lead, and whether the number may have moved from there. Nobody is asked.

    Raises:
        Misconfigured: a table or an operator's file is wrong.
    """
    operators = routed(load_operators(folder / "operators"))
    router: Router = open_router(folder / "routing", operators)
    return router.route(phone), router.portable(phone)
