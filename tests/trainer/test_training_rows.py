"""The rows of a training: which of the frozen features, and how many an epoch draws."""

import numpy as np
import pytest

from trainer.errors import DataError
from trainer.settings import TrainerSettings

pytestmark = pytest.mark.graph

SIZE = 75
LABELS = ("cold", "warm")


class Rows(list):
    """(key, label) of each row that was asked for, and what of it."""

    asked: tuple[str, tuple[slice, ...]] | None = None


class FakeFeatures:
    """Answers with what it was asked for."""

    def rows(self, keys, labels, *, array, columns):
        rows = Rows(zip(keys, labels, strict=True))
        rows.asked = (array, columns)
        return rows


FAKE = FakeFeatures()


@pytest.fixture(scope="module")
def files(make_images, write_examples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return write_examples(make_images(folder / "images", count=3), folder / "data", size=SIZE)


@pytest.fixture
def opened(files, tmp_path):
    from trainer import training_rows
    from trainer.network import Feed
    from trainer.training_rows import Examples

    def opened(sections, *, labels=LABELS, features=FAKE):
        settings = TrainerSettings.model_validate({"image": {"size": SIZE}, **sections})
        return training_rows.opened(
            Examples(files[:1], files[1:], labels),
            settings,
            features=features,  # pyright: ignore[reportArgumentType]  stands in for a FeatureSet
            feed=Feed("pooled", (slice(2, 4),)),
            scratch=tmp_path,
        )

    return opened


def names(rows):
    return {key.partition("/")[2] for key, _ in rows}


def test_each_view_of_a_training_image_is_a_row_with_its_label(opened):
    with opened({"train": {"mirror": True}}) as found:
        assert len(found.train) == 3 * 2
        assert names(found.train) == {"plain", "mirror"}
        by_image = {}
        for key, label in found.train:
            by_image.setdefault(key.partition("/")[0], set()).add(label)
        assert all(len(labels) == 1 for labels in by_image.values())


def test_validation_images_are_seen_as_they_are(opened):
    with opened({}) as found:
        assert len(found.evaluation) == 3
        assert names(found.evaluation) == {"plain"}


def test_the_wanted_part_of_the_features_is_asked_for(opened):
    with opened({}) as found:
        assert found.train.asked == ("pooled", (slice(2, 4),))


@pytest.mark.parametrize(("mirror", "rows"), [(False, 3), (True, 6)])
def test_changed_views_make_no_epoch_longer(opened, mirror, rows):
    plain = {"train": {"mirror": mirror}}
    with opened(plain) as found:
        assert found.epoch_rows == len(found.train) == rows
    with opened({**plain, "augment": {"enabled": True, "views": 4}}) as found:
        assert found.epoch_rows == rows
        assert len(found.train) == rows + 3 * 4


def test_validation_images_are_the_mean_of_both_sides_where_both_are_scored(opened):
    with opened({"model": {"both_sides": True}}) as found:
        keys = [[key.split("/")[1] for key, _ in rows] for rows in found.evaluation.views]
        assert keys == [["plain"] * 3, ["mirror"] * 3]
    with opened({}) as found:
        assert {key.split("/")[1] for key, _ in found.evaluation} == {"plain"}


def test_unknown_label_is_an_error(opened):
    with (
        pytest.raises(DataError, match="'warm' is none of cold, hot"),
        opened({}, labels=("cold", "hot")),
    ):
        pass


def test_pixels_are_written_where_there_are_no_features_and_go_in_the_end(opened, tmp_path):
    with opened({"train": {"base": "live"}}, features=None) as found:
        inputs, _ = found.train.take(np.arange(3))
        assert (inputs.shape, inputs.dtype) == ((3, SIZE, SIZE, 3), np.uint8)
        assert found.epoch_rows == 3
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
