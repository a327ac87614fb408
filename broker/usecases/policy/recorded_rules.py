"""The rules that a recorded check was decided by, whatever is in force now."""

from broker.domain.record import Check
from broker.errors import Conflict, NotFound
from broker.policy.beliefs import own_table
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.storage.policy_store import PolicyStore
from broker.usecases.policy.examine_policy import Rulebook

_TABLES_MAX = 8


class RecordedRules:
    """Documents and tables by the digests that checks name."""

    def __init__(self, policies: PolicyStore, rulebook: Rulebook) -> None:
        self._policies = policies
        self._tables: dict[str, tuple[EvidenceTable, str]] = {
            rulebook.table_digest: (rulebook.table, rulebook.table_text)
        }

    async def __call__(self, check: Check) -> tuple[PolicyDocument, EvidenceTable]:
        """Document and table of a check; what the document puts in place of entries of the table is in it.

        Raises:
            Conflict: it was recorded before rules were kept.
            NotFound: they are not kept any more.
        """
        if not check.policy_digest or not check.table_digest:
            raise Conflict("this check was recorded before rules were kept beside it")
        wanted = [bytes.fromhex(one) for one in (check.policy_digest, check.table_digest)]
        texts = await self._policies.texts(check.tenant, wanted)
        if len(texts) < len(wanted):
            raise NotFound("the rules of this check are not kept")
        document = PolicyDocument.read(texts[wanted[0]], source="stored policy")
        found = self._tables.get(check.table_digest)
        if found is None:
            if len(self._tables) >= _TABLES_MAX:
                self._tables.pop(next(iter(self._tables)))
            text = texts[wanted[1]]
            found = self._tables[check.table_digest] = EvidenceTable.read(text, source="stored table"), text
        return document, own_table(document, *found)
