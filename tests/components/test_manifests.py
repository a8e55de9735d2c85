"""Manifests, good and broken."""

import json
from pathlib import Path

import pytest

from components import manifests
from trainer.errors import DataError


@pytest.fixture
def manifest(tmp_path):
    def write(content, name="photos.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def refusal(path):
    with pytest.raises(DataError) as caught:
        manifests.read(path)
    assert path in str(caught.value)
    return str(caught.value)


def test_csv_names_images_beside_it_and_elsewhere(manifest, tmp_path):
    path = manifest("path,label,split,group\na/1.jpg,cats,,\n/data/2.jpg,dogs,Validation,rex\n")
    outside, beside = manifests.read(path).files
    assert (beside.path, beside.name) == (str(tmp_path / "a/1.jpg"), "a/1.jpg")
    assert (beside.label, beside.split, beside.group) == ("cats", None, None)
    assert (outside.path, outside.name) == ("/data/2.jpg", "/data/2.jpg")
    assert (outside.label, outside.split, outside.group) == ("dogs", "eval", "rex")


def test_split_keeps_the_name_that_the_manifest_gives_it(manifest):
    path = manifest("path,label,split\na.jpg,cats,Valid \nb.jpg,cats,\nc.jpg,cats,train\n")
    assert manifests.read(path).split_names == {"eval": "Valid", "train": "train"}


def test_labels_may_be_left_out_where_nobody_trains(manifest):
    for content in ("path\n1.jpg\n", "path,label\n1.jpg,\n", '{"path": "1.jpg"}\n'):
        path = manifest(content)
        [file] = manifests.read(path, is_labelled=False).files
        assert (file.name, file.label) == ("1.jpg", "")
        refusal(path)
    with pytest.raises(DataError, match="no 'path' among 'label'"):
        manifests.read(manifest("label\ncats\n"), is_labelled=False)


def test_json_lines_say_the_same(manifest):
    rows = [
        {"path": "b.jpg", "label": "dogs", "split": "test"},
        {"label": "cats", "path": "a.jpg", "group": "tom", "split": None},
    ]
    path = manifest("\n\n".join(map(json.dumps, rows)) + "\n", "photos.JSONL")
    first, second = manifests.read(path).files
    assert (first.name, first.label, first.split, first.group) == ("a.jpg", "cats", None, "tom")
    assert (second.name, second.label, second.split, second.group) == (
        "b.jpg",
        "dogs",
        "test",
        None,
    )


def test_content_and_not_the_suffix_tells_csv_from_json(manifest):
    path = manifest('{"path": "a.jpg", "label": "cats"}\n', "photos.csv")
    assert [file.label for file in manifests.read(path).files] == ["cats"]


def test_columns_come_in_any_order_with_quotes_windows_lines_and_a_byte_order_mark(manifest):
    path = manifest('\ufefflabel, path\r\n"big, cats","a ""1"".jpg"\r\n\r\n')
    [file] = manifests.read(path).files
    assert (file.label, file.name) == ("big, cats", 'a "1".jpg')


def test_url_stays_a_url_and_is_not_looked_up(manifest):
    [file] = manifests.read(manifest("path,label\nnowhere://bucket/a.jpg,cats\n")).files
    assert (file.path, file.stamp) == ("nowhere://bucket/a.jpg", "missing")


def test_url_of_a_local_file_is_that_file(manifest):
    [file] = manifests.read(manifest("path,label\nfile:///photos/a.jpg,cats\n")).files
    assert file.path == "/photos/a.jpg"


def test_file_that_is_written_again_changes_its_stamp(manifest, tmp_path):
    path = manifest("path,label\na.jpg,cats\n")
    missing = manifests.read(path).files[0].stamp
    (tmp_path / "a.jpg").write_bytes(b"1")
    assert manifests.read(path).files[0].stamp != missing


@pytest.mark.parametrize(
    ("content", "place", "said"),
    [
        ("a.jpg,cats\nb.jpg,dogs\n", "line 1", "no 'path' among 'a.jpg,cats'"),
        ("path,klass\n", "line 1", "no 'label' among 'path,klass'"),
        ("path,label,splt\n", "line 1", "unknown column 'splt'; there are path, label, split"),
        ("path,label,label\n", "line 1", "repeats a column"),
        ("path,label\na,cats\nb\n", "line 3", "'b' has 1 values and the header 2 columns"),
        ("path,label\na,cats,train\n", "line 2", "'a,cats,train' has 3 values"),
        ("path,label\n,cats\n", "line 2", "path = '' should name something"),
        ("path,label\na, \n", "line 2", "label = '' should name something"),
        ("path,label,split\na,cats,dev\n", "line 2", "split = 'dev' should be one of train,"),
        ("path,label\na,cats\n\na,dogs\n", "line 4", "'a' is named in line 2 already"),
        ('path,label\n"a,cats\n', "line 2", "broken CSV"),
        ('{"path": "a", "label": "b"}\n{oops\n', "line 2", "'{oops' is no JSON"),
        ('{"path": "a", "label": "b"}\n[1]\n', "line 2", "'[1]' is no JSON object"),
        ('{"path": "a", "label": 3}\n', "line 1", "label = '3' should be text"),
        ('{"path": "a"}\n', "line 1", "no 'label' among 'path'"),
        ('{"path": "a", "label": "b", "x": 1}\n', "line 1", "unknown column 'x'"),
    ],
)
def test_broken_line_is_told_with_its_number_and_value(manifest, content, place, said):
    message = refusal(manifest(content))
    assert f"{place}: " in message
    assert said in message


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xd8\xff\xe0", b"path,label\n\xe9,cats\n"])
def test_what_is_no_text_is_no_manifest(manifest, content):
    assert "is neither a folder nor an archive nor a manifest" in refusal(manifest(content))


@pytest.mark.parametrize("name", ["\\ud800.jpg", "\\u0000.jpg", "a\\nb.jpg"])
def test_name_that_no_file_could_have_is_listed_or_refused(manifest, name):
    path = manifest(f'{{"path": "{name}", "label": "cats"}}\n')
    try:
        [file] = manifests.read(path).files
    except DataError as error:
        assert "line 1" in str(error)  # noqa: PT017
    else:
        assert file.name.encode()
        assert file.stamp == "missing"


def test_manifest_that_cannot_be_read_is_told(tmp_path):
    assert "cannot be read" in refusal(str(Path(tmp_path) / "none.csv"))
