"""The page says what summary.json says, of every kind of run, and refers to nothing outside."""

import json
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from components.gates import Gate
from components.judged_images import JudgedImage
from components.quarantine import SetAside
from pipeline.report import gallery, numerals, page
from pipeline.report.distributions import Bin, Distribution, Spread
from pipeline.report.evidence import Evidence
from pipeline.steps import Step
from pipeline.summary import Failure
from trainer import features

NOTHING_DONE = {
    "data": {"path": "my photos"},
    "steps": (),
    "training": None,
    "evaluation": None,
    "evaluation_by_class": None,
    "evaluation_by_slice": None,
    "gates": (),
    "pushed": None,
}
TRIAL = {"values": {"model.cut": "mixed7"}, "val_loss": 0.125, "val_accuracy": 0.95, "epoch": 3}
TUNING = {
    "objective": "val_loss",
    "trials": [{**TRIAL, "number": 2, "seconds": 2.5}, {**TRIAL, "number": 1, "seconds": 3.5}],
}
OTHER_RUNS = {
    "tuned": {**NOTHING_DONE, "tuning": TUNING},
    "not_blessed": {"pushed": None},
    "not_pushed": {"pushed": None, "model": {"weights": "random", "untrained": True}},
    "withdrawn": {"pushed": None},
    "not_servable": {"pushed": None},
    "finished": NOTHING_DONE,
    "refused": {
        **NOTHING_DONE,
        "gates": [Gate("leak", 3, {"max": 0}, False, "3 leak.", ("cats/1.jpg",), "DataGate")],
    },
    "failed": {**NOTHING_DONE, "error": Failure("Trainer", "ValueError", "all is lost")},
    "interrupted": {**NOTHING_DONE, "error": Failure(None, "KeyboardInterrupt", "")},
}
NASTY = "<script>alert('&')</script> \"q\" 🐈\u200d⬛ \x00\x1b\ud800"


def tree(html) -> Any:
    """The page's elements; a page that is not well-formed is an error."""
    return ElementTree.fromstring(html.removeprefix("<!DOCTYPE html>"))


def text(html):
    body = tree(html).find("body")
    body.remove(body.find("script"))
    return " ".join(" ".join(body.itertext()).split())


def numbers(html):
    return [float(data.get("value")) for data in tree(html).iter("data")]


def some_spread():
    spread = {"low": 0.0, "mean": 0.4, "median": 0.375, "high": 1.0}
    bins = (Bin(0.0, 0.5, 1.5), Bin(0.5, 1.0, 0.5))
    every = [
        Distribution(features.BRIGHTNESS, split, **spread, bins=bins) for split in ("train", "eval")
    ]
    return Spread(every, {"train": {"JPEG": 17}, "eval": {"PNG": 4}})


def judged(pictures=None):
    """Ten images, one of them with a wrong label, and what is chosen of them."""
    images = []
    for number in range(10):
        dogs = 0.55 if number == 3 else number / 10
        truth, label = ("dogs" if number >= 5 else "cats"), ("dogs" if dogs >= 0.5 else "cats")
        scores = {"cats": 1 - dogs, "dogs": dogs}
        images.append(
            JudgedImage(f"v/{truth}/{number}.jpg", "", truth, label, scores[label], scores)
        )
    shown = replace(gallery.choose(images, threshold=0.5), pictures=pictures or {})
    return Evidence(judged=images, gallery=shown)


def test_verdict_is_a_sentence_at_the_top(draw):
    [heading] = tree(draw()).iter("h1")
    assert heading.text == "The model passed all 2 checks and is version 7."


def test_every_metric_stands_there_to_the_last_digit(draw):
    shown = numbers(draw())
    assert {0.997, 0.009384462609887123, 1000.0, 136.25, 3000, 3003} <= set(shown)


def test_every_check_is_told_with_value_and_bound(draw):
    html = draw()
    assert "quarantined share: 0.00100 , at most 0.1" in text(html)
    assert {0.001, 0.1, 0.997, 0.8} <= set(numbers(html))
    assert text(html).count("✓ passed") == 2


def test_failed_check_names_its_files(draw):
    said = text(draw(status="refused", **OTHER_RUNS["refused"]))
    assert "✕ failed 3 leak." in said
    assert "cats/1.jpg" in said


def test_images_are_counted_by_class_and_split(draw):
    html = draw()
    cats = next(row for row in tree(html).iter("tr") if row.find("th/bdi") is not None)
    assert [float(data.get("value")) for data in cats.iter("data")] == [1001, 490]


def test_splits_are_called_what_the_data_call_them(draw):
    data = {
        "path": "my photos",
        "read": 4,
        "accepted": 4,
        "accepted_by_split": {"train": {"cats": 2}, "eval": {"cats": 2}},
        "split_names": {"eval": "validation", "train": "training"},
    }
    html = draw(Evidence(some_spread()), data=data)
    said = text(html)
    assert "images of validation, through" in said
    assert "Images in validation 2" in said
    heads = {head.text for head in tree(html).iter("th")}
    cells = {cell.text for cell in tree(html).iter("td")}
    assert {"training", "validation"} <= heads & cells
    assert not {"train", "eval"} & (heads | cells)
    assert "images of eval, through" in text(draw())


def test_threshold_begins_with_what_is_served(draw):
    html = draw(judged())
    chooser = tree(html).find(".//div[@class='chooser']")
    choice = json.loads(chooser.get("data-choice"))
    assert choice["points"][choice["served"]] == [0.5, 5, 1]
    assert chooser.find(".//input").get("value") == str(choice["served"])
    figures = {
        figure.get("data-shows"): float(figure.find("data").get("value"))
        for figure in chooser.iter("dd")
    }
    assert figures == {"threshold": 0.5, "accuracy": 0.9, "precision": 5 / 6, "recall": 1.0}
    cells = [float(data.get("value")) for data in chooser.findall(".//tbody//data")]
    assert cells == [4, 1, 0, 5]


def test_slider_is_hidden_until_a_script_can_move_it(draw):
    html = draw(judged())
    moves = [each for each in tree(html).iter() if "moves" in (each.get("class") or "").split()]
    assert len(moves) == 2
    assert all(each.get("hidden") is not None for each in moves)
    assert "An image gets the label dogs from a score of" in text(html)


def test_curves_of_a_class_are_drawn_with_their_areas_and_a_table(draw):
    html = draw(judged())
    labels = [svg.get("aria-label") or "" for svg in tree(html).iter("svg")]
    assert "ROC: true positive rate against false positive rate" in labels
    assert "Precision and recall: precision against recall" in labels
    assert "AUC 0.9600" in text(html)
    assert "0.5000 (served)" in text(html)
    assert "ROC" not in text(draw())


def test_gallery_shows_mistakes_doubts_and_what_is_right(draw):
    found = "data:image/jpeg;base64,AA=="
    html = draw(judged({"v/cats/3.jpg": found}))
    [picture] = tree(html).iter("img")
    assert (picture.get("src"), picture.get("alt")) == (found, "v/cats/3.jpg")
    said = text(html)
    assert "dogs 0.5500 is cats 0.4500 3.jpg" in said
    assert "1 of 1 wrong labels" in said
    assert said.index("Worst mistakes") < said.index("Least certain") < said.index("One of each")
    assert "no picture " in said


def test_gallery_without_pictures_tells_names_and_scores(draw):
    html = draw(judged())
    assert list(tree(html).iter("img")) == []
    assert "dogs 0.5500 is cats 0.4500 3.jpg" in text(html)
    assert "no pictures are shown" in text(html)


def test_slices_are_sorted_by_accuracy_and_small_ones_are_faint(draw):
    table = tree(draw()).find(".//table[@class='sortable']")
    rows = [
        (row.find("th/bdi").text, row.get("class")) for row in table.find("tbody").findall("tr")
    ]
    assert rows == [("dark", "faint"), ("cats", None), ("dogs", None)]


def test_confusions_make_a_square(draw):
    html = draw(confusion={"cats": {"cats": 489, "dogs": 1}, "dogs": {"dogs": 510}})
    cells = tree(html).findall(".//table[@class='confusion narrow']//data")
    assert [float(cell.get("value")) for cell in cells] == [489, 1, 0, 510]
    assert "Confusion" not in text(draw())


def test_confusions_of_many_classes_are_told_by_the_most_frequent(draw):
    names = [f"class {number}" for number in range(500)]
    table = {name: dict.fromkeys(names, 1) for name in names}
    table["class 7"]["class 8"] = 99
    html = draw(confusion=table)
    assert "Most frequent mistakes Class Served as Images class 7 class 8 99 " in text(html)
    assert len(html) < 200_000


def test_curves_have_a_table_with_the_best_epoch(draw):
    html = draw()
    assert "2 (best)" in re.sub(r"\s+", " ", text(html))
    assert {0.91, 0.93, 0.92, 0.4} <= set(numbers(html))


def test_calibration_is_told_before_and_after(draw):
    assert {0.75, 0.5, 0.0224} <= set(numbers(draw()))
    training = {"best_epoch": 1, "epochs": [{"epoch": 1, "loss": 1.0, "val_loss": 1.0}]}
    assert "Calibration" not in text(draw(training=training))


def test_properties_are_charts_with_a_table(draw):
    html = draw(Evidence(some_spread()))
    assert "Brightness, 0 to 1" in text(html)
    drawings = {svg.get("aria-label", ""): svg for svg in tree(html).iter("svg")}
    [drawing] = [svg for label, svg in drawings.items() if label.startswith("Brightness")]
    assert [path.get("class") for path in drawing.iter("path")] == ["area train", "area eval"]
    assert {17, 4, 0.375} <= set(numbers(html))


def test_property_that_all_images_share_is_told_in_words(draw):
    alike = Distribution(features.WIDTH, "train", 100.0, 100.0, 100.0, 100.0, ())
    html = draw(Evidence(Spread([alike], {})))
    assert "Width, pixels 100 in every image" in text(html)


def test_files_set_aside_are_shown_with_their_reason(draw):
    aside = [SetAside("cats/a.jpg", "cats", "empty", "no bytes"), SetAside("b", "", "x", "y")]
    html = draw(Evidence(set_aside=aside, pictures={"cats/a.jpg": "data:image/jpeg;base64,AA=="}))
    [picture] = tree(html).iter("img")
    assert (picture.get("src"), picture.get("alt")) == (
        "data:image/jpeg;base64,AA==",
        "What can be seen of cats/a.jpg",
    )
    assert "cats/a.jpg empty no bytes" in text(html)
    assert "no picture" in text(html)


def test_page_of_thousands_of_bad_files_stays_small(draw):
    aside = [SetAside(f"cats/{n:06}.jpg", "cats", "empty", "no bytes") for n in range(5_000)]
    html = draw(Evidence(set_aside=aside))
    assert len(html) < 200_000
    assert "4,800 others" in text(html)


def test_changed_settings_come_before_all_others(draw):
    config = {"train": {"epochs": 3}, "image": {"size": 299}}
    said = text(draw(config=config))
    assert said.index("What differs from the preset") < said.index("train.epochs 3")
    assert "train.epochs 3 20" in said


def test_next_command_and_the_own_command_are_there(draw):
    assert "frostline predict --model some/w IMAGE..." in text(draw())
    assert "frostline run --data 'my photos'" in text(draw())


def test_lineage_of_what_was_pushed_is_on_the_card(draw):
    rows = [("data fingerprint", "cfc052"), ("folder", "/w/serving/<b>/7 is served")]
    html = draw(Evidence(lineage=rows, lineage_tree=["Pusher 12", "└── model: Trainer 8"]))
    said = text(html)
    assert "cfc052" in said
    assert "/w/serving/<b>/7 is served" in said
    assert "Pusher 12\n└── model: Trainer 8" in html
    assert "Lineage" not in text(draw(Evidence()))


def test_untrained_model_is_marked(draw):
    assert "UNTRAINED" in text(draw(model={"weights": "random", "untrained": True}))
    assert "UNTRAINED" not in text(draw())


def test_reason_of_acceptance_is_told(draw):
    said = text(draw(data={"path": "p", "accept_reason": "I looked at them"}))
    assert "I looked at them" in said


@pytest.mark.parametrize("status", OTHER_RUNS)
def test_every_kind_of_run_has_a_page(draw, status):
    said = text(draw(status=status, **OTHER_RUNS[status]))
    assert "Settings and versions" in said
    assert "None" not in said


def test_failed_run_says_what_went_wrong_and_shows_its_steps(draw):
    steps = [Step("ImageExampleGen", "ran", 1.0), Step("Trainer", "failed", 2.0), Step("Pusher")]
    failure = {**OTHER_RUNS["failed"], "steps": steps}
    html = draw(status="failed", **failure)
    assert "The run failed in Trainer: all is lost" in text(html)
    assert "the same command goes on" in text(html).lower()
    assert 'class="dot failed"' in html
    bars = [each.find("span/span[@class='bar']") for each in tree(html).findall(".//ol/li")]
    assert [bar is not None for bar in bars[:3]] == [True, True, False]


@pytest.mark.parametrize("status", ["pushed", *OTHER_RUNS])
def test_page_refers_to_nothing_outside(draw, status):
    found = replace(judged(), spread=some_spread())
    html = draw(found, status=status, **OTHER_RUNS.get(status, {}))
    found = [
        value
        for element in tree(html).iter()
        for name, value in element.items()
        if name in {"src", "href", "srcset", "action", "data"}
    ]
    assert all(value.startswith(("#", "data:")) for value in found)
    assert not re.search(r"@import|url\(|https?:|fetch|XMLHttp", html)


def test_names_are_harmless_wherever_they_stand(draw):
    by_label = {NASTY: 3, "dogs": 4}
    metrics = {"accuracy": 0.5, "example_count": 50.0}
    nasty = JudgedImage(NASTY, NASTY, NASTY, "dogs", 0.75, {NASTY: 0.25, "dogs": 0.75})
    html = draw(
        Evidence(
            set_aside=[SetAside(NASTY, NASTY, NASTY, NASTY)],
            pictures={NASTY: "data:,"},
            judged=[nasty, replace(nasty, truth="dogs")],
            gallery=gallery.choose([nasty], threshold=None),
        ),
        status="failed",
        command=["frostline", NASTY],
        log=NASTY,
        data={
            "path": NASTY,
            "read": 7,
            "accepted": 7,
            "accepted_by_split": {"train": by_label},
            "quarantined": {NASTY: 1},
            "accept_reason": NASTY,
        },
        evaluation_by_class={NASTY: metrics},
        confusion={NASTY: {NASTY: 3, "dogs": 1}},
        gates=[Gate(NASTY, 1, {"max": 0}, False, NASTY, (NASTY,))],
        error=Failure(NASTY, NASTY, NASTY),
        versions={NASTY: NASTY},
    )
    assert [script.text.count("alert") for script in tree(html).iter("script")] == [0]
    assert text(html).count("<script>alert('&')</script> \"q\" 🐈\u200d⬛ ���") > 15
    html.encode()


def test_numbers_that_are_none_are_a_dash(draw):
    html = draw(evaluation={"accuracy": None, "log_loss": float("nan"), "example_count": 3.0})
    assert "nan" not in text(html).lower()
    assert f"Log loss {numerals.NONE}" in text(html)


def test_file_is_written_whole_or_not_at_all(tmp_path, a_summary):
    path = tmp_path / "report.html"
    path.write_text("the one before")
    with pytest.raises(KeyError):
        page.write(path, a_summary(model={}), Evidence(), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "the one before"
    with pytest.raises(IsADirectoryError):
        page.write(tmp_path, a_summary(), Evidence(), tmp_path)
    assert not tmp_path.with_suffix(".unfinished").exists()
    page.write(path, a_summary(), Evidence(), tmp_path)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
