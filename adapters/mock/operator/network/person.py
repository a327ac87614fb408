"""What an operator has on record about the holder of a contract (attributes of kyc-match 0.5.0)."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

DocumentType = Literal[
    "passport",
    "national_id_card",
    "residence_permit",
    "diplomatic_id",
    "driver_licence",
    "social_security_id",
    "other",
]
Gender = Literal["MALE", "FEMALE", "OTHER"]
Text = Annotated[str, Meta(min_length=1, max_length=200)]


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """The attributes on record; what is absent was never asked for at the counter."""

    id_document: Text | None = None
    id_document_type: DocumentType | None = None
    id_document_expiry_date: date | None = None
    bank_account_number: Text | None = None
    name: Text | None = None
    given_name: Text | None = None
    family_name: Text | None = None
    name_kana_hankaku: Text | None = None
    name_kana_zenkaku: Text | None = None
    middle_names: Text | None = None
    family_name_at_birth: Text | None = None
    address: Text | None = None
    street_name: Text | None = None
    street_number: Text | None = None
    postal_code: Text | None = None
    region: Text | None = None
    locality: Text | None = None
    country: Text | None = None
    house_number_extension: Text | None = None
    birthdate: date | None = None
    email: Text | None = None
    gender: Gender | None = None
    city_of_birth: Text | None = None
    country_of_birth: Text | None = None
    nationality: Text | None = None

    def __repr__(self) -> str:  # personal data, pretended or not, stays out of logs
        known = sum(getattr(self, name) is not None for name in self.__struct_fields__)
        return f"Person({known} attributes)"


def age_years(birthdate: date, today: date) -> int:
    """Completed years; who is born on 29 February has a birthday on 1 March in other years."""
    return today.year - birthdate.year - ((today.month, today.day) < (birthdate.month, birthdate.day))
