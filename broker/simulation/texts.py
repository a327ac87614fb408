"""The texts of a run, read: the world, the scenario table, policies, prices, and what follows from them alone."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec

from broker.domain.cost import Tariff
from broker.domain.decision import ActionClass
from broker.domain.signal import SignalName
from broker.errors import Misconfigured
from broker.policy.beliefs import own_table
from broker.policy.book import PolicyBook
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.proving import require_proven
from broker.policy.rules import ClassRules
from broker.policy.scenarios import STATES, TableFile
from broker.policy.waves import WaveMemory
from broker.policy.yaml_text import YamlText
from broker.simulation import parameters
from broker.simulation.parameters import Operator, WorldFile

_WAVES_MAX = 100_000


class PriceList(msgspec.Struct, frozen=True):
    """What one operator file says of prices and typical times."""

    name: str
    tariffs: tuple[tuple[SignalName, Tariff], ...]


class Inputs(msgspec.Struct, frozen=True):
    """The texts that a world and a policy are made from: ``(name, text)`` each, so that any process can read them.

    ``prices`` are those of the operator files that the world names.
    """

    world: tuple[str, str]
    table: tuple[str, str]
    policies: tuple[tuple[str, str], ...]
    prices: tuple[PriceList, ...] = ()


class Prepared(NamedTuple):
    """What follows from the texts alone, and the waves that were worked out: alike for whoever knows alike.

    Prices are in currency units for a question.
    """

    world: WorldFile
    scenarios: TableFile
    tables: dict[str, EvidenceTable]
    book: PolicyBook
    tariffs: Mapping[str, Mapping[SignalName, Tariff]]
    """By operator of the world."""
    currencies: Mapping[str, str]
    widened: Mapping[tuple[str, ActionClass], ClassRules]
    """The rules of each class of each document as if it wanted whatever can be weighed."""
    waves: WaveMemory


@lru_cache(maxsize=4)
def prepared(inputs: Inputs) -> Prepared:
    """Read everything; remembered, for compiling policies takes as long as playing a thousand questions.

    Raises:
        Misconfigured: a text that cannot be read, or that does not fit the others, with file, line and key.
    """
    world_name, world_text = inputs.world
    table_name, table_text = inputs.table
    world = parameters.read(world_text, source=world_name)
    table = EvidenceTable.read(table_text, source=table_name)
    tariffs = {one.name: _tariffs(one, inputs, world_name) for one in world.operators}
    documents = [_proven(text, name, table, table_text) for name, text in inputs.policies]
    book = PolicyBook(documents)
    return Prepared(
        world=world,
        scenarios=TableFile.model_validate(YamlText(table_text, table_name).value),
        tables={one.id: own_table(one, table, table_text) for one in documents},
        book=book,
        widened={
            (one.id, action_class): msgspec.structs.replace(rules, wanted=tuple(STATES))
            for one in book.documents.values()
            for action_class, rules in one.classes.items()
        },
        waves=WaveMemory(entries_max=_WAVES_MAX),
        tariffs=tariffs,
        currencies={name: next((one.currency for one in found.values()), "") for name, found in tariffs.items()},
    )


def _tariffs(operator: Operator, inputs: Inputs, world: str) -> Mapping[SignalName, Tariff]:
    if operator.priced_as is None:
        return {}
    for one in inputs.prices:
        if one.name == operator.priced_as:
            return dict(one.tariffs)
    there = ", ".join(one.name for one in inputs.prices) or "none"
    raise Misconfigured(
        f"{world}, key operators: {operator.name} is priced_as {operator.priced_as}, which is no file with prices in "
        f"the folder of operators; there are {there}"
    )


def _proven(text: str, name: str, table: EvidenceTable, table_text: str) -> PolicyDocument:
    document = PolicyDocument.read(text, source=name)
    require_proven(document, own_table(document, table, table_text, YamlText(text, name)))
    return document
