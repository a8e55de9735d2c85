"""What a run cannot work with is told at once, in a sentence, and nothing is half-written."""

import shutil

import pytest

pytestmark = pytest.mark.e2e

MIB = 1 << 20


@pytest.fixture
def work_dir(tmp_path):
    return tmp_path / "w"


def check_refused(ended, *said):
    assert ended.exit_code == 2
    assert "Traceback" not in ended.stdout + ended.stderr
    assert [text for text in said if text in ended.stdout + ended.stderr] == list(said)


def fill(disk, *, leave_bytes):
    """Write zeros until only so many bytes are free, or until not one more can be written."""
    with (disk / "ballast").open("ab", buffering=0) as file:
        for size in (64 * MIB, MIB, 4096, 1):
            try:
                while shutil.disk_usage(disk).free - size >= leave_bytes:
                    file.write(bytes(size))
            except OSError:
                continue


@pytest.mark.parametrize(
    ("break_file", "said"),
    [
        (lambda path: path.unlink(), "no weights file at"),
        (lambda path: path.write_bytes(path.read_bytes()[: 10 * MIB]), "is cut short or damaged"),
        (lambda path: path.write_bytes(b"PK" + bytes(1000)), "is not an HDF5 file"),
    ],
    ids=["missing", "truncated", "another_kind"],
)
def test_bad_weights_file_is_told_before_anything_is_written(
    frostline, split_images, made_weights, work_dir, tmp_path, break_file, said
):
    weights = tmp_path / "weights.h5"
    weights.write_bytes(made_weights.read_bytes())
    break_file(weights)
    run = frostline.run(data=split_images, work_dir=work_dir, weights=weights)
    check_refused(run, said, str(weights), "--weights PATH")
    assert not work_dir.exists()


@pytest.mark.parametrize("exists", [False, True])
def test_data_folder_without_images_is_told_before_anything_is_written(
    frostline, work_dir, tmp_path, exists
):
    data = tmp_path / "data"
    if exists:
        data.mkdir()
    run = frostline.run(data=data, work_dir=work_dir, weights="random")
    check_refused(run, str(data), "DIR/<class>/*")
    assert not work_dir.exists()


def test_unknown_cut_layer_lists_the_known_ones(frostline, split_images, work_dir):
    run = frostline.run(
        data=split_images, work_dir=work_dir, weights="random", settings={"model.cut": "mixed77"}
    )
    check_refused(
        run, 'model.cut = "mixed77"', "mixed0, mixed1", "mixed10", "Similar names: mixed7"
    )
    assert run.summary["status"] == "failed"
    assert run.summary["error"]["type"] == "ConfigError"


def test_class_with_no_readable_image_is_told(frostline, split_images, work_dir, tmp_path):
    data = tmp_path / "data"
    for label in ("cold", "warm"):
        (data / label).mkdir(parents=True)
        for number in range(3):
            (data / label / f"{number}.jpg").write_bytes(b"no image")
    run = frostline.run(data=data, work_dir=work_dir, weights="random")
    check_refused(run, "none of the 6 files is an image that can be read: 6 not_an_image")
    assert run.summary["error"]["step"] == "ImageExampleGen"
    assert run.states["Trainer"] == "skipped"


def test_work_dir_that_cannot_be_made_is_told(frostline, split_images, tmp_path):
    (tmp_path / "file").touch()
    work_dir = tmp_path / "file" / "w"
    run = frostline.run(data=split_images, work_dir=work_dir, weights="random")
    check_refused(run, f"--work-dir {work_dir} cannot be written (Not a directory)")


def test_work_dir_with_too_little_room_is_told_before_the_run(frostline, split_images, small_disk):
    fill(small_disk, leave_bytes=500 * MIB)
    run = frostline.run(data=split_images, work_dir=small_disk / "w", weights="random")
    check_refused(run, "0.5 GB free and a run needs 1.1 GB: make room")
    assert not run.summary


@pytest.mark.parametrize(
    "moment",
    ["artifacts/Transform", "checkpoints/*/state.json"],
)
def test_disk_that_fills_up_while_running_is_told(frostline, split_images, small_disk, moment):
    running = frostline.start(
        data=split_images,
        work_dir=small_disk / "w",
        weights="random",
        settings={"train.epochs": 400, "train.early_stopping_patience": 0},
    )
    running.wait_until(lambda: list(running.work_dir.glob(moment)))
    fill(small_disk, leave_bytes=0)
    run = running.end(timeout=120)
    check_refused(run, "has no space left: make room")
    assert not run.versions
