"""Freezing: what is computed, what is not computed again, and what the features are."""

import dataclasses
import functools
import shutil
from pathlib import Path

import numpy as np
import pytest

from trainer.errors import ConfigError, WorkDirError
from trainer.settings import TrainerSettings

pytestmark = pytest.mark.graph

SIZE = 75
SETTINGS = TrainerSettings.model_validate({"image": {"size": SIZE}, "model": {"cut": "mixed1"}})
CHANGED = {"augment": {"enabled": True, "views": 2}}


def with_settings(**sections):
    return TrainerSettings.model_validate(SETTINGS.model_dump() | sections)


@pytest.fixture(scope="module")
def fold_once():
    """Builds and folds each base once, with random weights."""
    from trainer import frozen_base

    build, fold = frozen_base.build, frozen_base.fold

    @functools.cache
    def built(size, cut):
        chosen = with_settings(image={"size": size}, model={"cut": cut})
        return build(chosen, None, None)

    @functools.cache
    def folded(layers, scaling):
        chosen = with_settings(image={"size": SIZE, "scaling": scaling})
        return fold(built(SIZE, layers), chosen, "float32")

    return built, folded


@pytest.fixture
def pretrained(monkeypatch, fold_once):
    """Options of a base that has weights of its own: no calibration decides what it gives."""
    from trainer import frozen_base

    built, folded = fold_once
    monkeypatch.setattr(
        frozen_base, "build", lambda chosen, *_: built(chosen.image.size, chosen.model.cut)
    )
    monkeypatch.setattr(
        frozen_base,
        "fold",
        lambda base, chosen, _: folded(base.layers[-1].name, chosen.image.scaling),
    )
    return {"weights": Path("made.h5"), "weights_sha256": "made"}


@pytest.fixture
def forwards(monkeypatch):
    """The number of images that each call of the base was given."""
    from trainer.frozen_forward import Forward

    counts = []
    run = Forward.__call__

    def counted(self, pixels):
        counts.append(len(pixels))
        return run(self, pixels)

    monkeypatch.setattr(Forward, "__call__", counted)
    return counts


@pytest.fixture(scope="module")
def shards(make_images, write_examples, tmp_path_factory):
    """Two files with three images of each class; the first is to train on."""
    folder = tmp_path_factory.mktemp("examples")
    return write_examples(make_images(folder / "images", count=6), folder / "data", size=SIZE)


@pytest.fixture(scope="module")
def more(make_images, write_examples, tmp_path_factory):
    """A file with four images that no other file holds."""
    folder = tmp_path_factory.mktemp("more")
    images = make_images(folder / "images", count=10)
    for path in images.glob("*/[0-5].png"):
        path.unlink()
    return write_examples(images, folder / "data", size=SIZE)[0]


@pytest.fixture
def frozen(freeze, shards, pretrained, tmp_path):
    """Freezes the files into a fresh folder, with one store."""
    from trainer import feature_set

    def make(settings=SETTINGS, *, train_files=None, **changes):
        folder = tmp_path / f"set-{len(list(tmp_path.glob('set-*')))}"
        files = {"train_files": train_files or shards[:1], "eval_files": shards[1:]}
        return feature_set.read(freeze(folder, settings, **files, **pretrained, **changes))

    return make


def everything(features, array="pooled"):
    keys = sorted(features.places)
    inputs, _ = features.rows(keys, [0] * len(keys), array=array, columns=()).take(
        np.arange(len(keys))
    )
    return dict(zip(keys, inputs, strict=True))


def test_each_image_is_run_once_a_view(frozen, forwards):
    first = frozen()
    assert sum(forwards) == 6 * 2 + 6  # the mirror image of those to train on, too
    assert dataclasses.asdict(first.account) | {"bytes": 0} == {
        "rows": 18,
        "computed": 18,
        "bytes": 0,
    }


def test_nothing_is_run_again(frozen, forwards):
    first = everything(frozen())
    forwards.clear()
    again = frozen()
    assert forwards == []
    assert again.account.computed == 0
    assert all(np.array_equal(first[key], row) for key, row in everything(again).items())


def test_new_images_are_run_and_no_others(frozen, forwards, shards, more):
    frozen()
    forwards.clear()
    grown = frozen(train_files=[more, *shards[:1]])
    assert sum(forwards) == grown.account.computed == 4 * 2


def test_another_view_is_run_for_the_images_to_train_on(frozen, forwards):
    frozen()
    forwards.clear()
    frozen(with_settings(**CHANGED))
    assert sum(forwards) == 6 * 2


def test_damaged_rows_are_run_again_and_no_others(frozen, forwards, tmp_path):
    whole = everything(frozen())
    forwards.clear()
    [path] = (tmp_path / "store").glob("*/*/pooled.bin")
    content = bytearray(path.read_bytes())
    row_bytes = len(content) // 18
    for row in (3, 7):
        content[row * row_bytes + 5] ^= 1
    path.write_bytes(bytes(content))
    mended = frozen()
    assert sum(forwards) == 2
    assert all(np.array_equal(whole[key], row) for key, row in everything(mended).items())


def test_lost_store_is_computed_anew_and_the_set_stands_on_its_own(frozen, forwards, tmp_path):
    first = frozen()
    before = everything(first)
    forwards.clear()
    shutil.rmtree(tmp_path / "store")
    assert everything(first).keys() == before.keys()
    frozen()
    assert sum(forwards) == 18


def test_last_batch_is_filled_up_to_the_size_of_the_others(frozen, monkeypatch):
    from trainer.frozen_forward import Forward

    sizes = set()
    make = Forward.__init__

    def small(self, base, **options):
        make(self, base, **{**options, "batch_size": 5})
        run = self._run
        self._run = lambda pixels: (sizes.add(len(pixels)), run(pixels))[1]
        self._run.structured_outputs = run.structured_outputs

    whole = everything(frozen())
    monkeypatch.setattr(Forward, "__init__", small)
    parts = everything(frozen(with_settings(image={"size": SIZE, "scaling": "zero_to_one"})))
    assert sizes == {5}
    assert parts.keys() == whole.keys()


def test_features_of_a_random_base_are_those_of_keras_with_the_statistics_that_are_kept(
    freeze, shards, tmp_path
):
    import tensorflow as tf

    from trainer import feature_set, frozen_base, raw_images, views

    files = {"train_files": shards[:1], "eval_files": shards[1:]}
    features = feature_set.read(freeze(tmp_path / "set", SETTINGS, **files))
    assert features.statistics is not None
    statistics = frozen_base.Statistics.load(features.statistics)
    base = frozen_base.build(SETTINGS, None, statistics)
    digests = raw_images.digests(shards[1:])
    found = raw_images.decoded(shards[1:], range(len(digests)), size=SIZE)
    pixels = np.stack([pixels for _, pixels in found.as_numpy_iterator()])
    expected = np.asarray(base(tf.constant(pixels / 127.5 - 1, tf.float32)))
    keys = [views.key(digest, views.PLAIN) for digest in digests]
    maps, pooled = everything(features, "map"), everything(features)
    got = np.stack([maps[key] for key in keys]).astype(np.float32)
    assert np.abs(got - expected).max() < 1e-3 * np.abs(expected).max()
    means = np.stack([pooled[key] for key in keys])
    # Before mixed1 come the columns of mixed0.
    assert means.shape[1] == 256 + expected.shape[-1]
    assert np.abs(means[:, 256:] - expected.mean(axis=(1, 2))).max() < 1e-5 * expected.max()


def test_other_settings_of_the_pixels_share_no_features(frozen, forwards):
    frozen()
    forwards.clear()
    frozen(with_settings(image={"size": SIZE, "scaling": "zero_to_one"}))
    assert sum(forwards) == 18


def test_too_little_room_is_told_before_anything_is_computed(frozen, forwards):
    with pytest.raises(ConfigError, match=r"features.max_gigabytes = 1e-05.*18 rows.*gc"):
        frozen(max_gigabytes=1e-5)
    assert forwards == []


def test_full_disk_is_told_before_anything_is_computed(frozen, forwards, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(WorkDirError, match="18 rows of features need"):
        frozen()
    assert forwards == []


def test_only_what_the_head_reads_is_kept_where_that_is_asked_for(frozen, forwards):
    pooled = frozen(arrays=("pooled",))
    assert not list(pooled.folder.glob("segments/*/map.bin"))
    forwards.clear()
    frozen(arrays=("pooled", "map"))
    assert sum(forwards) == 18


def test_thawing_keeps_what_lies_below_the_frost_line(frozen):
    model = {"cut": "mixed2", "thaw_from": "mixed1"}
    features = frozen(with_settings(model=model))
    assert features.base.line == "mixed1"
    assert [block.name for block in features.base.blocks] == ["mixed0", "mixed1"]


def test_thawing_with_no_block_below_is_refused(frozen):
    with pytest.raises(ConfigError, match=r'thaw_from = "conv2d".*train.base = "live"'):
        frozen(with_settings(model={"cut": "mixed1", "thaw_from": "conv2d"}))


def test_pictures_to_warm_a_server_with_come_from_validation(frozen, shards):
    from trainer import raw_images

    encoded = raw_images.encoded(shards[1:], range(6)).as_numpy_iterator()
    assert set(frozen().pictures()) == {picture for _, picture in encoded}
