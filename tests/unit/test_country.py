import pytest

from broker.domain.phone import PhoneNumber
from broker.routing.country import country_of


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+34600000101", "ES"),
        ("+4915112345678", "DE"),
        ("+12125550123", "US"),
        ("+14165550123", "CA"),
        ("+99912345", None),
    ],
)
def test_a_number_tells_its_country_or_none(number: str, country: str | None) -> None:
    assert country_of(PhoneNumber.parse(number)) == country
