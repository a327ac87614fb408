"""Mutants of tables: what stands outside functions, where mutmut does not look. The floors of the gates stand there.

One change each: an outcome by its neighbour, a number by the next, an entry of a set, tuple or dictionary left out.
"""

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

_OUTCOMES = ("ALLOW", "STEP_UP", "REVIEW", "DENY")
_ENUMS = frozenset({"Enum", "IntEnum", "StrEnum"})


class TableMutant(NamedTuple):
    """A module with one entry changed: which table, what it was, what it is instead, and the whole text."""

    table: str
    was: str
    instead: str
    text: str


def mutants(text: str) -> Iterator[TableMutant]:
    """Every mutant of the tables in a module's text."""
    for at, statement in enumerate(_tables(ast.parse(text))):
        for place, node in enumerate(_values(statement.value)):
            for which, _ in enumerate(_changes(node)):
                yield _mutant(text, at, place, which)


def _mutant(text: str, at: int, place: int, which: int) -> TableMutant:
    tree = ast.parse(text)
    statement = list(_tables(tree))[at]
    node = list(_values(statement.value))[place]
    before = ast.unparse(node)
    _changes(node)[which]()
    return TableMutant(ast.unparse(_target(statement)), before, ast.unparse(node) or "nothing", ast.unparse(tree))


def _tables(tree: ast.Module) -> Iterator[ast.Assign | ast.AnnAssign]:
    for statement in tree.body:
        inside = statement.body if isinstance(statement, ast.ClassDef) and not _is_enum(statement) else [statement]
        for one in inside:
            if isinstance(one, ast.Assign | ast.AnnAssign) and one.value is not None:
                yield one


def _values(node: ast.AST | None) -> Iterator[ast.AST]:
    """A value and all in it; not the subscripts, which are types."""
    if node is None or isinstance(node, ast.Subscript):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _values(child)


def _is_enum(one: ast.ClassDef) -> bool:
    return any(ast.unparse(base) in _ENUMS for base in one.bases)


def _target(statement: ast.Assign | ast.AnnAssign) -> ast.expr:
    return statement.targets[0] if isinstance(statement, ast.Assign) else statement.target


def _changes(node: ast.AST) -> list[Callable[[], None]]:
    """What can be done to a node, each in place."""
    match node:
        case ast.Attribute(value=ast.Name(id="Outcome"), attr=name) if name in _OUTCOMES:
            at = _OUTCOMES.index(name)
            neighbours = [*_OUTCOMES[max(at - 1, 0) : at], *_OUTCOMES[at + 1 : at + 2]]
            return [partial(setattr, node, "attr", other) for other in neighbours]
        case ast.Constant(value=bool()):
            return []
        case ast.Constant(value=int() | float() as value):
            return [partial(setattr, node, "value", value + 1)]
        case ast.Set(elts=found) | ast.Tuple(elts=found, ctx=ast.Load()) if len(found) > 1:
            return [partial(_drop, at, found) for at in range(len(found))]
        case ast.Dict(keys=keys, values=values):
            return [partial(_drop, at, keys, values) for at in range(len(keys))]
    return []


def _drop(at: int, *lists: list[Any]) -> None:
    for one in lists:
        del one[at]
