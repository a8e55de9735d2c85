"""The report as a person reads it."""

import io
import re

import pytest

from components.image_files import ImageFile
from components.properties import ImageProperties
from components.quarantine import IngestionCounts, SetAside
from pipeline import data_report, data_screen
from pipeline.data_facts import ImageFacts
from pipeline.data_report import DataReport, Problem, Spread, Worst

IMAGE = ImageFacts(
    file=ImageFile("/photos/cats/a.jpg", "cats/a.jpg", "cats", None),
    split="train",
    bytes=1200,
    format="JPEG",
    height=40,
    width=60,
    sha256="00",
    properties=ImageProperties(1.5, 0.1, 0.2, 0.3, 20.0),
    hash=None,
)


def report(*, by_split=None, set_aside=(), problems=()):
    by_split = by_split or {"train": {"cats": 8, "dogs": 4}, "eval": {"cats": 2, "dogs": 0}}
    images = sum(sum(by_label.values()) for by_label in by_split.values())
    reasons = {row.reason: 0 for row in set_aside}
    for row in set_aside:
        reasons[row.reason] += 1
    return DataReport(
        data="photos",
        span="",
        counts=IngestionCounts(images + len(set_aside), images, by_split, reasons, ignored=2),
        bytes=1_234_567,
        formats={"JPEG": images},
        spreads={"width": Spread(10, 400, 1600, (0, 1, 8, *[4] * (data_report.BINS - 3)))},
        worst={"smallest": [Worst(IMAGE, 40)]},
        set_aside=set_aside,
        look_alikes=(),
        look_alikes_found=0,
        problems=problems,
    )


def shown(*arguments, **options):
    stream = io.StringIO()
    data_screen.show(report(*arguments, **options), stream)
    return stream.getvalue()


def line_of(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))


def test_the_first_lines_say_what_there_is():
    text = shown(set_aside=[SetAside("cats/x.jpg", "cats", "empty", "the file has no bytes")])
    assert text.splitlines()[:2] == [
        "photos",
        "14 images · 1.2 MB · 14 JPEG · 1 set aside · 2 ignored",
    ]


def test_classes_are_counted_by_split_with_a_bar_for_their_share():
    text = shown()
    assert line_of(text, "cats").split() == ["cats", "8", "2", "10", "█" * 24]
    assert line_of(text, "dogs").split() == ["dogs", "4", "0", "4", "█" * 9 + "▋"]
    assert line_of(text, "all").split() == ["all", "12", "2", "14"]


def test_of_many_classes_the_largest_and_the_smallest_are_shown():
    by_label = {f"class{number:03d}": number + 1 for number in range(100)}
    text = shown(by_split={"train": by_label})
    assert line_of(text, "class099").split()[1] == "100"
    assert line_of(text, "class000").split()[1] == "1"
    assert "class090" in text
    assert "class089" not in text
    assert "class009" in text
    assert "class010" not in text
    assert "... 80 more classes" in text


def test_property_is_shown_with_its_ends_and_its_histogram():
    parts = line_of(shown(), "width").split()
    assert parts == ["width", "10", "px", "▂█▅▅▅▅▅▅▅▅▅", "400", "px", "1,600", "px"]


def test_worst_images_are_named_with_what_makes_them_so():
    assert line_of(shown(), "smallest").split() == ["smallest", "40", "px", "cats/a.jpg"]


def test_each_reason_is_shown_with_a_few_of_its_files():
    rows = [SetAside(f"cats/{n}.jpg", "cats", "undecodable", "broken") for n in range(9)]
    rows.append(SetAside("cats/none.jpg", "cats", "empty", "the file has no bytes"))
    text = shown(set_aside=rows)
    assert "9 undecodable  cats/0.jpg  broken" in text
    assert "cats/2.jpg" in text
    assert "cats/3.jpg" not in text
    assert "... and 6 more, which --json names" in text
    assert "1 empty        cats/none.jpg  the file has no bytes" in text


@pytest.mark.parametrize(("stops", "verb"), [(True, "refuse"), (False, "accept")])
def test_the_verdict_comes_last(stops, verb):
    problems = [Problem("images_per_class", "There are few.", stops, files=["cats/a.jpg"])]
    lines = shown(problems=problems).splitlines()
    assert lines[-3][2:] == "There are few."
    assert lines[-2].strip() == "cats/a.jpg"
    assert lines[-1][2:] == f"A run would {verb} these data."


def test_name_of_a_file_cannot_move_the_cursor():
    row = SetAside("cats/\x1b[2J\n.jpg", "cats", "empty", "a\nb")
    text = shown(set_aside=[row])
    assert "\x1b" not in text
    assert "cats/\\x1b[2J .jpg  a b" in text


def test_lines_in_a_file_are_neither_coloured_nor_padded():
    lines = shown().splitlines()
    assert all(line == line.rstrip() and "\x1b" not in line for line in lines)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_of_80_columns_is_kept_to(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    rows = [SetAside("cats/" + "long" * 30, "cats", "undecodable", "broken " * 30)]
    problems = [Problem("class_imbalance", "words " * 40, stops=False, files=["file" * 40])]
    stream = Terminal()
    data_screen.show(report(set_aside=rows, problems=problems), stream)
    text = re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue())
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (9_960, "10 KB"),
        (999_600, "1.0 MB"),
        (2.5e9, "2.5 GB"),
        (7e15, "7000 TB"),
    ],
)
def test_sizes_are_short(number, said):
    assert data_screen.size(number) == said
