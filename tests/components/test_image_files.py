"""Which files a data folder holds, in both layouts, and what is wrong with it."""

import os

import pytest

from components import image_files, inputs
from trainer.errors import DataError


@pytest.fixture
def data(tmp_path):
    """Makes empty files by their paths below a data folder."""

    def make(*names):
        for name in names:
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path / "data"

    return make


def found(folder):
    return [(file.name, file.label, file.split) for file in inputs.find(str(folder)).files]


def refusal(folder):
    with pytest.raises(DataError) as caught:
        inputs.find(str(folder))
    message = str(caught.value)
    assert str(folder) in message
    return message


def test_class_folders_give_labels_and_leave_the_split_open(data):
    folder = data("dogs/2.jpg", "cats/1.jpg", "dogs/1.jpg")
    assert found(folder) == [
        ("cats/1.jpg", "cats", None),
        ("dogs/1.jpg", "dogs", None),
        ("dogs/2.jpg", "dogs", None),
    ]
    assert image_files.splits_of(inputs.find(str(folder)).files) == ["train", "eval"]


def test_split_folders_give_labels_and_splits(data):
    folder = data("train/cats/1", "train/dogs/1", "validation/cats/2", "validation/dogs/2")
    assert found(folder) == [
        ("train/cats/1", "cats", "train"),
        ("train/dogs/1", "dogs", "train"),
        ("validation/cats/2", "cats", "eval"),
        ("validation/dogs/2", "dogs", "eval"),
    ]
    assert image_files.splits_of(inputs.find(str(folder)).files) == ["train", "eval"]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("validation", "eval"),
        ("valid", "eval"),
        ("val", "eval"),
        ("eval", "eval"),
        ("Validation", "eval"),
    ],
)
def test_validation_folder_has_many_names(data, name, split):
    folder = data("train/a/1", "train/b/1", f"{name}/a/2", f"{name}/b/2")
    assert {file.split for file in inputs.find(str(folder)).files} == {"train", split}


@pytest.mark.parametrize("name", ["train", "training", "TRAIN"])
def test_training_folder_has_many_names(data, name):
    folder = data(f"{name}/a/1", f"{name}/b/1", "val/a/2", "val/b/2")
    assert {file.split for file in inputs.find(str(folder)).files} == {"train", "eval"}


def test_test_folder_is_a_third_split(data):
    folder = data(*(f"{split}/{label}/1" for split in ("test", "train", "val") for label in "ab"))
    assert image_files.splits_of(inputs.find(str(folder)).files) == ["train", "eval", "test"]


def test_a_class_may_be_named_like_a_split(data):
    assert {label for _, label, _ in found(data("train/1.jpg", "plane/1.jpg"))} == {
        "plane",
        "train",
    }


def test_nested_folders_belong_to_their_class(data):
    assert found(data("cats/2024/may/1.jpg", "dogs/1.jpg"))[0] == (
        "cats/2024/may/1.jpg",
        "cats",
        None,
    )


def test_files_of_the_system_are_ignored(data):
    folder = data(
        "cats/1.jpg",
        "dogs/1.jpg",
        "dogs/.DS_Store",
        "dogs/Thumbs.db",
        "dogs/desktop.ini",
        "dogs/.hidden/1.jpg",
        "dogs/__MACOSX/1.jpg",
        "__MACOSX/dogs/1.jpg",
        ".git/objects/1",
    )
    assert [name for name, _, _ in found(folder)] == ["cats/1.jpg", "dogs/1.jpg"]
    assert inputs.find(str(folder)).ignored == 7


def test_folders_of_the_system_do_not_hide_the_splits(data):
    folder = data("train/a/1", "train/b/1", "val/a/1", "val/b/1", "__MACOSX/train/x", ".git/x")
    assert {label for _, label, _ in found(folder)} == {"a", "b"}


def test_files_beside_the_class_folders_are_left_out(data):
    folder = data("cats/1.jpg", "dogs/1.jpg", "README.txt", "stray.jpg")
    assert [name for name, _, _ in found(folder)] == ["cats/1.jpg", "dogs/1.jpg"]
    assert inputs.find(str(folder)).ignored == 2


def test_names_keep_their_spaces_and_letters(data):
    folder = data("chats rêveurs/été 1.jpg", "犬/ポチ.jpg")
    assert [(name, label) for name, label, _ in found(folder)] == [
        ("chats rêveurs/été 1.jpg", "chats rêveurs"),
        ("犬/ポチ.jpg", "犬"),
    ]


def test_a_name_that_is_not_utf_8_can_be_written_and_opened(data):
    folder = data("cats/1.jpg", "dogs/1.jpg")
    (folder / "dogs" / os.fsdecode(b"caf\xe9.jpg")).write_text("here")
    file = inputs.find(str(folder)).files[-1]
    assert file.name == "dogs/caf\\xe9.jpg"
    with open(file.path) as opened:  # noqa: PTH123  the path is a string
        assert opened.read() == "here"


def test_linked_folders_are_followed_and_loops_are_not(data, tmp_path):
    folder = data("cats/1.jpg", "dogs/1.jpg")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "2.jpg").touch()
    (folder / "dogs" / "more").symlink_to(elsewhere)
    for name in ("up", "again"):
        (folder / "dogs" / name).symlink_to(folder / "dogs")
    assert [name for name, _, _ in found(folder)] == [
        "cats/1.jpg",
        "dogs/1.jpg",
        "dogs/more/2.jpg",
    ]


def test_a_link_that_leads_nowhere_is_listed(data):
    folder = data("cats/1.jpg", "dogs/1.jpg")
    (folder / "dogs" / "gone.jpg").symlink_to(folder / "nowhere")
    assert found(folder)[-1] == ("dogs/gone.jpg", "dogs", None)


def test_missing_folder_is_told(tmp_path):
    message = refusal(tmp_path / "nowhere")
    assert "does not exist; should be a folder laid out as DIR/<class>/*" in message


def test_file_that_is_nothing_known_is_told(tmp_path):
    (tmp_path / "photos.zip").touch()
    assert "is neither a folder nor an archive nor a manifest" in refusal(tmp_path / "photos.zip")
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    assert "is neither a folder nor an archive nor a manifest" in refusal(tmp_path / "cat.jpg")


@pytest.mark.parametrize("names", [(), ("stray.jpg",), ("cats/.DS_Store",), ("train/1.jpg",)])
def test_folder_without_a_class_folder_that_holds_files_is_told(data, tmp_path, names):
    (tmp_path / "data").mkdir()
    message = refusal(data(*names) if names else tmp_path / "data")
    assert "holds no image in a class folder; expected DIR/<class>/*" in message


@pytest.mark.parametrize("names", [("cats/1.jpg",), ("train/cats/1", "val/cats/2")])
def test_one_class_only_is_told_by_its_name(data, names):
    assert "holds one class only, 'cats'; a classifier needs two or more" in refusal(data(*names))


def test_train_without_validation_is_told(data):
    message = refusal(data("train/a/1", "train/b/1"))
    assert "has no validation folder beside 'train'; expected " in message


def test_validation_without_train_is_told(data):
    message = refusal(data("val/a/1", "val/b/1"))
    assert "has no train folder beside 'val'; expected " in message


def test_class_that_a_split_lacks_is_told_with_the_split(data):
    message = refusal(data("train/a/1", "train/b/1", "val/a/1"))
    assert "class 'b' has no image in 'val' of " in message
    assert "add some, or remove the class" in message


def test_splits_keep_the_names_of_their_folders(data):
    folder = data("Training/cats/1", "Training/dogs/1", "Valid/cats/2", "Valid/dogs/2")
    assert inputs.find(str(folder)).split_names == {"train": "Training", "eval": "Valid"}


def test_files_in_no_split_folder_name_no_split(data):
    assert inputs.find(str(data("cats/1", "dogs/1"))).split_names == {}
