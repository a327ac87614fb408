"""``trust-broker audit``: export the log, verify an export with nothing but a public key, explain a check."""

import itertools
import os
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.audit import export, note, tile_folder
from broker.audit.export import Entry, ExportUnreadable, Item, Mark
from broker.audit.note import NoteInvalid, NoteKey
from broker.audit.verify_export import Bad, Known, Verified
from broker.audit.verify_export import verify as verify_export
from broker.surfaces.cli import log_drill
from broker.surfaces.cli.check import KEY_VARIABLE
from broker.surfaces.cli.output import AsJson, at_work, busy, tell
from broker.surfaces.cli.ports import OpenDeployment
from broker.surfaces.cli.remote import Key, Url, call, part
from broker.usecases.audit.publish_log import PublishLog
from broker.usecases.audit.rotate_log import LogKeysView

Config = Annotated[Path | None, typer.Option("--config", help="Configuration folder")]
_FETCH_S = 60
_BAD = 1


def create(open_deployment: OpenDeployment) -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True)

    @group.command("key")
    def key(
        before: Annotated[bool, typer.Option("--all", help="And the keys of before, newest first")] = False,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Print the public key of the log. Give it to whoever shall verify, by another way than the export."""

        async def told() -> str:
            async with open_deployment(config).log() as log:
                return log.vkey()

        async def all_told() -> LogKeysView:
            async with open_deployment(config).log_rotation() as log:
                return log.overview()

        if before:
            found = at_work(all_told())
            tell(found, [found.key, *reversed(found.retired)], as_json=as_json)
        else:
            current = at_work(told())
            tell({"key": current}, [current], as_json=as_json)

    @group.command("export")
    def export_log(
        target: Annotated[Path, typer.Argument(help="A folder for tiles (C2SP), or a file that ends in .jsonl")],
        tenant: Annotated[str | None, typer.Option(help="Only this tenant's texts, of all others the hashes")] = None,
        config: Config = None,
    ) -> None:
        """Write the log out as far as it is signed."""

        async def within() -> None:
            async with open_deployment(config).log() as log:
                await _write(log, target, tenant)

        at_work(within(), "writing the log out")

    group.command("verify")(verify)
    group.command("explain")(explain)
    log_drill.add(group, open_deployment)
    return group


def verify(
    source: Annotated[str, typer.Argument(help="An export: a .jsonl file, a folder of tiles, or the URL of a file")],
    key: Annotated[
        list[str], typer.Option(help="The log's public key (vkey), or a file of them; then those of before")
    ],
    known: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint or an export that you kept from earlier; repeat")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify an export without asking anybody, and name the first entry that is not what was signed.

    Exit codes: 0 everything is as it was signed; 1 it is not; 2 wrong usage.
    """
    keys = [found for each in key for found in _keys(each)]
    try:
        kept = _known(known or [], keys)
        with busy(f"verifying {source}"), _items(source) as items:
            found = verify_export(items, keys, kept)
        folder = Path(source)
        if isinstance(found, Verified) and folder.is_dir():
            found = tile_folder.upper_tiles(folder) or found
    except (ExportUnreadable, NoteInvalid, OSError) as error:
        raise typer.BadParameter(f"{source}: {error}") from error
    if isinstance(found, Bad):
        if as_json:
            tell({"good": False, "fault": str(found)}, (), as_json=True)
        typer.secho(str(found), err=True, fg=typer.colors.RED)
        raise typer.Exit(_BAD)
    checkpoint = found.checkpoint
    counts = {"entries": checkpoint.size, "texts": found.texts, "checkpoints": found.checkpoints}
    line = (
        f"{checkpoint.origin}: {checkpoint.size} entries are what was signed, {found.texts} of them with their text,"
        f" under {found.checkpoints} checkpoints"
    )
    tell({"good": True, "origin": checkpoint.origin, **counts}, [line], as_json=as_json)


def explain(
    check_id: Annotated[str, typer.Argument(metavar="CHECK", help="The id of a check")],
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
    as_vcon: Annotated[bool, typer.Option("--vcon", help="Print it as a vCon")] = False,
) -> None:
    """Tell everything that is known about a check, as a timeline; needs a key with trust:explain."""
    found = call(url, key, "GET", f"/v1/trust-checks/{part(check_id)}/{'vcon' if as_vcon else 'explanation'}")
    tell(found, [] if as_vcon else _told(found), as_json=as_json or as_vcon)


def _told(found: Mapping[str, Any]) -> list[str]:
    asked, rules = found["asked"], found["rules"]
    lines = [f"{found['check']['id']}  {found['check']['decision']}  {found['check']['verdict']}"]
    lines.append(f"  subject {asked['subject']} of {asked['tenant']}, by key {asked['keyId']}")
    lines.append(f"  {rules['policy']} {rules['policyDigest'][:12]}, evidence table {rules['tableDigest'][:12]}")
    for entry in found["log"]:
        place = "not in a checkpoint yet" if entry["index"] is None else f"entry {entry['index']} of the log"
        lines.append(f"  {entry['entry']}: {place}")
    lines += [f"{moment['at'][:23]:23}  {moment['kind']:13}  {moment['text']}" for moment in found["timeline"]]
    lines += [
        f"  not asked: {one['signal']}, {one['reason']} {one['code'] or ''}".rstrip() for one in found["notAsked"]
    ]
    return lines


async def _write(log: PublishLog, target: Path, tenant: str | None) -> None:
    def shown(owner: str) -> bool:
        return tenant is None or owner == tenant

    if target.suffix == ".jsonl":
        target.parent.mkdir(parents=True, exist_ok=True)
        await _write_lines(target, await log.lines(shown))
        return
    async for path, content in log.files(shown):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)


async def _write_lines(target: Path, lines: AsyncIterator[bytes]) -> None:
    with target.open("wb") as file:
        async for some in lines:
            file.write(some)


def _keys(given: str) -> list[NoteKey]:
    """The keys of an option: one, or a file of them with one a line, the one that signs now first."""
    path = Path(given)
    try:
        lines = path.read_text("utf-8").split() if path.is_file() else [given]
        return [note.read_vkey(line) for line in lines or [""]]
    except (NoteInvalid, OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"--key: {error}") from error


def _known(paths: Iterable[Path], keys: list[NoteKey]) -> Known:
    checkpoints, hashes = [], []
    for path in paths:
        content = path.read_bytes()
        kept: Iterable[Item]
        kept = export.read(content.splitlines()) if content.startswith(b"{") else [Mark(content.decode("utf-8"))]
        for item in kept:
            if isinstance(item, Mark):
                checkpoints.append(note.open_checkpoint(note.read_note(item.note), keys))
            elif isinstance(item, Entry):
                hashes.append((item.place, item.hash))
    return Known(checkpoints, hashes)


@contextmanager
def _items(source: str) -> Iterator[Iterable[Item]]:
    if source.startswith(("https://", "http://")):
        bearer = os.environ.get(KEY_VARIABLE)
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        request = urllib.request.Request(source, headers=headers)  # noqa: S310 - http and https alone, see above
        with _opened(request) as answer:
            yield export.read(iter(lambda: answer.readline(export.LINE_BYTES_MAX), b""))
        return
    path = Path(source)
    if path.is_dir():
        yield tile_folder.items(path)
        return
    with path.open("rb") as file:
        yield export.read(itertools.takewhile(bool, iter(lambda: file.readline(export.LINE_BYTES_MAX), b"")))


def _opened(request: urllib.request.Request) -> Any:
    """The answer. A refusal is one too, and holds its connection until somebody closes it."""
    try:
        return urllib.request.urlopen(request, timeout=_FETCH_S)  # noqa: S310 - looked at by whoever made the request
    except urllib.error.HTTPError as refused:
        refused.close()
        raise
