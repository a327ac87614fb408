"""What the files of a configuration folder say."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from broker.adapter_kit.deployment import OperatorSettings
from broker.audit.signing_key import SigningKey
from broker.consent.gate import ConsentGate, Depth, LegalBasis, Purpose, Rule, depth_of
from broker.consent.ledger import PLACES
from broker.domain.instrument import Category, InstrumentName, category
from broker.errors import Misconfigured
from broker.policy.book import PolicyBook
from broker.rights.terms import GDPR, Span, Term, Terms
from broker.routing.telco_finder import FinderSettings
from broker.usecases.policy.examine_policy import Rulebook
from broker.usecases.policy.policies_in_force import Seed
from broker.usecases.privacy.open_keys import open_signing_key


def client_keys(operators: Mapping[str, OperatorSettings], finder: FinderSettings | None) -> tuple[SigningKey, ...]:
    """The keys of our client assertions, one for each operator; made on first start where a file is named."""
    refs = [settings.client_key for settings in operators.values()]
    if finder is not None:
        refs.append(finder.client_key)
    files = dict.fromkeys(ref.file for ref in refs if ref is not None and ref.file is not None)
    return tuple(open_signing_key(file) for file in files)


def secret_files(
    keys: Path, operators: Mapping[str, OperatorSettings], finder: FinderSettings | None
) -> dict[str, Path]:
    """Every file of a secret by what it is for. Operators may share the key of our assertions, and nothing else."""
    uses = {
        "the root key": keys / "root.key",
        "the root key of the vault": keys / "vault.keys",
        "the keys of receipts": keys / "receipts.ring",
        "the key of receipts of before": keys / "receipts.pem",
        "the key of the log": keys / "log.pem",
        "the key of access tokens": keys / "tokens.pem",
    }
    for name, settings in operators.items():
        for kind in ("client_secret", "api_key"):
            ref = getattr(settings, kind)
            if ref is not None and ref.file is not None:
                uses[f"{kind} of {name}"] = ref.file
    signing = [settings.client_key for settings in operators.values()]
    signing.append(finder.client_key if finder is not None else None)
    files = {ref.file.resolve() for ref in signing if ref is not None and ref.file is not None}
    return uses | {f"a client_key ({file.name})": file for file in files}


def consent_gate(path: Path) -> ConsentGate:
    """The purposes that signals may be asked for, from ``purposes.toml``."""
    purposes = {}
    for name, entries in _toml(path).items():
        try:
            rules = {category(named): _rule(category(named), cell) for named, cell in entries.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Misconfigured(f"{path}: [{name}]: {error}; what a cell may say stands in the file's head") from error
        if not rules:
            raise Misconfigured(
                f"{path}: [{name}] names no signal, so nothing could be asked for it: name some, or remove it"
            )
        purposes[name] = Purpose(name, rules)
    if not purposes:
        raise Misconfigured(
            f"{path}: no purpose, so nothing could be asked of anybody: add one, such as [FraudPreventionAndDetection]"
        )
    return ConsentGate(purposes)


def _rule(named: Category, cell: Any) -> Rule:
    """One cell of the matrix: a basis, or a table of basis, depth, basis_in and not_in."""
    told: dict[str, Any] = {"basis": cell} if isinstance(cell, str) else dict(cell)
    rule = Rule(
        basis=LegalBasis(told.pop("basis")),
        depth=Depth[str(told.pop("depth", "reveal")).upper()],
        elsewhere={_country(name): LegalBasis(basis) for name, basis in told.pop("basis_in", {}).items()},
        barred=frozenset(map(_country, told.pop("not_in", []))),
    )
    if named is InstrumentName.CONSENT_STATUS:
        raise ValueError(f"{named} is asked wherever a consent is needed, and takes no cell: leave it out")
    if told:
        raise ValueError(f"{named}: unknown {', '.join(sorted(told))}; a cell has basis, depth, basis_in and not_in")
    if depth_of(named) > rule.depth:
        raise ValueError(f"{named} reveals something, so with depth confirm it could never be asked: leave it out")
    if named in PLACES and {rule.basis, *rule.elsewhere.values()} != {LegalBasis.CONSENT}:
        raise ValueError(f"{named} tells where somebody is, which takes consent (ePrivacy Art. 9): write consent")
    return rule


def _country(name: str) -> str:
    if not (len(name) == len("ES") and name.isascii() and name.isalpha() and name.isupper()):
        raise ValueError(f"{name!r} is no country: write ISO 3166-1 alpha-2, such as ES")
    return name


def rights_terms(path: Path) -> Terms:
    """By when people are owed an answer, from ``rights.toml``; without the file, as the GDPR has it."""
    if not path.is_file():
        return Terms()
    terms = {}
    for name, entry in _toml(path).items():
        try:
            country = name if name == "default" else _country(name)
            terms[country] = Term(**{key: _span(span) for key, span in entry.items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise Misconfigured(
                f"{path}: [{name}]: {error}; write answer and extension as in the file shipped"
            ) from error
    return Terms(terms.pop("default", GDPR), terms)


def _span(entry: Mapping[str, int]) -> Span:
    span = Span(**entry)
    if span == Span() or min(span.months, span.days) < 0:
        raise ValueError("a time is { months = 1 } or { days = 45 }")
    return span


def policy_seeds(folder: Path, rulebook: Rulebook) -> tuple[Seed, ...]:
    """The policy documents that every tenant starts with; clashing ones are refused."""
    texts = [(path, text_of(path)) for path in _policy_files(folder)]
    seeds = tuple(Seed(rulebook.read(text, str(path)), text) for path, text in texts)
    PolicyBook(seed.document for seed in seeds)  # refuses what clashes
    return seeds


def _policy_files(folder: Path) -> list[Path]:
    """The policy documents of a folder.

    Defensive: ``payment.yml`` would be left out without a word, and with it whatever it made stricter.
    """
    if not folder.is_dir():
        raise Misconfigured(f"{folder}: no such folder; it holds the policy documents")
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in paths:
        if path.suffix != ".yaml" or not path.is_file():
            raise Misconfigured(
                f"{path}: policy documents are files that end in .yaml; rename it, or move it elsewhere"
            )
    return paths


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text_of(path))
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path}: not TOML: {error}") from error


def text_of(path: Path) -> str:
    """The text of a file of the configuration."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read as text") from error
