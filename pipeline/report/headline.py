"""How a run ended, in a sentence."""

from dataclasses import dataclass
from typing import Literal

from components.gates import Gate
from pipeline import closing, tuning_table
from pipeline.board import duration
from pipeline.closing import DATA_GATE
from pipeline.summary import Status, Summary

Tone = Literal["good", "bad", "neutral"]
_WORDS: dict[Status, tuple[str, Tone]] = {
    "pushed": ("Pushed", "good"),
    "tuned": ("Tuned", "good"),
    "not_blessed": ("Not pushed", "bad"),
    "not_pushed": ("Not pushed", "bad"),
    "not_servable": ("Not pushed", "bad"),
    "withdrawn": ("Not pushed", "bad"),
    "refused": ("Refused", "bad"),
    "failed": ("Failed", "bad"),
    "interrupted": ("Interrupted", "neutral"),
    "finished": ("Finished", "neutral"),
}


@dataclass(frozen=True)
class Headline:
    """The verdict: a word, whether it is a good one, and a sentence."""

    word: str
    tone: Tone
    sentence: str


def of(summary: Summary) -> Headline:
    """The verdict on a run."""
    return Headline(*_WORDS[summary.status], _sentence(summary))


def _sentence(summary: Summary) -> str:
    match summary.status:
        case "pushed" if summary.pushed:
            return f"The model {_passed(summary)} and is version {summary.pushed.version}."
        case "tuned" if summary.tuning:
            return f"The search is done: {tuning_table.told(summary.tuning)}."
        case "not_blessed":
            failed = [gate.sentence for gate in _failed(summary) if gate.step != DATA_GATE]
            return " ".join(["The model did not pass its gate.", *failed])
        case status if status in closing.NOT_PUSHED:
            return f"The model was not pushed: {closing.NOT_PUSHED[status]}."
        case "refused":
            checks = [gate for gate in summary.gates if gate.step == DATA_GATE]
            count = f"{len(_failed(summary))} of {len(checks)} checks"
            return f"The data failed {count} of the data gate; nothing was trained."
        case "interrupted":
            return f"The run was interrupted{_where(summary)} after {duration(summary.seconds)}."
        case "finished":
            return "All steps are done; what they have found was not kept (kubeflow.state)."
    said = closing.without_traceback(summary.error.message) if summary.error else ""
    return f"The run failed{_where(summary)}: {said}"


def _passed(summary: Summary) -> str:
    failed, total = len(_failed(summary)), len(summary.gates)
    if failed:
        return f"passed {total - failed} of {total} checks, was let through by a person,"
    return f"passed all {total} checks"


def _failed(summary: Summary) -> list[Gate]:
    return [gate for gate in summary.gates if not gate.passed]


def _where(summary: Summary) -> str:
    return f" in {summary.error.step}" if summary.error and summary.error.step else ""
