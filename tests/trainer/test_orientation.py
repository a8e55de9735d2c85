"""EXIF orientation against Pillow's own reading and turning of made, odd and damaged files."""

import io
import struct
import warnings
import zlib
from collections import defaultdict
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
from tensorflow.core.protobuf import saved_model_pb2

from trainer import features, images, signatures
from trainer.orientation import orientation_of

pytestmark = pytest.mark.graph

KINDS = ("JPEG", "PNG", "WEBP")
TAG = 0x0112


def picture(*, height=30, width=40):
    """Every corner has a colour of its own."""
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    pixels = np.stack([rows, columns, rows * columns], axis=-1) * 255
    return Image.fromarray(pixels.astype(np.uint8))


def tiff(value=6, *, order="<", tag=TAG, kind=3, count=1, offset=8, entries=None, extra=0):
    header = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}L", offset)
    other = struct.pack(f"{order}HHLHH", 0x0100, 3, 1, 7, 0)
    entry = struct.pack(f"{order}HHLHH", tag, kind, count, value, 0)
    number = extra + 1 if entries is None else entries
    return header + struct.pack(f"{order}H", number) + other * extra + entry + bytes(4)


def encoded(kind, *, exif=b"", image=None):
    buffer = io.BytesIO()
    options: dict = {"lossless": True} if kind == "WEBP" else {}
    if exif:
        options["exif"] = b"Exif\0\0" + exif if kind == "JPEG" else exif
    (image or picture()).save(buffer, kind, **options)
    return buffer.getvalue()


def segment(code, content):
    return b"\xff" + bytes([code]) + struct.pack(">H", len(content) + 2) + content


def jpeg_with(*parts):
    """A JPEG with these bytes after its first marker."""
    file = encoded("JPEG")
    return file[:2] + b"".join(parts) + file[2:]


def chunk(name, content):
    return (
        struct.pack(">L", len(content))
        + name
        + content
        + struct.pack(">L", zlib.crc32(name + content))
    )


def png_with(*parts, last=False):
    """A PNG with these bytes before its first IDAT, or before IEND."""
    file = encoded("PNG")
    place = file.rindex(b"IEND") - 4 if last else file.index(b"IDAT") - 4
    return file[:place] + b"".join(parts) + file[place:]


def read(file):
    return int(orientation_of(tf.constant(file)))


def decoded(file):
    return images.decode(tf.constant(file)).numpy()


def turned_by_pillow(file):
    """The pixels that TensorFlow has of a file, turned as Pillow reads and does it."""
    stored = Image.fromarray(tf.io.decode_image(file, channels=3, expand_animations=False).numpy())
    stored.getexif()[TAG] = Image.open(io.BytesIO(file)).getexif().get(TAG, 1)
    return np.asarray(ImageOps.exif_transpose(stored))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_orientation_is_turned_as_pillow_turns_it(kind, order, orientation):
    file = encoded(kind, exif=tiff(orientation, order=order, extra=3))
    assert read(file) == orientation
    pixels = decoded(file)
    assert np.array_equal(pixels, turned_by_pillow(file))
    assert pixels.shape == ((40, 30, 3) if orientation >= 5 else (30, 40, 3))
    if kind != "JPEG":
        by_pillow = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
        assert np.array_equal(pixels, np.asarray(by_pillow))


@pytest.mark.parametrize("kind", [*KINDS, "GIF", "BMP"])
def test_an_image_without_exif_stays_as_it_is(kind):
    file = encoded(kind)
    assert read(file) == 1
    stored = tf.io.decode_image(file, channels=3, expand_animations=False)
    assert np.array_equal(decoded(file), stored)


def test_real_photographs_of_one_scene_look_the_same_however_the_camera_was_held(odd_images):
    scenes = defaultdict(list)
    held = (*odd_images.glob("*__Landscape_?.jpg"), *odd_images.glob("*__Portrait_?.jpg"))
    for path in (*held, *odd_images.glob("*__hopper_orientation_?.jpg")):
        small = images.resize(images.decode(tf.constant(path.read_bytes())), 64).numpy()
        scenes[path.stem[:-2]].append(small.astype(int))
    assert max(map(len, scenes.values())) >= 2
    for first, *others in scenes.values():
        for other in others:
            assert np.abs(first - other).mean() < 5


PLACES = {
    "after other segments": jpeg_with(
        segment(0xE0, b"JFIF\0" + bytes(9)),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        segment(0xE2, b"ICC_PROFILE\0" + bytes(60_000)),
        segment(0xE1, b"Exif\0\0" + tiff()),
    ),
    "after fill bytes": jpeg_with(b"\xff" * 9, segment(0xE1, b"Exif\0\0" + tiff())),
    "after a marker without content": jpeg_with(
        b"\xff\xd0\xff\x01", segment(0xE1, b"Exif\0\0" + tiff())
    ),
    "before a second one": jpeg_with(
        segment(0xE1, b"Exif\0\0" + tiff()), segment(0xE1, b"Exif\0\0" + tiff(3))
    ),
    "directory at the end": jpeg_with(
        segment(0xE1, b"Exif\0\0" + tiff(offset=508)[:8] + bytes(500) + tiff()[8:])
    ),
    "before IDAT": png_with(chunk(b"eXIf", tiff())),
    "after IDAT": png_with(chunk(b"eXIf", tiff()), last=True),
    "after thousands of chunks": png_with(chunk(b"teSt", b"x") * 4000, chunk(b"eXIf", tiff())),
    "prefix in PNG": png_with(chunk(b"eXIf", b"Exif\0\0" + tiff())),
    "prefix in WebP": encoded("WEBP", exif=b"Exif\0\0" + tiff()),
    "last of two entries": jpeg_with(
        segment(0xE1, b"Exif\0\0" + tiff(3, entries=2)[:-4] + tiff()[10:])
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_exif_is_found_wherever_it_may_stand(place):
    assert read(PLACES[place]) == 6


DECOYS = {
    "in a comment": jpeg_with(segment(0xFE, segment(0xE1, b"Exif\0\0" + tiff()))),
    "in another segment": jpeg_with(segment(0xE2, b"Exif\0\0" + tiff())),
    "in the scan": encoded("JPEG")[:-2] + segment(0xE1, b"Exif\0\0" + tiff()),
    "after the end": encoded("JPEG") + segment(0xE1, b"Exif\0\0" + tiff()),
    "in the next image": encoded("JPEG") + encoded("JPEG", exif=tiff()),
    "in a text": png_with(chunk(b"tEXt", b"note\0" + chunk(b"eXIf", tiff()))),
    "after too many chunks": png_with(chunk(b"teSt", tiff()) * 5000, chunk(b"eXIf", tiff())),
    "without the flag": encoded("WEBP", exif=tiff()).replace(
        b"VP8X\n\0\0\0\x08", b"VP8X\n\0\0\0\0"
    ),
    "in no image": tiff(),
}


@pytest.mark.parametrize("decoy", DECOYS)
def test_what_only_looks_like_exif_is_passed_over(decoy):
    assert read(DECOYS[decoy]) == 1


def malformed(order):
    good = tiff(order=order)
    return {
        "nothing": b"",
        "header only": good[:8],
        "half a count": good[:9],
        "half an entry": good[:20],
        "another byte order": b"XX" + good[2:],
        "another magic number": good[:2] + b"++" + good[4:],
        "offset just beyond the end": tiff(order=order, offset=len(good) + 1),
        "offset far beyond the end": tiff(order=order, offset=0x7FFFFFFF),
        "negative offset": tiff(order=order, offset=0xFFFFFFF0),
        "no entries": tiff(order=order, entries=0),
        "another tag": tiff(order=order, tag=TAG + 1),
        "another type": tiff(order=order, kind=4),
        "two values": tiff(order=order, count=2),
        "billions of values": tiff(order=order, count=0xFFFFFFFF),
        "zero": tiff(0, order=order),
        "nine": tiff(9, order=order),
        "as large as can be": tiff(0xFFFF, order=order),
    }


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("fault", malformed("<"))
def test_malformed_exif_counts_as_none(fault, order):
    content = malformed(order)[fault]
    assert read(png_with(chunk(b"eXIf", content))) == 1
    assert read(jpeg_with(segment(0xE1, b"Exif\0\0" + content))) == 1


def test_more_entries_announced_than_there_are_hide_none_of_them():
    assert read(png_with(chunk(b"eXIf", tiff(entries=0xFFFF)))) == 6


def test_random_bytes_never_raise():
    rng = np.random.default_rng(0)
    starts = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\xff\xff\xff\xffWEBPVP8X"]
    for start in starts:
        for size in range(40):
            noise = rng.bytes(size)
            for name in (b"", b"Exif\0\0", b"eXIf", b"EXIF"):
                assert 1 <= read(start + noise + name + noise) <= 8


def damaged(file, rng, *, count, within):
    for _ in range(count):
        yield file[: rng.integers(len(file))]
        broken = bytearray(file)
        for place in rng.integers(min(within, len(file)), size=rng.integers(1, 4)):
            broken[place] = rng.integers(256)
        yield bytes(broken)


def pillow_says(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Image.open(io.BytesIO(file)).getexif().get(TAG)
        except Exception:
            return None


def test_damaged_files_are_read_as_pillow_reads_them():
    rng = np.random.default_rng(1)
    small = picture(height=9, width=7)
    files = []
    for kind in KINDS:
        for order in "<>":
            file = encoded(kind, exif=tiff(order=order, extra=1), image=small)
            # WebP has its EXIF at the end, the others near the start.
            files += damaged(file, rng, count=500, within=len(file) if kind == "WEBP" else 120)
    ours = tf.map_fn(orientation_of, tf.constant(files), fn_output_signature=tf.int32).numpy()
    assert set(ours) <= set(range(1, 9))
    theirs = [pillow_says(file) for file in files]
    both = [(our, their) for our, their in zip(ours, theirs, strict=True) if their in range(1, 9)]
    assert len(both) > 1000
    differ = [(our, their) for our, their in both if our != their]
    # Pillow also takes BigTIFF, and an orientation of another type than EXIF's SHORT.
    assert all(our == 1 for our, _ in differ)
    assert len(differ) <= len(both) / 500


def test_a_graph_and_a_data_set_give_what_eager_execution_gives():
    files = [encoded(kind, exif=tiff(value)) for kind in KINDS for value in range(1, 9)]
    files += [encoded("GIF"), encoded("BMP")]
    eager = np.stack([images.resize(images.decode(tf.constant(file)), 24) for file in files])
    graph = tf.function(lambda batch: images.pixels_from_bytes(batch, 24))(tf.constant(files))
    dataset = tf.data.Dataset.from_tensor_slices(files).map(
        lambda file: images.resize(images.decode(file), 24), num_parallel_calls=2
    )
    assert not np.array_equal(eager[0], eager[5])
    assert np.array_equal(graph, eager)
    assert np.array_equal(np.stack(list(dataset.as_numpy_iterator())), eager)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A SavedModel whose scores are the brightness of the upper and of the lower half."""
    folder = str(tmp_path_factory.mktemp("model"))
    halves = keras.Sequential(
        [
            keras.layers.Input([16, 16, 3], dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.AveragePooling2D((8, 16)),
            keras.layers.Lambda(lambda pooled: pooled[:, :, 0, 0]),
        ]
    )
    server = signatures.Server(halves, labels=["up", "down"], size=16)
    signatures.export(server, folder)
    return folder


@pytest.fixture(scope="module")
def serve(exported):
    return tf.saved_model.load(exported).signatures[features.SERVING_SIGNATURE]


@pytest.mark.parametrize(("orientation", "bright"), [(1, 0), (3, 1), (4, 1), (6, None)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_sees_the_image_upright(serve, kind, orientation, bright):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = 255
    file = encoded(kind, exif=tiff(orientation), image=Image.fromarray(pixels))
    # Turned by a quarter, each half has as much of the white as the other.
    wanted = [0.5, 0.5] if bright is None else [1 - bright, bright]
    scores = serve(image_bytes=tf.constant([file]))[features.OUTPUT_SCORES].numpy()[0]
    assert scores == pytest.approx(wanted, abs=0.02)


def test_a_saved_model_needs_no_python(exported):
    model = saved_model_pb2.SavedModel.FromString((Path(exported) / "saved_model.pb").read_bytes())
    functions = model.meta_graphs[0].graph_def.library.function
    used = {node.op for function in functions for node in function.node_def}
    assert "DecodeImage" in used
    assert not {name for name in used if "PyFunc" in name or "Base64" in name}
