"""What is mutated, how many mutants must die, and which tests may kill them."""

from typing import NamedTuple


class Subject(NamedTuple):
    """A module of ``broker/policy``; ``least`` is the share of its mutants that must be killed."""

    module: str
    least: float

    @property
    def path(self) -> str:
        """From the root of the project."""
        return f"broker/policy/{self.module}.py"


ALL, MOST = 1.0, 0.95

SUBJECTS = (
    # Gates, floors, fail mode, bands, the choice by cost, what stands from before: not one may survive.
    Subject("gates", ALL),
    Subject("facts", ALL),
    Subject("telling", ALL),
    Subject("rules", ALL),
    Subject("decide", ALL),
    Subject("costs", ALL),
    Subject("caution", ALL),
    Subject("revise", ALL),
    # The score, whose every weight comes from a table that a tenant may replace (scoring.md, section 12).
    Subject("score", MOST),
    Subject("grouping", MOST),
    Subject("tenure", MOST),
)

_FOLDER = "tests/unit/policy"
_FILES = (
    "facts",
    "rules",
    "gates",
    "decide",
    "holder",
    "tenure",
    "revise",
    "caution",
    "score",
    "weighing",
    "grouping",
    "ages",
    "evidence_table",
    "document",
    "counterfactual",
)
TESTS = tuple(f"{_FOLDER}/test_{name}.py" for name in _FILES)
"""The examples of these modules, which say in a second what is wrong; not the laws, which need thousands of cases."""

PYTEST = (
    *("-p", "tests.mutation.steady", "-p", "no:randomly", "-p", "no:xdist"),  # so that two runs try the same
    *("-m", "not proof", "-k", "not never_looser_as_fraud and not leaving_out"),
)
