"""``trust-broker policy``: what changes a running broker, with the key of the person who does it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console

from broker.client import ClientError, TrustBroker
from broker.errors import Misconfigured
from broker.surfaces.cli.check import KEY_VARIABLE, URL_VARIABLE, credentials

Url = Annotated[str | None, typer.Option(envvar=URL_VARIABLE, help="The broker")]
Key = Annotated[str | None, typer.Option(envvar=KEY_VARIABLE, help="A key of the broker, of a person")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as it came")]
File = Annotated[Path, typer.Argument(help="A policy document")]
_EXIT_REFUSED = 1


def add_to(group: typer.Typer) -> None:
    """Add the commands to a group."""
    for name, command in (
        ("list", list_policies),
        ("publish", publish),
        ("changes", changes),
        ("approve", approve),
        ("withdraw", withdraw),
        ("rollback", rollback),
        ("stop", stop),
        ("stops", stops),
        ("resume", resume),
        ("shadow", shadow),
        ("shadow-report", shadow_report),
        ("backtest", backtest),
        ("replay", replay),
    ):
        group.command(name)(command)


def list_policies(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List policies with the versions in force."""
    found = _call(url, key, "GET", "/v1/policies")
    lines = [f"{one['id']}  in force {one['inForce']}  {len(one['versions'])} versions" for one in found["policies"]]
    _tell(found, lines, as_json=as_json)


def publish(file: File, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Publish a version; where it is looser it waits for a second person."""
    found = _call(url, key, "POST", "/v1/policies", {"document": _text(file)})
    changed = [f"  {one['direction']}  {one['where']}  {one['detail']}" for one in found.get("changes", ())]
    _tell(found, [*changed, _change(found)], as_json=as_json)


def changes(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List publications and rollbacks, latest first."""
    found = _call(url, key, "GET", "/v1/policies/changes")
    _tell(found, [_change(one) for one in found["changes"]], as_json=as_json)


def approve(change_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Approve somebody else's looser version."""
    found = _call(url, key, "POST", f"/v1/policies/changes/{_part(change_id)}/approve")
    _tell(found, [_change(found)], as_json=as_json)


def withdraw(change_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Give up a version that waits for approval."""
    found = _call(url, key, "POST", f"/v1/policies/changes/{_part(change_id)}/withdraw")
    _tell(found, [_change(found)], as_json=as_json)


def rollback(policy: str, version: int, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Go back to an earlier version, by the rule of publishing."""
    found = _call(url, key, "POST", f"/v1/policies/{_part(policy)}/rollback", {"version": version})
    _tell(found, [_change(found)], as_json=as_json)


def stop(
    kind: Annotated[str, typer.Argument(help="agent, action, policy or tenant")],
    value: Annotated[str, typer.Argument(help="Which one; nothing for the tenant")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the record")] = "stopped by hand",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Halt an agent, an action type, a policy or the whole tenant on every node within a second."""
    found = _call(url, key, "POST", "/v1/policies/stops", {"kind": kind, "value": value, "reason": reason})
    _tell(found, [_stop(found)], as_json=as_json)


def stops(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List what is halted, then what was."""
    found = _call(url, key, "GET", "/v1/policies/stops")
    _tell(found, [_stop(one) for one in found["stops"]], as_json=as_json)


def resume(stop_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Let go on what somebody else stopped."""
    found = _call(url, key, "POST", f"/v1/policies/stops/{_part(stop_id)}/resume")
    _tell(found, [_stop(found)], as_json=as_json)


def shadow(
    policy: Annotated[str, typer.Argument(help="The policy to run beside")],
    file: File,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Run a candidate beside live traffic."""
    found = _call(url, key, "POST", f"/v1/policies/{_part(policy)}/shadows", {"document": _text(file)})
    _tell(found, [f"{found['id']}  runs beside {policy}"], as_json=as_json)


def shadow_report(
    shadow_id: str,
    end: Annotated[bool, typer.Option("--end", help="And end the run")] = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Say what a candidate beside live traffic would have changed so far."""
    path = f"/v1/policies/shadows/{_part(shadow_id)}"
    found = _call(url, key, "POST", f"{path}/end") if end else _call(url, key, "GET", path)
    _tell(found, told(found["trial"]), as_json=as_json)


def backtest(
    file: File,
    since: Annotated[str | None, typer.Option(help="From this instant on, RFC 3339 with zone")] = None,
    until: Annotated[str | None, typer.Option(help="Before this instant")] = None,
    limit: Annotated[int, typer.Option(min=1, max=20_000, help="Checks at most, the oldest first")] = 5000,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Decide recorded checks again under a candidate."""
    period = {name: at for name, at in (("since", since), ("until", until)) if at is not None}
    found = _call(url, key, "POST", "/v1/policies:backtest", {"document": _text(file), "limit": limit, **period})
    _tell(found, told(found), as_json=as_json)


def replay(check_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Decide a recorded check again. Exit 0 where it is identical to the last bit, else 1."""
    found = _call(url, key, "POST", f"/v1/trust-checks/{_part(check_id)}/replay")
    word = "identical" if found["identical"] else "NOT identical"
    _tell(found, [f"{check_id}  {word}  {found['replayed']['decision']}"], as_json=as_json)
    raise typer.Exit(0 if found["identical"] else _EXIT_REFUSED)


def told(trial: Mapping[str, Any]) -> list[str]:
    """A trial in a few lines, for people."""
    share, sure = trial["changedShare"], trial["changedInterval"]
    moves = ", ".join(f"{count} {move}" for move, count in trial["moves"].items()) or "no decision changes"
    within = f"95 %: {sure['low']:.1%} to {sure['high']:.1%}"
    lines = [
        f"{trial['checks']} checks under {trial['policy']}: {moves}",
        f"changed {share:.1%} ({within}): {trial['looser']} looser, {trial['stricter']} stricter",
        f"expected cost a check {trial['meanCost']:.4f}, change {trial['meanCostChange']:+.4f}{_interval(trial)}",
    ]
    for one in trial["affected"]:
        who = "/".join(part for part in (one["consumer"], one["agent"]) if part)
        moved = one["looser"] + one["stricter"]
        lines.append(f"affected: {who}, {one['actionType']}: {moved} of {one['checks']}")
    if trial["incomplete"]:
        lines.append(f"{trial['incomplete']} checks lack signals that the candidate wants: live it would know more")
    return lines


def _interval(trial: Mapping[str, Any]) -> str:
    sure = trial["costInterval"]
    return f" (95 %: {sure['low']:+.4f} to {sure['high']:+.4f})" if sure else " (too few checks for an interval)"


def _change(one: Mapping[str, Any]) -> str:
    when = f", in force from {one['effectiveAt']}" if "effectiveAt" in one else ""
    return (
        f"{one['id']}  {one['kind']} {one['policy']} version {one['version']}: {one['direction']}, {one['state']}{when}"
    )


def _stop(one: Mapping[str, Any]) -> str:
    state = f"resumed by {one['resumedBy']}" if "resumedBy" in one else "in force"
    return f"{one['id']}  {one['kind']} {one['value']}: {state} ({one['reason']})"


def _call(
    url: str | None, key: str | None, method: str, path: str, members: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    where = credentials(url, key)
    try:
        with TrustBroker(where.url, where.key, timeout_s=60) as broker:
            return broker.call(method, path, members)
    except ClientError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(_EXIT_REFUSED) from error


def _tell(found: Mapping[str, Any], lines: list[str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    console = Console(soft_wrap=True, highlight=False)
    for line in lines:
        console.print(line, markup=False)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read as text") from error


def _part(text: str) -> str:
    return quote(text, safe="")
