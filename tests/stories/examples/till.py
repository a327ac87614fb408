"""A tool as any shop may have it, and its way to tell a person something; both keep what they did for a test."""

from broker.client.guards import Prompt, held_receipt

paid: list[tuple[str, str]] = []
receipts: list[str | None] = []
shown: list[Prompt] = []


def pay(iban: str, eur: str) -> str:
    """Pay an amount in euros to an account."""
    paid.append((iban, eur))
    receipts.append(held_receipt())
    return f"paid {eur} EUR to {iban}"


def show(prompt: Prompt) -> None:
    """Tell the person, past the model, how they can go on."""
    shown.append(prompt)
