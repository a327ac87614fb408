"""``trust-broker policy``: what changes a running broker, with the key of the person who does it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.errors import Misconfigured
from broker.surfaces.cli.remote import EXIT_REFUSED, AsJson, Key, Url, call, part, tell

File = Annotated[Path, typer.Argument(help="A policy document")]


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
    found = call(url, key, "GET", "/v1/policies")
    lines = [f"{one['id']}  in force {one['inForce']}  {len(one['versions'])} versions" for one in found["policies"]]
    tell(found, lines, as_json=as_json)


def publish(file: File, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Publish a version; where it is looser it waits for a second person."""
    found = call(url, key, "POST", "/v1/policies", {"document": _text(file)})
    changed = [f"  {one['direction']}  {one['where']}  {one['detail']}" for one in found.get("changes", ())]
    tell(found, [*changed, _change(found)], as_json=as_json)


def changes(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List publications and rollbacks, latest first."""
    found = call(url, key, "GET", "/v1/policies/changes")
    tell(found, [_change(one) for one in found["changes"]], as_json=as_json)


def approve(change_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Approve somebody else's looser version."""
    found = call(url, key, "POST", f"/v1/policies/changes/{part(change_id)}/approve")
    tell(found, [_change(found)], as_json=as_json)


def withdraw(change_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Give up a version that waits for approval."""
    found = call(url, key, "POST", f"/v1/policies/changes/{part(change_id)}/withdraw")
    tell(found, [_change(found)], as_json=as_json)


def rollback(policy: str, version: int, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Go back to an earlier version, by the rule of publishing."""
    found = call(url, key, "POST", f"/v1/policies/{part(policy)}/rollback", {"version": version})
    tell(found, [_change(found)], as_json=as_json)


def stop(
    kind: Annotated[str, typer.Argument(help="agent, action, policy or tenant")],
    value: Annotated[str, typer.Argument(help="Which one; nothing for the tenant")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the record")] = "stopped by hand",
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Halt an agent, an action type, a policy or the whole tenant on every node within a second."""
    found = call(url, key, "POST", "/v1/policies/stops", {"kind": kind, "value": value, "reason": reason})
    tell(found, [_stop(found)], as_json=as_json)


def stops(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List what is halted, then what was."""
    found = call(url, key, "GET", "/v1/policies/stops")
    tell(found, [_stop(one) for one in found["stops"]], as_json=as_json)


def resume(stop_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Let go on what somebody else stopped."""
    found = call(url, key, "POST", f"/v1/policies/stops/{part(stop_id)}/resume")
    tell(found, [_stop(found)], as_json=as_json)


def shadow(
    policy: Annotated[str, typer.Argument(help="The policy to run beside")],
    file: File,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Run a candidate beside live traffic."""
    found = call(url, key, "POST", f"/v1/policies/{part(policy)}/shadows", {"document": _text(file)})
    tell(found, [f"{found['id']}  runs beside {policy}"], as_json=as_json)


def shadow_report(
    shadow_id: str,
    end: Annotated[bool, typer.Option("--end", help="And end the run")] = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Say what a candidate beside live traffic would have changed so far."""
    path = f"/v1/policies/shadows/{part(shadow_id)}"
    found = call(url, key, "POST", f"{path}/end") if end else call(url, key, "GET", path)
    tell(found, told(found["trial"]), as_json=as_json)


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
    found = call(url, key, "POST", "/v1/policies:backtest", {"document": _text(file), "limit": limit, **period})
    tell(found, told(found), as_json=as_json)


def replay(check_id: str, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Decide a recorded check again. Exit 0 where it is identical to the last bit, else 1."""
    found = call(url, key, "POST", f"/v1/trust-checks/{part(check_id)}/replay")
    word = "identical" if found["identical"] else "NOT identical"
    tell(found, [f"{check_id}  {word}  {found['replayed']['decision']}"], as_json=as_json)
    raise typer.Exit(0 if found["identical"] else EXIT_REFUSED)


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


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read as text") from error
