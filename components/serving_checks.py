"""The checks of the serving gate: figures held against bounds, each with a sentence."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from components.gates import Gate
from components.probe_job import Figures, Probed
from components.probe_material import Expected
from components.serving_gate_settings import BATCHES, ServingGateSettings

STEP = "ServingGate"
FILES_NAMED = 10
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Measured:
    """All that is known of a model in a fresh process.

    expected: the images of the parity check, in the order of `probed.figures.scores`
    model_bytes: size of all files of the SavedModel
    warm_up_requests: how many it brings along
    """

    probed: Probed
    expected: Sequence[Expected]
    model_bytes: int
    warm_up_requests: int

    @property
    def figures(self) -> Figures:
        """What the probe has measured."""
        return self.probed.figures


def absolute(measured: Measured, settings: ServingGateSettings) -> list[Gate]:
    """Every check that needs no other model, in the order that a person reads them.

    What a probe that died did not come to is left out: that it died is a failed check. So is an
    answer that breaks the contract, and then there are no scores to compare.
    """
    return [
        _process(measured.probed),
        *_load(measured.figures, settings),
        _warm_up(measured.warm_up_requests),
        *_answers(measured.figures),
        *_parity(measured, settings),
        *_latency(measured.figures, settings),
        *_large_photo(measured.figures, settings),
        *_malformed(measured.figures),
        *_memory(measured.figures, settings),
        _size(measured.model_bytes, settings),
    ]


def differences(measured: Measured) -> list[tuple[float, str]]:
    """How far the scores of each image are from those in training, and its name; worst first."""
    pairs = zip(measured.expected, measured.figures.scores, strict=False)
    found = [(_difference(expected.scores, served), expected.name) for expected, served in pairs]
    return sorted(found, reverse=True)


def _difference(expected: Mapping[str, float], served: Mapping[str, float]) -> float:
    """Other classes, or scores that are no numbers, are as far off as can be."""
    if expected.keys() != served.keys() or not all(map(math.isfinite, served.values())):
        return 1.0
    return max(abs(score - served[name]) for name, score in expected.items())


def _process(probed: Probed) -> Gate:
    sentence = probed.death or "A fresh process loaded the model and came to its end."
    return Gate(
        "process", float(bool(probed.death)), {"max": 0.0}, not probed.death, sentence, (), STEP
    )


def _load(figures: Figures, settings: ServingGateSettings) -> Iterator[Gate]:
    if figures.load_seconds is not None:
        yield _bounded(
            "load_time",
            figures.load_seconds,
            settings.max_load_seconds,
            what="Loading the model, with its warm-up, took",
            unit="s",
            key="max_load_seconds",
        )


def _warm_up(requests: int) -> Gate:
    passed = requests > 0
    sentence = (
        f"The model brings {requests} warm-up requests."
        if passed
        else "The model brings no warm-up requests: the first request to a server would be slow."
    )
    return Gate("warm_up", float(requests), {"min": 1.0}, passed, sentence, (), STEP)


def _answers(figures: Figures) -> Iterator[Gate]:
    if figures.fault is None:
        return
    sentence = (
        f"An answer breaks the contract: {figures.fault}."
        if figures.fault
        else "Real photos were answered with label, score, scores and classes, in every batch."
    )
    faults = float(bool(figures.fault))
    yield Gate("answers", faults, {"max": 0.0}, not figures.fault, sentence, (), STEP)


def _parity(measured: Measured, settings: ServingGateSettings) -> Iterator[Gate]:
    ended_early = measured.probed.death or measured.figures.fault
    if ended_early and len(measured.figures.scores) < len(measured.expected):
        return
    found = differences(measured)
    bound = settings.max_parity_difference
    if not found:
        sentence = "No image of the validation split has both a score in training and a served one."
        yield Gate("parity", None, {"max": bound}, False, sentence, (), STEP)
        return
    worst = found[0][0]
    off = [name for difference, name in found if not difference <= bound]
    sentence = (
        f"Scores of {len(off)} of {len(found)} images are not those of training: they are up to "
        f"{worst:.2g} apart, and at most {bound:g} is accepted "
        "(serving_gate.max_parity_difference). What is served is not what was trained and judged."
        if off
        else f"Scores of {len(found)} images are at most {worst:.2g} from those in training; "
        f"up to {bound:g} is accepted."
    )
    yield Gate("parity", worst, {"max": bound}, not off, sentence, off[:FILES_NAMED], STEP)


def _latency(figures: Figures, settings: ServingGateSettings) -> Iterator[Gate]:
    for batch in BATCHES:
        found = figures.latency.get(batch)
        if found is None:
            continue
        photos = f"{found.requests} requests of {batch} photo{'s' * (batch != '1')}"
        yield _bounded(
            f"p50_batch_{batch}",
            found.p50_ms,
            settings.max_p50_ms[batch],
            what=f"The median of {photos} took",
            unit="ms",
            key=f"max_p50_ms.{batch}",
        )
        yield _bounded(
            f"p99_batch_{batch}",
            found.p99_ms,
            settings.max_p99_ms[batch],
            what=f"Of {photos}, 99 % took no more than",
            unit="ms",
            key=f"max_p99_ms.{batch}",
        )


def _large_photo(figures: Figures, settings: ServingGateSettings) -> Iterator[Gate]:
    if figures.large_photo_ms is not None:
        yield _bounded(
            "large_photo",
            figures.large_photo_ms,
            settings.max_large_photo_ms,
            what="A large photo takes",
            unit="ms",
            key="max_large_photo_ms",
        )


def _malformed(figures: Figures) -> Iterator[Gate]:
    found = figures.malformed
    if not found:
        return
    bad = {
        name: said
        for name, said in found.items()
        if said.startswith("answered") or "broken afterwards" in said
    }
    sentence = (
        "Bytes that are no image must be refused, or told of in the output `error`: "
        + "; ".join(f"{name} was {said}" for name, said in bad.items())
        + "."
        if bad
        else f"Bytes that are no image were refused, or told of: {', '.join(found)}."
    )
    yield Gate("malformed_bytes", float(len(bad)), {"max": 0.0}, not bad, sentence, (), STEP)


def _memory(figures: Figures, settings: ServingGateSettings) -> Iterator[Gate]:
    if figures.peak_bytes is not None:
        yield _bounded(
            "peak_memory",
            figures.peak_bytes / _MEGABYTE,
            settings.max_memory_megabytes,
            what="At its peak the process held",
            unit="MB",
            key="max_memory_megabytes",
        )


def _size(model_bytes: int, settings: ServingGateSettings) -> Gate:
    return _bounded(
        "model_size",
        model_bytes / _MEGABYTE,
        settings.max_model_megabytes,
        what="The files of the model take",
        unit="MB",
        key="max_model_megabytes",
    )


def _bounded(check: str, value: float, bound: float, *, what: str, unit: str, key: str) -> Gate:
    passed = value <= bound
    accepted = f"up to {bound:g} {unit} is accepted"
    end = f"; {accepted}." if passed else f", and {accepted} (serving_gate.{key})."
    return Gate(check, value, {"max": bound}, passed, f"{what} {value:.4g} {unit}{end}", (), STEP)
