"""``trust-broker disclosure``: grant that personal data is told in clear, take it back, order it."""

from typing import Annotated, Any

import typer

from broker.surfaces.cli.remote import AsJson, Key, Url, call, part, tell

app = typer.Typer(no_args_is_help=True)
Number = Annotated[str, typer.Argument(help="Whose, as +34600000101")]
Purpose = Annotated[str, typer.Option(help="What for")]
_USUAL = "FraudPreventionAndDetection"
_GRANTS = "/v1/disclosures/grants"


@app.command()
def grant(
    kind: Annotated[str, typer.Argument(help="location_area or identity_record")],
    reason: Annotated[str, typer.Option(help="Why your back ends need it")],
    expires: Annotated[str, typer.Option(help="An instant with zone, a year away at most")],
    purpose: Purpose = _USUAL,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Grant it for one purpose; takes a key with tenant:admin."""
    sent = {"disclosure": kind, "purpose": purpose, "reason": reason, "expiresAt": expires}
    found = call(url, key, "POST", _GRANTS, sent)
    tell(found, [_line(found)], as_json=as_json)


@app.command("list")
def list_grants(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List what was granted by whom, latest first."""
    found = call(url, key, "GET", _GRANTS)
    tell(found, [_line(one) for one in found["grants"]], as_json=as_json)


@app.command()
def withdraw(grant_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Take a grant back; effective with the next order."""
    found = call(url, key, "POST", f"{_GRANTS}/{part(grant_id)}/withdraw")
    tell(found, [_line(found)], as_json=as_json)


@app.command()
def locate(
    number: Number,
    purpose: Purpose = _USUAL,
    max_age: Annotated[int, typer.Option(help="Seconds since the network saw the device")] = 60,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Where a device is; takes a key with disclosure:order, a grant and a consent."""
    sent = {"phoneNumber": number, "purpose": purpose, "maxAgeS": max_age}
    found = call(url, key, "POST", "/v1/disclosures/location", sent)
    tell(found, _told(found), as_json=as_json)


@app.command()
def identify(
    number: Number,
    attribute: Annotated[list[str], typer.Option(help="Such as name or birthdate; repeat for several")],
    purpose: Purpose = _USUAL,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """What an operator has on file; takes a key with disclosure:order, a grant and a consent."""
    sent = {"phoneNumber": number, "purpose": purpose, "attributes": attribute}
    found = call(url, key, "POST", "/v1/disclosures/identity", sent)
    tell(found, _told(found), as_json=as_json)


def _line(one: dict[str, Any]) -> str:
    state = "stands" if one["stands"] else "withdrawn" if "withdrawnAt" in one else "over"
    what = f"{one['disclosure']} for {one['purpose']} until {one['expiresAt']}"
    return f"{one['id']}  {state}  {what}  ({one['grantedBy']}: {one['reason']})"


def _told(found: dict[str, Any]) -> list[str]:
    if not found["told"]:
        return [f"nothing was told: {found['reason']} {found.get('code', '')}".rstrip()]
    place = found.get("place")
    if place is None:
        return [f"{name}: {value}" for name, value in found["attributes"].items()] or ["nothing of this is on file"]
    points = ", ".join(f"{point['latitude']} {point['longitude']}" for point in place["points"])
    within = f" within {place['radiusM']:g} m" if "radiusM" in place else ""
    return [f"{points}{within}, {place['ageS']:g} s ago"]
