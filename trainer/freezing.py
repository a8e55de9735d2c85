"""Freezing: run the base once for each image and view that the store lacks, and keep what it gives.

Nothing that is there already is computed again, and nothing is computed twice.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from trainer import (
    feature_batches,
    feature_room,
    feature_set,
    feature_store,
    frozen_base,
    processor,
    raw_images,
    views,
)
from trainer.blocks import Block
from trainer.feature_set import Base, FeatureSet
from trainer.feature_store import Place
from trainer.folded import FoldedBase
from trainer.frozen_forward import Forward
from trainer.processor import Precision
from trainer.progress import Progress, report
from trainer.settings import TrainerSettings
from trainer.views import View

PICTURES = 8
_BASE = "base.json"


@dataclass(frozen=True)
class Task:
    """Which features are wanted, and what keeps them.

    settings: those that `relevant` leaves
    train_files, eval_files: gzipped TFRecords of raw Examples
    weights: the pretrained weights; None is a random base
    weights_sha256: their digest
    precision: what the base computes in
    store: the folder that keeps features from run to run
    arrays: what is kept of each row: `pooled`, `map` or both
    max_gigabytes: what the store may grow to
    """

    settings: TrainerSettings
    train_files: Sequence[str]
    eval_files: Sequence[str]
    weights: Path | None
    weights_sha256: str
    precision: Precision
    store: Path
    arrays: tuple[str, ...]
    max_gigabytes: float

    @property
    def files(self) -> list[str]:
        """All files, in the order in which images are counted."""
        return [*self.train_files, *self.eval_files]


@dataclass(frozen=True)
class _Images:
    """The images of a task.

    places: digest -> where its first image is, counted through all files
    train, evaluation: the digests of each split, sorted, each once
    """

    places: Mapping[str, int]
    train: Sequence[str]
    evaluation: Sequence[str]


def freeze(task: Task, folder: Path) -> FeatureSet:
    """Compute what the store lacks, and put the features of a run together in `folder`.

    Raises:
      ConfigError: they take more room than they may, or there is no such layer.
      WorkDirError: they take more room than the disk has.
    """
    images = _images(task)
    line = frozen_base.frost_line(task.settings)
    store = task.store / frozen_base.digest(
        task.settings,
        line=line,
        precision=task.precision,
        weights=task.weights_sha256,
        calibrated_on=_calibrated_on(task, images),
    )
    store.mkdir(parents=True, exist_ok=True)
    feature_store.sweep(store)
    wanted = _wanted(task.settings, images)
    places = feature_store.find(store, wanted, task.arrays)
    missing = {key: pair for key, pair in wanted.items() if key not in places}
    base, statistics = _stored_base(store), store / feature_set.STATISTICS
    is_calibrated = task.weights is not None or statistics.exists()
    if missing or base is None or not is_calibrated:
        folded = _folded(task, images, store)
        base = Base(line, task.precision, folded.blocks)
        _write_whole(store / _BASE, json.dumps(asdict(base)))
        if missing:
            places |= _compute(task, folded, images, missing, store)
    return feature_set.write(
        folder,
        base,
        places,
        computed=len(missing),
        statistics=None if task.weights else statistics,
        pictures=_pictures(task, images),
    )


def _images(task: Task) -> _Images:
    train, evaluation = raw_images.digests(task.train_files), raw_images.digests(task.eval_files)
    places: dict[str, int] = {}
    for place, digest in enumerate([*train, *evaluation]):
        places.setdefault(digest, place)
    return _Images(places, sorted(set(train)), sorted(set(evaluation)))


def _calibrated_on(task: Task, images: _Images) -> Sequence[str]:
    """The training images with the smallest digests: whatever order they came in."""
    return () if task.weights else images.train[: frozen_base.CALIBRATION_IMAGES]


def _wanted(settings: TrainerSettings, images: _Images) -> dict[str, tuple[str, View]]:
    """Key of a row -> its image and view."""
    seen = views.of_evaluation(settings)
    pairs = [(digest, view) for digest in images.evaluation for view in seen]
    looked_at = views.of_training(settings)
    pairs += [(digest, view) for digest in images.train for view in looked_at]
    return {views.key(digest, view): (digest, view) for digest, view in pairs}


def _stored_base(store: Path) -> Base | None:
    try:
        stored = json.loads((store / _BASE).read_text())
        blocks = tuple(Block(**each) for each in stored["blocks"])
        return Base(stored["line"], stored["precision"], blocks)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _folded(task: Task, images: _Images, store: Path) -> FoldedBase:
    whole = frozen_base.build(task.settings, task.weights, None)
    if task.weights is None:
        _calibrate(whole, task, images).save(store / feature_set.STATISTICS)
    frozen = frozen_base.below_frost_line(whole, task.settings.model.thaw_from)
    return frozen_base.fold(frozen, task.settings, task.precision)


def _calibrate(whole: keras.Model, task: Task, images: _Images) -> frozen_base.Statistics:
    places = [images.places[digest] for digest in _calibrated_on(task, images)]
    found = raw_images.decoded(task.files, places, size=task.settings.image.size)
    in_order = sorted(found.as_numpy_iterator(), key=lambda one: one[0])
    pixels = np.stack([pixels for _, pixels in in_order])
    return frozen_base.calibrate(whole, task.settings, pixels)


def _compute(
    task: Task,
    base: FoldedBase,
    images: _Images,
    missing: Mapping[str, tuple[str, View]],
    store: Path,
) -> dict[str, Place]:
    size = task.settings.image.size
    forward = Forward(
        base,
        size=size,
        arrays=task.arrays,
        batch_size=processor.found().batch_size(size),
    )
    feature_room.check(
        task.store, rows=len(missing), row_bytes=forward.row_bytes, gigabytes=task.max_gigabytes
    )
    remark = feature_room.told(len(missing) * forward.row_bytes)
    report(Progress(0, len(missing), "features", remark))
    places: dict[str, Place] = {}
    chosen: dict[str, list[View]] = defaultdict(list)
    for digest, view in missing.values():
        chosen[digest].append(view)
    batches = feature_batches.computed(
        forward, task.files, images.places, chosen, settings=task.settings
    )
    for keys, arrays in feature_batches.gathered(batches):
        segment = feature_store.write(store, keys, arrays)
        places |= {key: Place(segment, row) for row, key in enumerate(keys)}
        report(Progress(len(places), len(missing), "features", remark))
    return places


def _pictures(task: Task, images: _Images) -> list[bytes]:
    places = [images.places[digest] for digest in images.evaluation[:PICTURES]]
    found = raw_images.encoded(task.files, places).as_numpy_iterator()
    return [picture for _, picture in sorted(found)]


def _write_whole(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(text)
    unfinished.replace(path)
