"""What the operator has on record for the runner: a person, somebody else, and two handsets."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

PERSON: Mapping[str, Any] = MappingProxyType(
    {
        "idDocument": "66666666Q",
        "idDocumentType": "passport",
        "idDocumentExpiryDate": "2041-07-12",
        "bankAccountNumber": "IBAN:ES9121000418450200051332",
        "name": "Federica Sanchez Arjona",
        "givenName": "Federica",
        "familyName": "Sanchez Arjona",
        "nameKanaHankaku": "federica",
        "nameKanaZenkaku": "Ｆｅｄｅｒｉｃａ",
        "middleNames": "Sanchez",
        "familyNameAtBirth": "Aragones",
        "address": "Tokyo-to Chiyoda-ku Iidabashi 3-10-10",
        "streetName": "Nicolas Salmeron",
        "streetNumber": "4",
        "postalCode": "1028460",
        "region": "Tokyo",
        "locality": "ZZZZ",
        "country": "JP",
        "houseNumberExtension": "VI",
        "birthdate": "1978-08-22",
        "email": "abc@example.com",
        "gender": "FEMALE",
        "cityOfBirth": "Madrid",
        "countryOfBirth": "ES",
        "nationality": "ES",
    }
)
STRANGER: Mapping[str, Any] = MappingProxyType(
    {
        "idDocument": "99999999X",
        "idDocumentType": "driver_licence",
        "idDocumentExpiryDate": "2032-01-31",
        "bankAccountNumber": "IBAN:DE89370400440532013000",
        "name": "Bruno Wolf",
        "givenName": "Bruno",
        "familyName": "Wolf",
        "nameKanaHankaku": "bruno",
        "nameKanaZenkaku": "Ｂｒｕｎｏ",
        "middleNames": "Ulf",
        "familyNameAtBirth": "Huld",
        "address": "Vogelweide 9, Hull",
        "streetName": "Vogelweide",
        "streetNumber": "9",
        "postalCode": "33333",
        "region": "Hull",
        "locality": "Wyk",
        "country": "DE",
        "houseNumberExtension": "B",
        "birthdate": "1991-02-03",
        "email": "other.person@example.org",
        "gender": "MALE",
        "cityOfBirth": "Bonn",
        "countryOfBirth": "DE",
        "nationality": "DE",
    }
)
"""No attribute of this one is that of the person on record."""


@dataclass(frozen=True)
class Handset:
    """A device whose identifiers the tester knows."""

    imei: str
    model: str
    manufacturer: str

    def named(self, name: str) -> str:
        """``IMEI``, ``IMEISV``, ``TAC``, ``MODEL`` or ``MANUFACTURER``."""
        software_version = "02"
        return {
            "IMEI": self.imei,
            "IMEISV": self.imei[:-1] + software_version,
            "TAC": self.imei[:8],
            "MODEL": self.model,
            "MANUFACTURER": self.manufacturer,
        }[name]


HANDSETS: Mapping[str, Handset] = MappingProxyType(
    {
        "1": Handset("357100010000011", "Faro 3", "Pretend Phones"),
        "2": Handset("864200170000025", "Nube X", "Imaginary Devices"),
    }
)
"""``DEVICE1`` and ``DEVICE2`` of the files."""
