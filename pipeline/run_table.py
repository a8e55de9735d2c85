"""`frostline runs`: what was run, on what, with what other settings, and what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pipeline.board import duration
from pipeline.changes import OPTIONAL_SETTINGS, Change, changes
from pipeline.paragraphs import indented
from pipeline.run_summaries import PastRun, past_runs
from pipeline.workdir import WorkDir

_SHOWN = 4
_GAP = "  "
_WORDS = ("run", "started (UTC)", "status")
_DISPENSABLE = ("started (UTC)", "checks")


@dataclass(frozen=True)
class Entry:
    """A run; what its summary does not tell is None or empty.

    run: its id
    started: when, in UTC
    data: the folder, manifest or archive
    images: how many of its files were accepted
    changed: settings that are not as in the run before
    checks_passed: of the gates, data and model
    version: as TF Serving counts, where the run pushed one
    verdict: what failed, or why data or a model were taken in spite of that
    """

    run: str
    status: str
    started: str | None
    seconds: float | None
    data: str | None
    images: int | None
    preset: str | None
    changed: Sequence[Change]
    accuracy: float | None
    log_loss: float | None
    checks: int
    checks_passed: int
    version: str | None
    verdict: Sequence[str]


def entries(place: WorkDir) -> list[Entry]:
    """The runs of a work directory, the latest first.

    Raises:
      WorkDirError: there is no such folder.
    """
    runs = past_runs(place)
    # What could not be read is not what the next run is compared with.
    return [
        _entry(run, next((each for each in runs[row + 1 :] if each.table("config")), None))
        for row, run in enumerate(runs)
    ]


def lines(found: Sequence[Entry], *, width: int) -> list[str]:
    """The table of one run or more; below each row what was run, and what stood in its way."""
    rows = [_cells(entry) for entry in found]
    widths = _fitting(rows, width)
    blocks = [
        [_aligned(row, widths), *_details(entry, width)]
        for row, entry in zip(rows, found, strict=True)
    ]
    return [_aligned({name: name for name in widths}, widths), *chain.from_iterable(blocks)]


def _entry(run: PastRun, before: PastRun | None) -> Entry:
    gates = run.rows("gates")
    images = run.number("data", "accepted")
    return Entry(
        run=run.run_id,
        status=run.status,
        started=run.started,
        seconds=run.number("seconds"),
        data=run.text("data", "path"),
        images=None if images is None else int(images),
        preset=run.text("preset"),
        changed=_changed(before, run) if before else [],
        accuracy=run.number("evaluation", "accuracy"),
        log_loss=run.number("evaluation", "log_loss"),
        checks=len(gates),
        checks_passed=sum(bool(gate.get("passed")) for gate in gates),
        version=run.text("pushed", "version"),
        verdict=list(_verdict(run)),
    )


def _changed(before: PastRun, run: PastRun) -> list[Change]:
    """Settings that both runs knew: what a new version of Frostline brings is no change of mind."""
    if not run.table("config"):
        return []
    found = changes(before.table("config"), run.table("config"), optional=OPTIONAL_SETTINGS)
    return [change for change in found if change.is_of_both]


def _verdict(run: PastRun) -> Iterator[str]:
    if run.problem:
        yield run.problem
    for gate in run.rows("gates"):
        if not gate.get("passed"):
            yield str(gate.get("sentence") or gate.get("check"))
    if reason := run.text("data", "accept_reason"):
        yield f"The data were accepted as they are: {reason}"
    if message := run.text("error", "message"):
        step = run.text("error", "step")
        # Of a traceback, the last line says what is wrong.
        [*_, last] = message.strip().splitlines() or [""]
        yield f"{step}: {last}" if step else last


def _cells(entry: Entry) -> dict[str, str]:
    return {
        "run": entry.run,
        "started (UTC)": (entry.started or "").replace("T", " ")[:16],
        "status": entry.status,
        "took": "" if entry.seconds is None else duration(entry.seconds),
        "images": "" if entry.images is None else str(entry.images),
        "accuracy": _decimal(entry.accuracy),
        "log loss": _decimal(entry.log_loss),
        "checks": f"{entry.checks_passed}/{entry.checks}" if entry.checks else "",
        "version": entry.version or "",
    }


def _fitting(rows: Sequence[Mapping[str, str]], width: int) -> dict[str, int]:
    """Column -> its width, less the columns that a narrow terminal can do without."""
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    for name in _DISPENSABLE:
        if sum(widths.values()) + len(_GAP) * (len(widths) - 1) > width:
            del widths[name]
    return widths


def _aligned(row: Mapping[str, str], widths: Mapping[str, int]) -> str:
    cells = (
        row[name].ljust(size) if name in _WORDS else row[name].rjust(size)
        for name, size in widths.items()
    )
    return _GAP.join(cells).rstrip()


def _details(entry: Entry, width: int) -> Iterator[str]:
    preset = f"preset {entry.preset}" if entry.preset else None
    shown = [str(change) for change in entry.changed[:_SHOWN]]
    more = len(entry.changed) - len(shown)
    if more:
        shown.append(f"and {more} more")
    yield from indented(" · ".join(filter(None, [preset, entry.data])), width=width)
    if shown:
        yield from indented(f"changed {', '.join(shown)}", width=width)
    for sentence in entry.verdict:
        yield from indented(sentence, width=width)


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
