"""``trust-broker rights``: what people ask about their own data, with the key of a portal or of staff."""

from typing import Annotated, Any

import typer

from broker.surfaces.cli.remote import AsJson, Key, Url, call, part, tell
from broker.usecases.rights.report_holdings import as_text

app = typer.Typer(no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="Whose, as +34600000101")]
RequestId = Annotated[str, typer.Argument(metavar="REQUEST", help="The request, as srq_…")]
Reason = Annotated[str, typer.Option(help="Why, in your own words")]
_REQUESTS = "/v1/subjects/requests"


@app.command("open")
def open_request(  # noqa: PLR0913, PLR0917 - one parameter for each member
    number: Number,
    kind: Annotated[str, typer.Option(help="access, correction, dispute, erasure or objection")] = "access",
    check: Annotated[str | None, typer.Option(help="The check that a dispute or a correction is about")] = None,
    fact: Annotated[str | None, typer.Option(help="The fact that is wrong: a signal, or outcome")] = None,
    statement: Annotated[str, typer.Option(help="What the person says")] = "",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Take in what a person asks for."""
    sent: dict[str, Any] = {"phoneNumber": number, "statement": statement}
    sent |= {"checkId": check} if check else {}
    where = "/v1/disputes" if kind == "dispute" else _REQUESTS
    if kind != "dispute":
        sent |= {"kind": kind} | ({"fact": fact} if fact else {})
    found = call(url, key, "POST", where, sent)
    tell(found, [_line(found)], as_json=as_json)


@app.command("list")
def list_requests(
    state: Annotated[str, typer.Option(help="unproven, accepted, answered, refused or lapsed; all if left out")] = "",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List requests, the one that is due first at the head; overdue ones say so."""
    found = call(url, key, "GET", f"{_REQUESTS}?limit=200" + (f"&state={part(state)}" if state else ""))
    tell(found, [_line(one) for one in found["requests"]], as_json=as_json)


@app.command()
def show(request_id: RequestId, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Show a request with what people wrote."""
    found = call(url, key, "GET", f"{_REQUESTS}/{part(request_id)}/file")
    tell(found, [_line(found), as_text(found).rstrip()], as_json=as_json)


@app.command()
def prove(
    request_id: RequestId,
    number: Number,
    method: Annotated[str, typer.Option(help="network_auth, operator_token or sms_otp")] = "network_auth",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Start a challenge on the person's number."""
    found = call(url, key, "POST", f"{_REQUESTS}/{part(request_id)}/proof", {"phoneNumber": number, "method": method})
    told = f"open on the phone, over mobile data: {found['link']}" if "link" in found else "a code is on its way"
    tell(found, [f"{found['id']}: {told}"], as_json=as_json)


@app.command()
def code(
    request_id: RequestId,
    challenge: Annotated[str, typer.Argument(help="The challenge that prove has started")],
    typed: Annotated[str, typer.Argument(metavar="CODE", help="What the person typed")],
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Hand in the code that the person typed."""
    where = f"{_REQUESTS}/{part(request_id)}/proof/{part(challenge)}/answer"
    found = call(url, key, "POST", where, {"code": typed})
    tell(found, [f"{found['id']}: {found['status']}"], as_json=as_json)


@app.command()
def answer(request_id: RequestId, number: Number, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Do what a proven request asks for; an access request prints everything that is held, once."""
    found = call(url, key, "POST", f"{_REQUESTS}/{part(request_id)}/answer", {"phoneNumber": number})
    told = [as_text(found["holdings"]).rstrip()] if "holdings" in found else []
    tell(found, [_line(found["request"]), *told], as_json=as_json)


@app.command()
def vouch(request_id: RequestId, reason: Reason, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Say how you know that this is the person."""
    _changed(url, key, f"{_REQUESTS}/{part(request_id)}/vouch", {"reason": reason}, as_json=as_json)


@app.command()
def extend(request_id: RequestId, reason: Reason, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Take more time, once."""
    _changed(url, key, f"{_REQUESTS}/{part(request_id)}/extend", {"reason": reason}, as_json=as_json)


@app.command()
def refuse(
    request_id: RequestId,
    reason: Reason,
    code: Annotated[str, typer.Option(help="NOT_IDENTIFIED, UNFOUNDED, EXCESSIVE or LAW_REQUIRES_IT")],
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a request."""
    sent = {"code": code, "reason": reason}
    _changed(url, key, f"{_REQUESTS}/{part(request_id)}/refuse", sent, as_json=as_json)


@app.command()
def decide(
    request_id: RequestId,
    reason: Reason,
    upheld: Annotated[bool, typer.Option("--upheld/--rejected", help="Whether the person was right")],
    outcome: Annotated[str, typer.Option(help="What the check turned out to be: fraud, genuine")] = "unknown",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Decide a dispute or a correction that you had no part in."""
    sent = {"upheld": upheld, "outcome": outcome, "reason": reason}
    _changed(url, key, f"/v1/disputes/{part(request_id)}/decide", sent, as_json=as_json)


def _changed(url: str | None, key: str | None, where: str, sent: dict[str, Any], *, as_json: bool) -> None:
    found = call(url, key, "POST", where, sent)
    tell(found, [_line(found)], as_json=as_json)


def _line(one: dict[str, Any]) -> str:
    due = "OVERDUE" if one.get("overdue") else f"due {one['dueAt']}"
    ended = one.get("code") or due
    return f"{one['id']}  {one['kind']}  {one['state']}  {ended}" + (
        f"  about {one['about']}" if "about" in one else ""
    )
