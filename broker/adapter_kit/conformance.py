"""The acceptance suite for adapters: plain functions over an adapter and an operator that follows a script.

    report = await verify("adapters.mock")
    print(report.text())
    assert report.passed

No test framework is needed. For one, :func:`all_checks` gives the list and :func:`run_check` runs one of them.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from broker.adapter_kit.manifest import ApiManifest, Manifest, load_manifest
from broker.adapter_kit.trial import answers, conduct, lines, orders, persons, prompts, signals, tokens
from broker.adapter_kit.trial.bench import Bench, Check, Failed, NotApplicable, Subject, subject_of
from broker.domain.signal import SignalName

Outcome = Literal["passed", "failed", "not_applicable"]


class Result(msgspec.Struct, frozen=True):
    """What became of one check. ``detail`` says what went wrong, or why the check says nothing here."""

    id: str
    group: str
    says: str
    outcome: Outcome
    detail: str = ""


class Report(msgspec.Struct, frozen=True):
    """What became of all of them. It holds no number, no token and no text of an operator."""

    adapter: str
    title: str
    asked_today: tuple[str, ...]
    declared_only: tuple[str, ...]
    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed. An adapter that can ask nothing passes when it is honest about that."""
        return not any(result.outcome == "failed" for result in self.results)

    def counts(self) -> Counter[str]:
        """How many of each outcome."""
        return Counter(result.outcome for result in self.results)

    def json(self) -> bytes:
        """The report for machines: the members of this class, with ``passed`` and ``counts``."""
        document = {"passed": self.passed, "counts": dict(self.counts()), **msgspec.structs.asdict(self)}
        return msgspec.json.format(msgspec.json.encode(document))

    def text(self) -> str:
        """The report for people: one line a group, then every failure."""
        groups = dict.fromkeys(result.group for result in self.results)
        lines = [f"{self.adapter}: {self.title}"]
        lines += [f"  asked today:   {', '.join(self.asked_today) or 'nothing'}"]
        lines += [f"  declared only: {', '.join(self.declared_only)}"] if self.declared_only else []
        for group in groups:
            found = Counter(result.outcome for result in self.results if result.group == group)
            lines.append(
                f"  {group:<12} {found['passed']:>4} passed {found['failed']:>4} failed"
                f" {found['not_applicable']:>4} not applicable"
            )
        failed = [result for result in self.results if result.outcome == "failed"]
        lines += [f"  FAILED {result.id}: {result.says}\n         {result.detail}" for result in failed]
        total = self.counts()
        lines.append(
            f"{'PASSED' if self.passed else 'FAILED'}: {total['passed']} passed, {total['failed']} failed,"
            f" {total['not_applicable']} not applicable"
        )
        return "\n".join(lines)


def all_checks() -> Sequence[Check]:
    """Every check there is, in the order of the report."""
    names = tuple(SignalName)
    meant = [*signals.checks(names), *lines.checks(), *orders.checks(), *prompts.checks()]
    return [*answers.checks(), *tokens.checks(), *persons.checks(), *meant, *conduct.checks(names)]


async def run_check(check: Check, subject: Subject) -> Result:
    """Run one check on an adapter of its own. Whatever an adapter raises is a failure of the check and no more."""
    bench: Bench | None = None
    try:
        bench = Bench(subject)
        await check.run(bench)
    except NotApplicable as reason:
        return Result(check.id, check.group, check.says, "not_applicable", str(reason))
    except Failed as failure:
        return Result(check.id, check.group, check.says, "failed", str(failure))
    except Exception as error:  # noqa: BLE001 - the adapter is on trial; its exceptions are findings
        # Defensive: the message of an adapter's exception may quote what it was asked about.
        return Result(check.id, check.group, check.says, "failed", f"raised {type(error).__name__}")
    finally:
        if bench is not None:
            await bench.adapter.aclose()
    return Result(check.id, check.group, check.says, "passed")


async def verify(package: str, manifest: Manifest | None = None) -> Report:
    """Run every check over the adapter that ``package`` holds, or over its code with another manifest.

    Raises:
        Misconfigured: the manifest cannot be read, or the adapter cannot be put together at all.
    """
    manifest = manifest or load_manifest(package)
    with subject_of(package, manifest) as subject:
        Bench(subject)
        results = [await run_check(check, subject) for check in all_checks()]
    asked = tuple(_named(one) for one in manifest.apis if manifest.built(one))
    declared = tuple(_named(one) for one in manifest.apis if not manifest.built(one))
    return Report(manifest.name, manifest.title, asked, declared, tuple(results))


def _named(capability: ApiManifest) -> str:
    return f"{capability.api} {capability.version} ({capability.flow})"
