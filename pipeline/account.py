"""The summary of a run, put together from the attempt and from what its steps left behind."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components import gates
from components.gates import Gate, Verdict
from components.quarantine import IngestionCounts
from pipeline.attempt import Attempt, Request
from pipeline.preflight import Weights
from pipeline.summary import Summary
from pipeline.verdict import weights_gate
from pipeline.workdir import WorkDir

if TYPE_CHECKING:
    from pipeline.results import Outputs
    from trainer.feature_set import FeatureSet

FROZEN_FEATURES = "FrozenFeatures"
LOG = "run.log"
KEPT = ("history.json", "curves.png", "model.txt")


def sum_up(place: WorkDir, run_dir: Path, request: Request, attempt: Attempt) -> Summary:
    """Sum a run up, however far it came, and keep its curves and predictions in `run_dir`."""
    if not attempt.began:
        return told(None, place, run_dir, request, attempt)
    from pipeline.results import Results

    return told(Results(place), place, run_dir, request, attempt)


def told(
    results: "Outputs | None", place: WorkDir, run_dir: Path, request: Request, attempt: Attempt
) -> Summary:
    """The summary of a run whose steps have put something out, or nothing."""
    found = _found(results, place, run_dir, request, attempt) if results else {}
    data = {"path": attempt.data or request.data, **found.pop("data", {})}
    return Summary(
        run_id=run_dir.name,
        status=attempt.status,
        exit_code=attempt.exit_code,
        started=request.started.isoformat(timespec="seconds"),
        seconds=round((datetime.now(UTC) - request.started).total_seconds(), 2),
        command=request.command,
        preset=request.preset,
        config=request.config.model_dump(mode="json"),
        model=_model(request.weights),
        data=data,
        log=str(run_dir / LOG),
        steps=attempt.steps,
        error=attempt.error,
        **found,
    )


def _found(
    results: "Outputs", place: WorkDir, run_dir: Path, request: Request, attempt: Attempt
) -> dict[str, Any]:
    from pipeline import measured

    counts, evaluation = results.counts(), results.evaluation()
    judgement = results.model_verdict()
    verdict = _refusal(place) if attempt.status == "refused" else results.data_verdict()
    if model_run := results.model_run():
        for name in KEPT:
            shutil.copy(model_run / name, run_dir)
    if predictions := results.predictions():
        shutil.copy(predictions, run_dir)
    return {
        "data": _data(counts, verdict),
        "features": _features(results.features(), attempt, place),
        "tuning": results.tuning(),
        "training": results.training(),
        **(measured.told(evaluation) if evaluation else {}),
        "force_bless": (judgement and judgement.accept_reason) or None,
        "gates": [
            *_checks(verdict),
            *_model_checks(request, judgement),
            *_checks(results.serving_verdict()),
        ],
        "serving": results.serving(),
        "pushed": results.pushed(),
    }


def _refusal(place: WorkDir) -> Verdict:
    return gates.read(place.data_gate / gates.REFUSED)


def _data(counts: IngestionCounts | None, verdict: Verdict | None) -> dict[str, Any]:
    reason = {"accept_reason": verdict.accept_reason} if verdict else {}
    return {**(asdict(counts) if counts else {}), **reason}


def _features(
    found: "FeatureSet | None", attempt: Attempt, place: WorkDir
) -> dict[str, Any] | None:
    if found is None:
        return None
    account, views = found.account, found.views_of_images
    step = next((step for step in attempt.steps if step.name == FROZEN_FEATURES), None)
    computed = account.computed if step and step.state == "ran" else 0
    return {
        "images": len(views),
        "views": max(views.values(), default=0),
        "rows": account.rows,
        "computed": computed,
        "reused": account.rows - computed,
        "bytes": account.bytes,
        "seconds": step.seconds if step else 0.0,
        "precision": found.base.precision,
        "cut": found.base.line,
        "store": str(place.features),
    }


def _model_checks(request: Request, judgement: Verdict | None) -> Sequence[Gate]:
    if judgement is None:
        return ()
    is_trained = request.weights.path is not None
    trained_base = weights_gate(request.config, is_trained=is_trained)
    return [*judgement.checks, trained_base]


def _checks(verdict: Verdict | None) -> Sequence[Gate]:
    return verdict.checks if verdict else ()


def _model(weights: Weights) -> dict[str, Any]:
    return {
        "weights": str(weights.path) if weights.path else weights.sha256,
        "weights_sha256": weights.sha256 if weights.path else None,
        "untrained": weights.path is None,
    }
