"""``trust-broker review``: the queue of checks that wait for a human, with the key of the person who decides."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from broker.domain.review import ReviewState, Ruling, RulingCode
from broker.surfaces.cli.remote import AsJson, Key, Url, call, part, tell

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_reviews(
    state: Annotated[ReviewState | None, typer.Option(help="queued, claimed, decided or expired")] = None,
    action: Annotated[str | None, typer.Option(help="Of this type of action")] = None,
    after: Annotated[str | None, typer.Option(help="The `next` of the page before")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Reviews at most")] = 50,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List reviews, oldest first."""
    wanted = {"state": state and state.value, "actionType": action, "after": after, "limit": limit}
    query = urlencode({name: value for name, value in wanted.items() if value is not None})
    found = call(url, key, "GET", f"/v1/reviews?{query}")
    more = [f"more: --after {found['next']}"] if "next" in found else []
    tell(found, [*map(_line, found["reviews"]), *more], as_json=as_json)


@app.command()
def show(review_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Show a review with its evidence."""
    found = call(url, key, "GET", f"/v1/reviews/{part(review_id)}")
    tell(found, list(_told(found)), as_json=as_json)


@app.command()
def claim(review_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Take a review; nobody else can decide it until your lease is over."""
    found = call(url, key, "POST", f"/v1/reviews/{part(review_id)}/claim")
    tell(found, list(_told(found)), as_json=as_json)


@app.command()
def release(review_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Give a review back."""
    found = call(url, key, "POST", f"/v1/reviews/{part(review_id)}/release")
    tell(found, [_line(found)], as_json=as_json)


@app.command()
def decide(
    review_id: str,
    ruling: Annotated[Ruling, typer.Argument(help="approve or deny")],
    code: Annotated[RulingCode, typer.Option(help="Why, as a code")],
    reason: Annotated[str, typer.Option(help="Why, in your own words")],
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Decide a review that you have claimed. Once, and for good."""
    sent = {"ruling": ruling.value, "code": code.value, "reason": reason}
    found = call(url, key, "POST", f"/v1/reviews/{part(review_id)}/decide", sent)
    tell(found, [_line(found)], as_json=as_json)


def _line(one: Mapping[str, Any]) -> str:
    who = "/".join(name for name in (one["askedBy"], one.get("askedAgent")) if name)
    whose = f", claimed by {one['claimedBy']} until {one['claimedUntil']}" if one["state"] == "claimed" else ""
    came = f": {one['ruling']} {one['code']}" if "ruling" in one else f", until {one['expiresAt']}"
    return f"{one['id']}  {one['actionType']} ({one['actionClass']}) for {who}  {one['state']}{whose}{came}"


def _told(found: Mapping[str, Any]) -> Iterator[str]:
    """A review in lines: facts first, what the agent says for itself last."""
    yield _line(found)
    pack = found["evidence"]
    trust = f"trust {pack['trustBand']} {pack['trustScore']}"
    yield f"{pack['decision']}, {pack['verdict']}, {trust}, policy {pack['policy']}"
    for sentence in pack["words"]["sentences"]:
        yield f"  {sentence}"
    for one in pack["path"]:
        yield f"  {one['step']}: {one['code']}" + (f" -> {one['decision']}" if "decision" in one else "")
    for one in pack["signals"]:
        said = one.get("value") or one.get("reason") or one["state"]
        yield f"  {one['name']}: {said} ({one.get('contribution', 0.0):+.2f})"
    if pack.get("wouldChange"):
        change = pack["wouldChange"]
        yield f"  {change['decision']}, were {', '.join(change['signals'])} clean"
    for one in pack["history"]:
        turned_out = f", turned out {one['outcome']}" if "outcome" in one else ""
        yield f"  earlier: {one['at']} {one['actionType']} {one['decision']}{turned_out}"
    if "justification" in pack:
        yield "the agent says for itself, which nobody has checked:"
        for line in pack["justification"].splitlines():
            yield f"  | {line}"
