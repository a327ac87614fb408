"""The file that says by when people are owed an answer."""

from pathlib import Path

import pytest

from broker.bootstrap.files import rights_terms
from broker.errors import Misconfigured
from broker.rights.terms import GDPR, Span, Term

SHIPPED = Path(__file__).parents[3] / "config" / "rights.toml"


def test_the_shipped_file_says_what_the_laws_say() -> None:
    terms = rights_terms(SHIPPED)
    assert (terms.of("ES"), terms.of(None)) == (GDPR, GDPR)
    assert terms.of("BR") == Term(Span(days=15))
    assert terms.of("US") == Term(Span(days=45), Span(days=45))


def test_without_a_file_it_is_as_the_gdpr_has_it(tmp_path: Path) -> None:
    assert rights_terms(tmp_path / "rights.toml").of("ES") == GDPR


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[Spain]\nanswer = { months = 1 }", "'Spain' is no country"),
        ("[ES]\nextension = { months = 1 }", "answer"),
        ("[ES]\nanswer = 30", "[ES]"),
        ("[ES]\nanswer = { weeks = 4 }", "[ES]"),
        ("[ES]\nanswer = { days = 0 }", "a time is"),
        ("[ES]\nanswer = { days = -1 }", "a time is"),
        ('[ES]\nanswer = { days = "30" }', "[ES]"),
        ("[ES]\nanswer = { days = 30 }\nmore = 1", "[ES]"),
        ("[ES", "not TOML"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "rights.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(Misconfigured) as refused:
        rights_terms(file)
    assert told in str(refused.value)
    assert str(file) in str(refused.value)
