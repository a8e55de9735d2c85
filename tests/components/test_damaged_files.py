"""Files flipped, cut and spliced at random: never a crash, a hang, or memory without bound."""

import io
import itertools
import subprocess
import sys
import tarfile
import zipfile
from datetime import timedelta
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from PIL import Image

from components import contents, inputs, inspection
from components.inspection import Inspected
from components.quarantine import Rejected
from components.settings import IngestionSettings
from trainer import features, images
from trainer.errors import DataError

pytestmark = pytest.mark.graph

LIMITS = IngestionSettings(max_pixels=1_000_000, max_file_bytes=1_000_000, min_size_pixels=1)
UNREADABLE = {"empty", "not_an_image", "unsupported_format", "undecodable"}
REASONS = UNREADABLE | {"too_many_pixels", "extreme_aspect", "too_small"}
# The same examples each time: a new find belongs into a test of its own. No example is a hang.
FUZZED = hypothesis.settings(
    max_examples=300,
    derandomize=True,
    database=None,
    deadline=timedelta(seconds=10),
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
FUZZED_LESS = hypothesis.settings(FUZZED, max_examples=60)
MOST_GROWTH_KILOBYTES = 100_000


def made(kind, **options):
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)) for _ in "ab"]
    if kind == "GIF":
        options |= {"save_all": True, "append_images": images[1:]}
    buffer = io.BytesIO()
    images[0].save(buffer, kind, **options)
    return buffer.getvalue()


def turned(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    return made(kind, exif=exif)


WHOLE = [
    *map(made, ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "ICO")),
    *map(turned, ("JPEG", "PNG", "WEBP")),
    made("JPEG", progressive=True),
    made("WEBP", lossless=True),
]
PLACES = st.integers(0, 1 << 16)
EDITS = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "end", "splice"]), PLACES, PLACES, st.binary()),
    min_size=1,
    max_size=6,
)


def edited(content, edits, others):
    """The file with bytes flipped, cut out, cut off, or put in from another file."""
    changed = bytearray(content)
    for kind, one, two, noise in edits:
        # A header decides most: half of the places lie in the first bytes.
        place = (one >> 1) % (64 if one & 1 else len(changed) + 1)
        length = two % 64
        match kind:
            case "flip":
                changed[place : place + len(noise)] = noise
            case "cut":
                del changed[place : place + length]
            case "end":
                del changed[max(place, 8) :]
            case "splice":
                other = others[two % len(others)]
                changed[place:place] = other[one % len(other) :][: two % 4096]
    return bytes(changed)


def check(content):
    outcome = inspection.inspect(content, LIMITS)
    if isinstance(outcome, Inspected):
        np.testing.assert_array_equal(outcome.pixels, images.decode(tf.constant(content)))
    else:
        assert outcome.reason in REASONS
        assert outcome.message
        if outcome.reason in UNREADABLE:
            with pytest.raises(tf.errors.OpError):
                images.decode(tf.constant(content))


@FUZZED
@hypothesis.given(whole=st.sampled_from(WHOLE), edits=EDITS)
def test_a_damaged_image_is_read_as_serving_reads_it_or_set_aside(whole, edits):
    check(edited(whole, edits, WHOLE))


def test_damaged_odd_files_are_read_as_serving_reads_them_or_set_aside(odd_images):
    files = [path.read_bytes() for path in sorted(odd_images.iterdir())]
    small = [content for content in files if 0 < len(content) < 100_000]

    @FUZZED
    @hypothesis.given(whole=st.sampled_from(small), edits=EDITS)
    def each(whole, edits):
        check(edited(whole, edits, small))

    each()


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(WHOLE):
            archive.writestr(f"{'cold' if number % 2 else 'warm'}/{number}", content)
    return buffer.getvalue()


def tarred(mode):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for number, content in enumerate(WHOLE):
            info = tarfile.TarInfo(f"{'cold' if number % 2 else 'warm'}/{number}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "whole",
    [zipped(), tarred("w"), tarred("w:gz"), tarred("w:bz2"), tarred("w:xz")],
    ids=["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"],
)
def test_a_damaged_archive_is_read_as_far_as_it_goes_or_refused(whole, tmp_path):
    file = tmp_path / "data"

    @FUZZED_LESS
    @hypothesis.given(edits=EDITS)
    def each(edits):
        file.write_bytes(edited(whole, edits, [whole]))
        try:
            listing = inputs.listed(str(file))
        except DataError:
            return
        found = list(contents.read(listing.files, max_bytes=LIMITS.max_file_bytes))
        assert len(found) == len(listing.files)
        assert all(isinstance(content, bytes | Rejected) for _, content in found)

    each()


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_damaged_records_are_read_as_far_as_they_go(compression, tmp_path):
    path = tmp_path / "Split-train" / "data_tfrecord-00000-of-00001.gz"
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for number, content in enumerate(WHOLE):
            values = {
                features.ENCODED: content,
                features.LABEL: b"cold",
                features.FILENAME: b"cold/%d" % number,
            }
            lists = {name: tf.train.BytesList(value=[value]) for name, value in values.items()}
            feature = {name: tf.train.Feature(bytes_list=each) for name, each in lists.items()}
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    whole = path.read_bytes()

    @FUZZED_LESS
    @hypothesis.given(edits=EDITS)
    def each(edits):
        path.write_bytes(edited(whole, edits, [whole]))
        files = inputs.listed(str(tmp_path)).files
        found = contents.read(files, max_bytes=LIMITS.max_file_bytes)
        for _, content in itertools.islice(found, 1000):
            assert isinstance(content, bytes | Rejected)

    each()


def bombs():
    """Small files that unfold to 192 MB: whole ones, and damaged behind their headers."""
    flat = Image.new("P", (8000, 8000))
    small = Image.new("P", (40, 30), 1)
    for kind, first, options in (
        ("PNG", flat, {}),
        ("GIF", flat, {}),
        ("GIF", small, {"save_all": True, "append_images": [flat]}),
        ("WEBP", flat.convert("RGB"), {"lossless": True}),
    ):
        buffer = io.BytesIO()
        first.save(buffer, kind, **options)
        whole = buffer.getvalue()
        assert len(whole) < LIMITS.max_file_bytes
        yield whole
        yield from (edited(whole, [("flip", place, 0, b"\0")], WHOLE) for place in (1002, 60_000))


_GROWTH = """
import pathlib, sys
folder, *sys.path[:0] = sys.argv[1:]
import test_damaged_files as damaged
def peak():  # Not ru_maxrss, which begins at that of the process that started this one.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
for content in damaged.WHOLE:
    damaged.check(content)
before = peak()
for path in pathlib.Path(folder).iterdir():
    damaged.check(path.read_bytes())
print(peak() - before)
"""


def test_memory_stays_bounded_whatever_a_file_unfolds_to(tmp_path):
    """In a process of its own, whose peak is that of these files."""
    for number, content in enumerate(bombs()):
        (tmp_path / str(number)).write_bytes(content)
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", _GROWTH, str(tmp_path), here, *sys.path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert int(ended.stdout.splitlines()[-1]) < MOST_GROWTH_KILOBYTES
