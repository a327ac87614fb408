"""``trust-broker audit rotate-key`` and ``audit drill``: another key for the log, and a rehearsal of its theft."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from broker.audit import export, merkle, note
from broker.audit.export import Entry, Item, Mark
from broker.audit.log_key import LogKey
from broker.audit.note import NoteInvalid, NoteKey
from broker.audit.verify_export import Bad, Known, Verified, verify
from broker.errors import InvalidRequest, Overloaded, Unrecorded
from broker.surfaces.cli.output import AsJson, at_work, tell
from broker.surfaces.cli.ports import Deployment, OpenDeployment
from broker.usecases.audit.rotate_log import LogKeysView

Config = Annotated[Path | None, typer.Option("--config", help="Configuration folder")]
_T = TypeVar("_T")
_DRILL_S = 60.0
_PAUSE_S = 0.2
_FAILED = 1
_MADE_UP = b"an entry that nobody wrote"


def add(group: typer.Typer, open_deployment: OpenDeployment) -> None:
    """Add both commands to a group."""

    @group.command("rotate-key")
    def rotate_key(config: Config = None, as_json: AsJson = False) -> None:
        """Give the log another key; the private one of before is gone. Running nodes here follow within a second.

        Give the new public key to whoever verifies, and both key files to nodes on other machines.
        """
        changed = at_work(_rotated(open_deployment(config)))
        tell(changed, _told(changed), as_json=as_json)

    @group.command("drill")
    def drill(
        yes: Annotated[bool, typer.Option("--yes", help="Really replace the key that signs now")] = False,
        config: Config = None,
    ) -> None:
        """Rehearse the theft of the log's key: replace it, and see what the thief signs refused, and nothing else.

        A broker has to be running on this configuration. Exit code 1 where the log is not signed with the new key
        within 60 seconds, what the thief signed holds, or what was signed before does not.
        """
        if not yes:
            raise typer.BadParameter("this replaces the key that signs the log now: add --yes")
        asyncio.run(_drill(open_deployment(config)))


def _told(keys: LogKeysView) -> list[str]:
    return [keys.key, *(f"{each}  (of before)" for each in keys.retired)]


async def _rotated(deployment: Deployment) -> LogKeysView:
    async with deployment.log_rotation() as rotate:
        return await rotate()


async def _drill(deployment: Deployment) -> None:
    async with deployment.log_rotation() as rotate:
        stolen = rotate.signing()
        signed = await _patiently(lambda: _items(deployment))
        before = verify(signed, [stolen.public])
        if signed:
            _say("the log before", before, wanted=True)
        changed = await _patiently(rotate)
    keys = list(map(note.read_vkey, (changed.key, *reversed(changed.retired))))
    items = await _signed_by(deployment, keys[0])
    kept = Known([before.checkpoint]) if isinstance(before, Verified) else None
    _say("the log under its new key, against what was kept before", verify(items, keys, kept), wanted=True)
    _say("what the thief appended and signed", verify(_forged(items, stolen), keys), wanted=False)


async def _patiently(work: Callable[[], Awaitable[_T]]) -> _T:
    """A busy database is asked again: a drill is held beside a broker at work, and must not fail for that."""
    until_s = time.monotonic() + _DRILL_S
    while True:
        try:
            return await work()
        except (Unrecorded, Overloaded):
            if time.monotonic() > until_s:
                raise
        await asyncio.sleep(_PAUSE_S)


async def _items(deployment: Deployment) -> list[Item]:
    """An export as it stands, without texts; nothing where nothing was signed yet."""
    async with deployment.log() as log:
        try:
            lines = await log.lines(lambda _tenant: False)
        except InvalidRequest:
            return []
        return list(export.read([line async for some in lines for line in some.splitlines()]))


async def _signed_by(deployment: Deployment, key: NoteKey) -> list[Item]:
    """An export whose newest checkpoint that key has signed, as soon as there is one."""
    until_s = time.monotonic() + _DRILL_S
    while True:
        items = await _patiently(lambda: _items(deployment))
        newest = next((item for item in reversed(items) if isinstance(item, Mark)), None)
        if newest is not None and _is_by(newest, key):
            return items
        if time.monotonic() > until_s:
            typer.secho("the drill failed: nothing was signed with the new key", err=True, fg=typer.colors.RED)
            raise typer.Exit(_FAILED)
        await asyncio.sleep(_PAUSE_S)


def _is_by(mark: Mark, key: NoteKey) -> bool:
    try:
        note.open_checkpoint(note.read_note(mark.note), [key])
    except NoteInvalid:
        return False
    return True


def _forged(items: Sequence[Item], thief: LogKey) -> list[Item]:
    """The export with one more entry, and a checkpoint over it that the stolen key has signed."""
    tree = merkle.Frontier()
    for item in items:
        if isinstance(item, Entry):
            tree.append(item.hash)
    place, digest = tree.size, merkle.leaf_hash(_MADE_UP)
    tree.append(digest)
    head = [item._replace(end=tree.size) if isinstance(item, export.Head) else item for item in items]
    return [*head, Entry(place, digest, _MADE_UP), Mark(str(thief.sign(tree.size, tree.root())))]


def _say(what: str, found: Verified | Bad, *, wanted: bool) -> None:
    good = isinstance(found, Verified)
    typer.echo(f"{what}: {'good' if good else f'refused, {found}'}")
    if good != wanted:
        typer.secho("the drill failed", err=True, fg=typer.colors.RED)
        raise typer.Exit(_FAILED)
