"""The end of the demo: what it left in the transparency log, exported and verified with the public key alone."""

import asyncio
import time
from pathlib import Path

from rich.console import Console

from broker.audit import export, note
from broker.audit.verify_export import Bad, Verified, verify
from broker.surfaces.cli.ports import Deployment

_WAIT_S = 10.0
_PAUSE_S = 0.2


def show(deployment: Deployment, folder: Path, last_check: str, console: Console) -> None:
    """Export the log when the last check is in it, verify that, and say so."""
    target, key = folder / "log.jsonl", folder / "log.vkey"
    vkey, written = asyncio.run(_export(deployment, last_check.encode("ascii")))
    key.write_text(f"{vkey}\n", "utf-8")
    target.write_bytes(written)
    found = verify(export.read(written.splitlines()), [note.read_vkey(vkey)])
    console.print("\n[bold]The record[/bold], exported and verified with the log's public key alone")
    console.print(f"  {_told(found)}", markup=False, highlight=False)
    command = f".venv/bin/trust-broker audit verify {target} --key {key}"
    console.print(f"  {command}", soft_wrap=True, markup=False, highlight=False)


async def _export(deployment: Deployment, last_check: bytes) -> tuple[str, bytes]:
    """The log's key, and an export with the last check in it: a checkpoint covers it about a second later."""
    async with deployment.log() as log:
        until_s = time.monotonic() + _WAIT_S
        while True:
            written = b"".join([some async for some in await log.lines(lambda _tenant: True)])
            if last_check in written or time.monotonic() > until_s:
                return log.vkey(), written
            await asyncio.sleep(_PAUSE_S)


def _told(found: Verified | Bad) -> str:
    if isinstance(found, Bad):
        return str(found)
    return f"{found.checkpoint.size} entries are what was signed, under {found.checkpoints} checkpoints"
