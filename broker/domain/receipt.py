"""Why a receipt cannot be used."""

from enum import StrEnum


class ReceiptFault(StrEnum):
    """The code that whoever wanted to use a receipt is told."""

    FORGED = "RECEIPT_FORGED"
    """No receipt, or not signed by this broker with a key that is still good."""
    EXPIRED = "RECEIPT_EXPIRED"
    FOREIGN = "RECEIPT_FOREIGN"
    """It is for another tenant."""
    NOT_ALLOWED = "RECEIPT_NOT_ALLOWED"
    """Something else than *allow* was decided."""
    OTHER_ACTION = "RECEIPT_OTHER_ACTION"
    """What is about to be done is not what it was given for."""
    UNRECORDED = "RECEIPT_UNRECORDED"
    """The database knows nothing of it: it may have been put back to an earlier day."""
    SUPERSEDED = "RECEIPT_SUPERSEDED"
    """The check was settled again."""
    REVOKED = "RECEIPT_REVOKED"
    """It was taken back, or what it permits was stopped after it was given."""
    CONSUMED = "RECEIPT_CONSUMED"
