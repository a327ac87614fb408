"""List the adapters that are installed, put one on trial, start a new one, and make our key for its operator."""

import os
import random
import re
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path

import msgspec

from broker.adapter_kit.assembly import Surroundings, open_adapter, package_of
from broker.adapter_kit.assertions import generate_signing_key, import_signing_key, public_jwks
from broker.adapter_kit.conformance import Report, Result, verify
from broker.adapter_kit.deployment import SecretRef, load_operators
from broker.adapter_kit.live import try_live
from broker.adapter_kit.manifest import load_manifest
from broker.clock import Clock
from broker.domain.phone import PhoneNumber
from broker.errors import Conflict, Misconfigured
from broker.usecases.operators import new_adapter

_OWNER_ONLY = 0o600
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class Installed(msgspec.Struct, frozen=True):
    """One adapter: its name, who it is for, what it can be asked today, and what it declares besides."""

    name: str
    title: str
    asked_today: tuple[str, ...]
    declared_only: tuple[str, ...]


def installed() -> Sequence[Installed]:
    """Every adapter, by name.

    Raises:
        Misconfigured: a manifest is wrong.
    """
    names = sorted({point.name for point in entry_points(group="broker.adapters")})
    return [_described(name) for name in names]


def _described(name: str) -> Installed:
    manifest = load_manifest(package_of(name))
    named = [(f"{one.api} {one.version}", manifest.built(one)) for one in manifest.apis]
    return Installed(
        name,
        manifest.title,
        tuple(api for api, built in named if built),
        tuple(api for api, built in named if not built),
    )


async def put_on_trial(name: str) -> Report:
    """Run the acceptance suite over an installed adapter. No operator is called.

    Raises:
        Misconfigured: no such adapter, or one that cannot be put together.
    """
    return await verify(package_of(name))


def client_keys(name: str, file: Path) -> Mapping[str, object]:
    """The public half of our key for an operator, to hand in at onboarding; a key is made where there is no ``file``.

    Raises:
        Misconfigured: no such adapter, or the file cannot be written, or holds no key of the kind that it wants.
    """
    algorithm = load_manifest(package_of(name)).oauth.assertion_alg
    if not file.exists():
        _write_private(file, generate_signing_key(algorithm).as_pem(private=True))
    return public_jwks(import_signing_key(SecretRef(file=file).read(), algorithm, str(file)))


def _write_private(file: Path, content: bytes) -> None:
    """Defensive: for the owner alone from the first byte on, and never over something that came meanwhile."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as written:
            written.write(content)
    except OSError as error:
        raise Misconfigured(f"{file}: cannot be written; name a file in a folder of yours") from error


class LiveTrial(msgspec.Struct, frozen=True):
    """What a trial on real operators needs: the folder of operator files, a number that one may ask about, and why."""

    operators: Path
    phone: PhoneNumber
    purpose: str
    clock: Clock


async def put_on_live_trial(name: str, trial: LiveTrial) -> Sequence[Result]:
    """Ask every operator of this deployment that uses the adapter. This costs what the operator charges.

    Raises:
        Misconfigured: no operator of this deployment uses the adapter, or its file or credentials are wrong.
    """
    ours = {key: one for key, one in load_operators(trial.operators).items() if one.adapter == name}
    if not ours:
        raise Misconfigured(f"{trial.operators}: no operator file names adapter = {name!r}; write one")
    results: list[Result] = []
    for operator, settings in ours.items():
        adapter = open_adapter(operator, settings, Surroundings(trial.clock, random.SystemRandom()))
        try:
            results += await try_live(adapter, trial.phone, trial.purpose, trial.clock, lambda: str(uuid.uuid4()))
        finally:
            await adapter.aclose()
    return results


def start(name: str, folder: Path) -> Sequence[Path]:
    """Write a package of its own for a new adapter into ``folder``, which must not be there yet; its files.

    Raises:
        Misconfigured: the name cannot be one, or is taken by an installed adapter.
        Conflict: the folder is there.
    """
    if _NAME.fullmatch(name) is None:
        raise Misconfigured(f"{name!r} cannot name an adapter; use small letters, digits and '_', a letter first")
    if name in {point.name for point in entry_points(group="broker.adapters")}:
        raise Misconfigured(f"an adapter {name!r} is installed already; choose another name")
    if folder.exists():
        raise Conflict(f"{folder} is there already; choose another folder, or remove it")
    written = []
    for path, text in new_adapter.files(name).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        written.append(target)
    return written
