"""The model card: what a model is, what it is for, and where its limits are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report import judgement, numerals
from pipeline.summary import Summary

_NAMED = 8  # classes


@dataclass(frozen=True)
class ModelCard:
    """Sentences, and facts as pairs of term and text; the form follows Mitchell et al. 2019."""

    use: Sequence[str]
    facts: Sequence[tuple[str, str]]
    limits: Sequence[str]


def of(summary: Summary) -> ModelCard | None:
    """The card of the model that a run has trained; None where it trained none."""
    if not summary.training or not summary.data.get("accepted_by_split"):
        return None
    return ModelCard(list(_use(summary)), list(_facts(summary)), list(_limits(summary)))


def classes(summary: Summary) -> list[str]:
    """The classes that the data have, sorted."""
    by_split = summary.data.get("accepted_by_split") or {}
    return sorted({label for by_label in by_split.values() for label in by_label})


def _use(summary: Summary) -> Iterator[str]:
    yield (
        "To sort images of the kind that it was trained on into "
        f"{_named(classes(summary))}, through TF Serving or frostline predict."
    )
    if summary.model["untrained"]:
        yield "Not for use: its base has random weights, and it tries the machinery only."


def _facts(summary: Summary) -> Iterator[tuple[str, str]]:
    config = summary.config
    image, model, train = (config.get(name, {}) for name in ("image", "model", "train"))
    yield "Base", f"Inception V3, frozen, cut at {model.get('cut')}{_thawed(model)}"
    yield "Weights", str(summary.model["weights"])
    yield "Weights, SHA-256", summary.model.get("weights_sha256") or "none: random weights"
    yield "Head", _head(model)
    side = image.get("size")
    yield "Input", f"{side} x {side} pixels, scaled {str(image.get('scaling')).replace('_', ' ')}"
    training = summary.training or {}
    yield (
        "Training",
        f"{len(training['epochs'])} epochs, the best is {training['best_epoch']}; "
        f"{train.get('optimizer')}, learning rate {train.get('learning_rate')}, batch size "
        f"{train.get('batch_size')}, seed {train.get('seed')}",
    )
    yield "Data", str(summary.data["path"])
    for split, by_label in summary.data["accepted_by_split"].items():
        yield (
            f"Images in {judgement.called(summary, split)}",
            numerals.count(sum(by_label.values())),
        )
    if summary.pushed:
        yield "Version", summary.pushed.version


def _limits(summary: Summary) -> Iterator[str]:
    total, accuracy = judgement.images(summary), judgement.accuracy(summary)
    if total and accuracy is not None:
        low, high = judgement.interval(accuracy, total)
        yield (
            f"Of {numerals.count(total)} judged images {numerals.count(total * (1 - accuracy))} "
            f"got a wrong label: an accuracy of {accuracy:.4f}, where so many images leave "
            f"{low:.4f} to {high:.4f} possible (Wilson, 95 %)."
        )
        if judgement.split(summary) == "eval":
            yield (
                "The images that judged it also chose the epoch to keep"
                f"{_and_calibration(summary)}, so that new images may do a little worse. A split "
                "named test would judge apart."
            )
    if worst := judgement.weakest(summary):
        yield (
            f"It is weakest where {worst.by} is {worst.value}: an accuracy of "
            f"{worst.metrics['accuracy']:.4f} on {numerals.count(worst.images)} images."
        )
    yield "Every image gets one of its classes, one that shows something else as well."
    yield "Nothing here tells how it does on images of another origin than these data."


def _and_calibration(summary: Summary) -> str:
    return " and the calibration" if (summary.training or {}).get("calibration") else ""


def _thawed(model: dict[str, Any]) -> str:
    thaw_from = model.get("thaw_from")
    return f", and thawed from {thaw_from} up" if thaw_from else ""


def _head(model: dict[str, Any]) -> str:
    dense = model.get("dense_units")
    units = f"Dense {dense}, " if dense else ""
    return f"{model.get('head')}, {units}dropout {model.get('dropout')}"


def _named(names: Sequence[str]) -> str:
    if len(names) > _NAMED:
        return f"{len(names)} classes"
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else "".join(names)
