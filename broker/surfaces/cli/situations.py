"""The situations that the demo's agent runs into. The numbers are the pretend operators' magic numbers."""

from typing import NamedTuple

MADRID = (40.4168, -3.7038, 5000.0)
LONDON = (51.5074, -0.1278, 5000.0)
VIENNA = (48.2082, 16.3738, 5000.0)
_HOMES = {"+44": LONDON, "+99": VIENNA}


class Situation(NamedTuple):
    """One thing that an agent wants to do for somebody. ``operator_down`` stops the number's operator first.

    ``home`` is where the person lives, unless it is where the number's prefix comes from.
    """

    title: str
    number: str
    action: str
    amount: tuple[str, str] | None = None
    attributes: tuple[tuple[str, bool], ...] = ()
    with_token: bool = False
    operator_down: bool = False
    home: tuple[float, float, float] | None = None

    @property
    def place(self) -> tuple[float, float, float]:
        """Where the person says they are: where the operator's subscribers live."""
        return self.home or _HOMES.get(self.number[:3], MADRID)

    @property
    def operator_token(self) -> str | None:
        """The pretend operators take this form for a token that the person's device fetched."""
        return f"ot-{self.number.removeprefix('+')}" if self.with_token else None


SITUATIONS = (
    Situation("steady subscriber", "+34600000101", "payment.transfer", ("950.00", "EUR"), with_token=True),
    Situation("SIM swapped 3 hours ago", "+34600000102", "payment.transfer", ("950.00", "EUR")),
    Situation("SIM swapped 3 days ago, small amount", "+34600000103", "payment.transfer", ("20.00", "EUR")),
    Situation("SIM swapped 3 days ago, larger amount", "+34600000103", "payment.transfer", ("950.00", "EUR")),
    Situation("location does not fit", "+34600000104", "payment.transfer", ("950.00", "EUR")),
    Situation(
        "location does not fit, new payee",
        "+34600000104",
        "payment.transfer",
        ("950.00", "EUR"),
        attributes=(("newPayee", True),),
    ),
    Situation("phone answers for another number", "+34600000111", "credential.reset", with_token=True),
    Situation("agent orders a new SIM", "+34600000128", "sim.order", with_token=True),
    Situation("number of nobody", "+34600000404", "credential.reset"),
    Situation("steady, at the older operator", "+447700000101", "payment.transfer", ("950.00", "EUR")),
    Situation("ported to the older operator", "+34600000141", "payment.transfer", ("950.00", "EUR"), home=LONDON),
    Situation("steady, at an operator with its own habits", "+999000000101", "payment.transfer", ("950.00", "EUR")),
    Situation("SIM swapped 3 hours ago, at the same", "+999000000102", "payment.transfer", ("950.00", "EUR")),
    Situation("operator down", "+447700000101", "payment.transfer", ("950.00", "EUR"), operator_down=True),
)
