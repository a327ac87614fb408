"""How every command tells what it found: lines for people, JSON for programs, and a sign of life meanwhile."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable, Iterator
from typing import Annotated, Any, TypeVar

import msgspec
import typer

_T = TypeVar("_T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]


def tell(found: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """What was found as JSON, or in lines for people; ``found`` is anything that JSON can say, structs included."""
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode("utf-8"))
        return
    for line in lines:
        typer.echo(line)


@contextlib.contextmanager
def busy(what: str) -> Iterator[None]:
    """Say on a terminal that something is under way, beside the answer and gone when it comes; else say nothing."""
    from rich.console import Console  # most commands are over before it would be loaded

    with Console(stderr=True).status(what):
        yield


def at_work(work: Coroutine[Any, Any, _T], what: str = "opening the database") -> _T:
    """Do the work of a command, and say meanwhile what it is busy with."""
    with busy(what):
        return asyncio.run(work)
