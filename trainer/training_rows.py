"""The rows of one training: frozen features as they lie in their files, or pixels written here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from trainer import dataset, rows, views
from trainer.dataset import Source
from trainer.feature_rows import FeatureRows, MeanRows
from trainer.feature_set import FeatureSet
from trainer.holdout import Labelled
from trainer.network import Feed
from trainer.progress import Progress, report
from trainer.settings import TrainerSettings
from trainer.views import View


@dataclass(frozen=True)
class Examples:
    """Transformed examples: gzipped TFRecords, and the class names in order."""

    train_files: Sequence[str]
    eval_files: Sequence[str]
    labels: Sequence[str]


@dataclass(frozen=True)
class TrainingRows:
    """What is trained and validated on.

    epoch_rows: how many rows an epoch draws, where the settings do not say
    """

    train: Source
    evaluation: Source
    epoch_rows: int


@contextmanager
def opened(
    examples: Examples,
    settings: TrainerSettings,
    *,
    features: FeatureSet | None,
    feed: Feed,
    scratch: Path,
) -> Iterator[TrainingRows]:
    """Open the rows that a network is fed.

    Args:
        examples: which images there are; their pixels, where there are no features.
        settings: image, augment and train.
        features: the frozen features; None trains on pixels.
        feed: what of them.
        scratch: a folder to write pixels to; they are removed at the end.

    Raises:
        DataError: there is no image.
        WorkDirError: features are damaged.
    """
    if features is not None:
        yield _of_features(examples, settings, features, feed)
        return
    with TemporaryDirectory(dir=scratch, prefix="rows-") as folder:
        train = _pixels(examples, examples.train_files, settings, Path(folder, "train.bin"))
        evaluation = _pixels(examples, examples.eval_files, settings, Path(folder, "eval.bin"))
        yield TrainingRows(train, evaluation, len(train))


def _of_features(
    examples: Examples, settings: TrainerSettings, features: FeatureSet, feed: Feed
) -> TrainingRows:
    train, evaluation = (
        Labelled(*dataset.read_labels(files, labels=examples.labels))
        for files in (examples.train_files, examples.eval_files)
    )
    return of_images(train, evaluation, settings, features=features, feed=feed)


def of_images(
    train: Labelled,
    evaluation: Labelled,
    settings: TrainerSettings,
    *,
    features: FeatureSet,
    feed: Feed,
) -> TrainingRows:
    """The frozen features of some images: of evaluation, those that will be scored.

    Raises:
        WorkDirError: features are damaged.
    """
    looked_at = views.of_training(settings)
    rows_of_views = _rows(train, features, feed, looked_at)
    # Changed views lend an epoch their variety, and do not make it longer.
    unchanged = sum(not view.is_augmented for view in looked_at)
    return TrainingRows(
        train=rows_of_views,
        evaluation=_scored(evaluation, features, feed, views.of_evaluation(settings)),
        epoch_rows=len(rows_of_views) * unchanged // len(looked_at),
    )


def _scored(
    images: Labelled, features: FeatureSet, feed: Feed, looked_at: Sequence[View]
) -> Source:
    """One row an image: of its view, or the mean of its views."""
    rows = [_rows(images, features, feed, (view,)) for view in looked_at]
    return MeanRows(tuple(rows)) if rows[1:] else rows[0]


def _rows(
    images: Labelled, features: FeatureSet, feed: Feed, looked_at: Sequence[View]
) -> FeatureRows:
    keys = [views.key(digest, view) for digest in images.digests for view in looked_at]
    repeated = [label for label in images.labels for _ in looked_at]
    return features.rows(keys, repeated, array=feed.array, columns=feed.columns)


def _pixels(
    examples: Examples, files: Sequence[str], settings: TrainerSettings, path: Path
) -> Source:
    return rows.write(path, _told(examples, files, settings))


def _told(
    examples: Examples, files: Sequence[str], settings: TrainerSettings
) -> Iterator[rows.Batch]:
    done = 0
    found = dataset.read(files, size=settings.image.size, labels=examples.labels)
    for batch in dataset.pixel_batches(found):
        yield batch
        done += len(batch.labels)
        report(Progress(done=done, total=None, unit="images"))
