"""Two runs are held against each other image by image, known by its bytes."""

import json

import pytest

from components import judged_images
from components.judged_images import JudgedImage
from pipeline import comparison, comparison_text, flips
from pipeline.flips import Flip


def judged(name, label, *, path=None, truth="cats"):
    return JudgedImage(path or f"{name}.jpg", name, truth, label, 0.75, {"cats": 0.75})


@pytest.fixture
def keep(work_dir):
    def kept(run_id, *images):
        folder = work_dir.runs / run_id
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(json.dumps({"status": "pushed"}))
        if images:
            (folder / "predictions.jsonl").write_text(judged_images.text(images))
        return folder

    return kept


BEFORE = [judged("a", "cats"), judged("b", "dogs"), judged("c", "cats"), judged("gone", "dogs")]
AFTER = [
    judged("a", "dogs", path="moved.jpg"),
    judged("b", "cats"),
    judged("c", "cats"),
    judged("new", "dogs"),
]


def test_images_that_were_mended_and_broken_are_named(keep):
    found = flips.find(keep("1", *BEFORE), keep("2", *AFTER))
    assert found is not None
    assert found.images == 3
    assert found.broken == [Flip("moved.jpg", "a", "cats", "cats", "dogs")]
    assert found.mended == [Flip("b.jpg", "b", "cats", "dogs", "cats")]


def test_runs_without_predictions_have_none(keep):
    old, new = keep("1"), keep("2", *AFTER)
    assert flips.find(old, new) is None
    assert flips.find(new, old) is None
    (old / "predictions.jsonl").write_text("half a li")
    assert flips.find(old, new) is None


def test_comparison_tells_them_and_counts_what_is_too_many(keep, work_dir):
    many = [judged(f"{number:02}", "cats") for number in range(25)]
    keep("1", *BEFORE, *many)
    keep("2", *AFTER, *(judged(image.sha256, "dogs") for image in many))
    found = comparison.compare(work_dir, "1", "2")
    told = "\n".join(comparison_text.lines(found, width=100))
    assert "of 28 judged in both, 26 broken and 1 mended" in told
    assert "  broken  00.jpg  cats → dogs, is cats\n" in told
    assert "  mended  b.jpg  dogs → cats, is cats\n" in told
    assert "  6 more broken (--json lists all)\n" in told


def test_comparison_of_older_runs_says_that_nothing_was_kept(keep, work_dir):
    keep("1")
    keep("2", *AFTER)
    told = "\n".join(comparison_text.lines(comparison.compare(work_dir, "1", "2"), width=100))
    assert "one of the runs kept no predictions" in told
