"""Look at policy documents before anybody uses them: are they sound, and how do two of them differ?"""

import hashlib
from collections import OrderedDict

import msgspec

from broker.errors import LineFault, Misconfigured
from broker.policy.beliefs import own_table
from broker.policy.compare import Ruled, compare
from broker.policy.compared import Difference, Direction
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.proving import require_proven
from broker.policy.yaml_text import YamlText

_TABLES_MAX = 1000


class Rulebook(msgspec.Struct, frozen=True):
    """What a document is judged by: the deployment's scenario table and purposes."""

    table: EvidenceTable
    table_text: str
    purposes: frozenset[str]
    table_digest: str = ""
    """The SHA-256 of the table's text, in hex; taken once, for every check names it."""
    own_tables: OrderedDict[str, EvidenceTable] = msgspec.field(default_factory=OrderedDict)
    """Tables of documents with beliefs of their own, by the document's digest."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "table_digest", hashlib.sha256(self.table_text.encode("utf-8")).hexdigest())

    def read(self, text: str, source: str) -> PolicyDocument:
        """A document whose worked examples come out as written.

        Raises:
            Misconfigured: with everything that is wrong, each with its line.
        """
        document = PolicyDocument.read(text, source=source, purposes=self.purposes)
        table = own_table(document, self.table, self.table_text, YamlText(text, source))
        require_proven(document, table)
        return document

    def ruled(self, document: PolicyDocument) -> Ruled:
        """A document with the table that it is decided by; derived once, for plans remember tables by identity.

        Raises:
            Misconfigured: the deployment's table changed, and the document's own beliefs do not go with it any more.
        """
        if document.evidence is None:
            return Ruled(document, self.table)
        found = self.own_tables.get(document.digest)
        if found is None:
            found = self.own_tables[document.digest] = own_table(document, self.table, self.table_text)
            while len(self.own_tables) > _TABLES_MAX:
                self.own_tables.popitem(last=False)
        return Ruled(document, found)

    def table_of(self, document: PolicyDocument) -> EvidenceTable:
        """The table that a document is decided by."""
        return self.ruled(document).table


class FaultView(msgspec.Struct, frozen=True):
    """One fault: a JSON pointer into the document, the line in its text (from 1), and what is wrong."""

    pointer: str
    line: int
    detail: str


class Examination(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether a document may be published as it is; ``id`` and ``version`` are told of a valid one."""

    valid: bool
    id: str | None = None
    version: int | None = None
    examples: int = 0
    faults: tuple[FaultView, ...] = ()


class ChangeView(msgspec.Struct, frozen=True):
    """One difference: where in the document, which way it goes, and what it is."""

    where: str
    direction: Direction
    detail: str


class DifferenceView(msgspec.Struct, frozen=True, rename="camel"):
    """What would change. ``needs_second_person`` holds for looser and unclear ones."""

    direction: Direction
    needs_second_person: bool
    changes: tuple[ChangeView, ...]


def examine(rulebook: Rulebook, text: str, source: str) -> Examination:
    """Whether a document may be published, with everything that speaks against it."""
    try:
        document = rulebook.read(text, source)
    except Misconfigured as error:
        faults = error.faults or (LineFault("", 1, str(error)),)
        return Examination(valid=False, faults=tuple(FaultView(*fault) for fault in faults))
    return Examination(valid=True, id=document.id, version=document.version, examples=len(document.examples))


def difference(rulebook: Rulebook, old: PolicyDocument, new: PolicyDocument) -> DifferenceView:
    """What changes if ``new`` takes the place of ``old``."""
    return shown(compare(rulebook.ruled(old), rulebook.ruled(new)))


def shown(found: Difference) -> DifferenceView:
    """A difference as callers see it."""
    changes = tuple(ChangeView(one.where, one.direction, one.detail) for one in found.changes)
    return DifferenceView(found.direction, found.needs_second_person, changes)
