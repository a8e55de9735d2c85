"""The first and the last lines that a run shows a person."""

import shlex
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.gates import Gate
from pipeline import tuning_table
from pipeline.board import duration
from pipeline.summary import FILE, Status, Summary

DATA_GATE = "DataGate"
SERVING_GATE = "ServingGate"
# Of these the passed checks are many: they are counted here, and told in the summary.
_COUNTED = {DATA_GATE: "the data", SERVING_GATE: "serving"}
REPORT = "report.html"
_WIDTH = 100
NOT_PUSHED: Mapping[Status, str] = {
    "not_blessed": "the model did not pass its thresholds",
    "not_servable": "the model did not pass the serving gate",
    "not_pushed": "the model passed its thresholds, but its base is untrained",
    "withdrawn": "this very model was withdrawn by `frostline rollback`",
}
UNTRAINED = "UNTRAINED: the base has random weights. This model tries the machinery only."


@dataclass(frozen=True)
class Advice:
    """What to do, and the command lines that do it; either may be empty."""

    text: str
    commands: Sequence[str]


def opening(log: Path) -> str:
    """Said before anything else."""
    return f"TensorFlow and TFX are loading; what they say goes to {log}\n"


def text(
    summary: Summary, work_dir: Path, *, has_report: bool = False, log: Sequence[str] = ()
) -> str:
    """How a run ended, why, and what to do next.

    Args:
      log: its last lines, where a step failed.
    """
    verdict = _tuned(summary) if summary.status == "tuned" else _verdict(summary)
    places = _places(summary, work_dir, has_report, log)
    return "\n".join(["", *verdict, *_checks(summary), *places]) + "\n"


def _verdict(summary: Summary) -> Iterator[str]:
    after = f"after {duration(summary.seconds)}"
    match summary.status:
        case "pushed" if summary.pushed:
            yield f"PUSHED {after}: {summary.pushed.path}"
        case status if status in NOT_PUSHED:
            yield f"NOT PUSHED {after}: {NOT_PUSHED[status]}"
        case "refused":
            yield f"REFUSED {after}: the data did not pass the data gate; nothing was trained"
        case "interrupted":
            yield f"INTERRUPTED {after}: run the same command again to go on"
        case _ if summary.error:
            where = f" in {summary.error.step}" if summary.error.step else ""
            yield f"FAILED{where} {after}: {without_traceback(summary.error.message)}"
    if summary.model["untrained"] and summary.status != "refused":
        yield UNTRAINED


def _tuned(summary: Summary) -> Iterator[str]:
    assert summary.tuning is not None, "a search that has ended has results"
    yield f"TUNED after {duration(summary.seconds)}: {tuning_table.told(summary.tuning)}"
    width = shutil.get_terminal_size((_WIDTH, 0)).columns
    yield from tuning_table.lines(summary.tuning, width=max(width, _WIDTH))


def _checks(summary: Summary) -> Iterator[str]:
    if quarantined := summary.data.get("quarantined"):
        reasons = ", ".join(f"{count} {reason}" for reason, count in quarantined.items())
        accepted, read = summary.data["accepted"], summary.data["read"]
        yield f"  data     {accepted} of {read} files are images; set aside: {reasons}"
    if summary.tuning and summary.status != "tuned":
        yield f"  tuned    {tuning_table.told(summary.tuning)}"
    yield from _counted(summary.gates, DATA_GATE)
    if reason := summary.data.get("accept_reason"):
        yield f"  accepted {reason}"
    for gate in summary.gates:
        if gate.step not in _COUNTED:
            yield f"  {'passed' if gate.passed else 'FAILED'}   {gate.sentence}"
    if summary.force_bless:
        yield f"  forced   {summary.force_bless}"
    yield from _counted(summary.gates, SERVING_GATE)


def _counted(gates: Sequence[Gate], step: str) -> Iterator[str]:
    """How many checks of a step were passed, and the failed ones with their worst files."""
    checks = [gate for gate in gates if gate.step == step]
    failed = [check for check in checks if not check.passed]
    if checks:
        passed = len(checks) - len(failed)
        yield f"  passed   {passed} of {len(checks)} checks of {_COUNTED[step]}"
    for check in failed:
        yield f"  FAILED   {check.check}: {check.sentence}"
        yield from (f"             {name}" for name in check.files)


def _places(
    summary: Summary, work_dir: Path, has_report: bool, log: Sequence[str]
) -> Iterator[str]:
    latest = work_dir / "latest"
    if has_report:
        yield f"  report   {latest / REPORT}"
    yield f"  summary  {latest / FILE}"
    yield f"  log      {summary.log}{', which ends with' if log else ''}"
    yield from (f"           | {line}" for line in log)
    for number, line in enumerate(_next(summary, work_dir)):
        yield f"{'' if number else '  next':11}{line}"


def _next(summary: Summary, work_dir: Path) -> Iterator[str]:
    for each in advice(summary, work_dir):
        yield from textwrap.wrap(each.text, _WIDTH - 11)
        yield from each.commands


def advice(summary: Summary, work_dir: Path) -> Iterator[Advice]:
    """What a person may do next, if anything is to be done."""
    again = shlex.join(summary.command)
    if summary.status == "refused":
        text = "mend the data, or move a bound (--set gate...), or take them as they are:"
        yield Advice(text, [f'{again} --accept-data "why they are fine"'])
    if summary.status == "not_servable":
        yield Advice(
            "mend the model, or move a bound (--set serving_gate...) and run again:", [again]
        )
    if summary.status == "not_blessed":
        text = (
            "mend the data or the settings, move a bound (--set evaluate...), or push the model as "
            "it is:"
        )
        yield Advice(text, [f'{again} --force-bless "why it is fine"'])
    if summary.status == "tuned" and summary.tuning:
        text = (
            "run the same command with run in place of tune and --set tune.enabled=true, or take "
            "the best values as they are:"
        )
        yield Advice(text, [shlex.join(tuning_table.words(summary.tuning["trials"][0]))])
    if summary.status == "withdrawn":
        commands = ["models --work-dir {}", "rollback --work-dir {} --to VERSION"]
        yield Advice("", [f"frostline {each.format(work_dir)}" for each in commands])
    if summary.status in ("failed", "interrupted"):
        first = "once that is mended, " if summary.status == "failed" else ""
        text = f"{first}the same command goes on after the last finished step:"
        yield Advice(text, [again])
    if summary.pushed:
        yield Advice("", [f"frostline predict --model {work_dir} IMAGE..."])


def without_traceback(message: str) -> str:
    """A worker of Beam hands over its whole traceback, whose last line says what is wrong."""
    lines = message.strip().splitlines()
    return lines[-1] if "Traceback (most recent call last):" in lines else message
