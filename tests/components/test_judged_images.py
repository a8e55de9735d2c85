"""What was served for each judged image is kept as lines of JSON, in an order of its own."""

import json

import pytest

from components import judged_images
from components.judged_images import JudgedImage


def judged(path, *, truth="cold", label="cold", sha256="ab"):
    return JudgedImage(path, sha256, truth, label, 0.75, {"cold": 0.75, "wärm": 0.25})


def test_file_gives_back_what_was_written(tmp_path):
    images = [judged("a/1.png"), judged("a/2 é.png", truth="wärm")]
    (tmp_path / "kept").write_text(judged_images.text(images), encoding="utf-8")
    assert judged_images.read(tmp_path / "kept") == images


def test_same_answers_make_the_same_file_in_whatever_order():
    images = [judged("b"), judged("a", sha256="2"), judged("a", sha256="1")]
    assert judged_images.text(images) == judged_images.text(reversed(images))
    lines = judged_images.text(images).splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["a", "a", "b"]


def test_line_has_what_predict_says_and_the_truth():
    [line] = judged_images.text([judged("a")]).splitlines()
    assert list(json.loads(line)) == ["path", "sha256", "truth", "label", "score", "scores"]


def test_label_is_right_where_it_is_the_truth():
    assert judged("a").is_right
    assert not judged("a", label="warm").is_right


@pytest.mark.parametrize("content", ["{", "7", '{"path": "a"}'])
def test_file_of_another_kind_is_a_value_error(tmp_path, content):
    (tmp_path / "kept").write_text(content)
    with pytest.raises(ValueError, match=r"kept|Expecting"):
        judged_images.read(tmp_path / "kept")
