"""The summary of a run on a cluster, put together from the records of its steps."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.image_files import Listing
from pipeline import account, summary
from pipeline.attempt import EXIT_CODES, Attempt, Request
from pipeline.closing import REPORT
from pipeline.cluster import records
from pipeline.cluster.order import Expected, Order
from pipeline.cluster.records import StepRecord
from pipeline.cluster.task import PREPARE
from pipeline.config import Config
from pipeline.preflight import Weights
from pipeline.report import evidence, page
from pipeline.results import Outputs
from pipeline.steps import Step, StepState
from pipeline.summary import Failure, Summary
from pipeline.workdir import WorkDir

_GOOD = ("SUCCEEDED", "COMPLETE", "CACHED")


@dataclass(frozen=True)
class Traced:
    """A step, and what tells of it.

    record: of this run, or of the earlier one whose outputs Kubeflow has served again
    folder: holds the small files of its outputs
    """

    step: Step
    record: StepRecord | None
    folder: Path | None


def write(
    order: Order, *, run: str, final_status: str, summary_file: Path, report_file: Path
) -> Summary:
    """Write the summary and the report, into files and into the folder of the run."""
    with tempfile.TemporaryDirectory(prefix="frostline-summary-") as scratch:
        place = WorkDir(Path(order.state or scratch))
        folder = records.folder_of(place, run)
        traced = trace(order, folder)
        outputs = Outputs(_artifacts(traced))
        result = sum_up(order, place, folder, traced, outputs, final_status=final_status)
        shutil.copyfile(summary.write(folder, result), summary_file)
        found = evidence.of(outputs, result, Listing(()))
        page.write(folder / REPORT, result, found, place.root)
        shutil.copyfile(folder / REPORT, report_file)
        if order.state:
            place.point_latest_at(folder)
    return result


def trace(order: Order, folder: Path) -> list[Traced]:
    """What became of each step of the run in `folder`, in their order; none without a state.

    Kubeflow starts no pod for a step that its cache serves: such a step has done the same in an
    earlier run.
    """
    prepared = records.read(folder, PREPARE)
    keys = prepared.values if prepared else {}
    done: set[str] = set()
    traced: list[Traced] = []
    if not order.state:
        return traced
    for expected in order.steps:
        each = _traced(expected, folder, keys, is_reached=done.issuperset(expected.upstream))
        if each.step.state in ("ran", "cached"):
            done.add(expected.name)
        traced.append(each)
    return traced


def _traced(
    expected: Expected, folder: Path, keys: Mapping[str, Any], *, is_reached: bool
) -> Traced:
    record = records.read(folder, expected.name)
    if record:
        state: StepState = "failed" if record.state == "running" else record.state
        step = Step(expected.name, state, record.seconds, expected.upstream)
        return Traced(step, record, records.folder(folder, expected.name))
    made_from = str(keys.get(expected.made_from, ""))
    before = None
    if is_reached and made_from:
        before = records.earlier(folder, expected.name, key=expected.key, made_from=made_from)
    if before is None:
        return Traced(Step(expected.name, "skipped", 0.0, expected.upstream), None, None)
    return Traced(
        Step(expected.name, "cached", 0.0, expected.upstream),
        records.read(before, expected.name),
        records.folder(before, expected.name),
    )


def sum_up(
    order: Order,
    place: WorkDir,
    folder: Path,
    traced: Sequence[Traced],
    outputs: Outputs,
    *,
    final_status: str,
) -> Summary:
    """The summary of a run whose steps are traced."""
    prepared = next((each.record for each in traced if each.step.name == PREPARE), None)
    attempt = Attempt(
        data=prepared and prepared.values.get("data_path"), steps=[each.step for each in traced]
    )
    _conclude(attempt, traced, outputs, _reported(final_status))
    config = Config.model_validate(order.config)
    weights = Weights(Path(order.weights) if order.weights else None, order.weights_sha256)
    request = Request(config, order.preset, attempt.data, Listing(()), order.command, weights)
    if prepared:
        request = replace(request, started=datetime.fromisoformat(prepared.started))
    result = account.told(outputs, place, folder, request, attempt)
    return replace(result, log="the logs of the pods, in Kubeflow")


def _conclude(
    attempt: Attempt, traced: Sequence[Traced], outputs: Outputs, reported: Mapping[str, Any]
) -> None:
    """How the run has ended, by its records, or else by what Kubeflow reports."""
    failed = next((each for each in traced if each.step.state == "failed"), None)
    if failed and failed.record:
        _fail(attempt, failed.record)
    elif reported.get("state") not in _GOOD:
        told = (reported.get("error") or {}).get("message") or "a pod did not start, or was lost"
        attempt.error = Failure(_first_missing(traced), "Kubeflow", told)
    elif not traced:
        attempt.status, attempt.exit_code = "finished", EXIT_CODES["finished"]
    else:
        attempt.status = outputs.status()
        attempt.exit_code = EXIT_CODES[attempt.status]


def _fail(attempt: Attempt, record: StepRecord) -> None:
    killed = {"type": "Killed", "message": "the pod was killed; it may have run out of memory"}
    error = record.error or killed
    attempt.failed_step = record.step
    attempt.error = Failure(record.step, error["type"], error["message"])
    attempt.exit_code = record.exit_code or EXIT_CODES["failed"]
    if attempt.exit_code == EXIT_CODES["refused"]:
        attempt.status = "refused"


def _first_missing(traced: Sequence[Traced]) -> str | None:
    return next((each.step.name for each in traced if each.record is None), None)


def _reported(final_status: str) -> Mapping[str, Any]:
    try:
        told = json.loads(final_status)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _artifacts(traced: Sequence[Traced]) -> Iterator[mlmd.Artifact]:
    """The outputs of the steps, as ML Metadata would tell of them."""
    for each in traced:
        for name, output in each.record.outputs.items() if each.record and each.folder else ():
            artifact = mlmd.Artifact(type=output.type, uri=str((each.folder or Path()) / name))
            for key, value in output.properties.items():
                if isinstance(value, str):
                    artifact.custom_properties[key].string_value = value
                elif isinstance(value, int | float):
                    artifact.custom_properties[key].int_value = int(value)
            yield artifact
