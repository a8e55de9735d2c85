"""The embedded sample data: drawn photographs of leaves, pebbles and snowflakes.

The three classes share their colours, sizes, light, clutter and noise, so that only shape and
texture tell them apart. A few broken files lie among them, as they do in real folders.
"""

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from trainer.errors import WorkDirError

Points = np.ndarray  # float64 [N, 2]
Colour = np.ndarray  # float64 [3], RGB in 0..255
Size = np.ndarray  # int64 [2]: width, height in pixels

IMAGES_PER_CLASS = 110
LONGER_SIDE = (180, 420)  # pixels
OVERSAMPLING = 2  # objects are drawn larger and shrunk: smooth edges
COVERAGE = (0.2, 0.4)  # share of a picture that its objects cover, whatever the class


@dataclass(frozen=True)
class _Stroke:
    """A polygon (width 0) or a line, in units of the object's radius."""

    points: Points
    tone: float
    """-1 (black) .. 1 (white), 0 is the object's own colour."""
    width: float = 0.0


_Shape = Callable[[np.random.Generator], list[_Stroke]]


def write(folder: Path, *, seed: int = 7, images_per_class: int = IMAGES_PER_CLASS) -> None:
    """Make `folder/<class>/*`: good JPEG and PNG files for each of `CLASSES`, and `broken_files`.

    The same seed gives the same bytes. The folder appears whole or not at all; one that already
    holds something is left as it is, so that files can be added and removed by hand.

    Raises:
        WorkDirError: the folder cannot be written.
    """
    if folder.is_dir() and any(folder.iterdir()):
        return
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # a killed run leaves one behind
        for name, content in _files(seed, images_per_class):
            path = partial / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        partial.replace(folder)
    except OSError as error:
        raise WorkDirError(
            f"cannot write the sample data to {folder}: {error}. "
            "Free about 20 MB there or choose another --work-dir."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def broken_files() -> dict[str, bytes]:
    """Path relative to the folder -> content, of the files that must be set aside."""
    picture = Image.linear_gradient("L").convert("RGB")
    jpeg, png, tiff = (_encoded(picture, format) for format in ("JPEG", "PNG", "TIFF"))
    return {
        "leaves/broken-truncated.jpg": jpeg[: len(jpeg) // 2],
        "leaves/broken-text-file.jpg": b"This is a note, not a picture.\n",
        "pebbles/broken-zero-bytes.jpg": b"",
        "pebbles/broken-damaged-header.png": png[:12] + b"XXXX" + png[16:],
        "snowflakes/broken-tiff-inside.jpg": tiff,
        "snowflakes/broken-claims-65535x65535.gif": _GIF_BOMB,
    }


# A whole GIF of one pixel whose header claims 65535 x 65535: 12.9 GB to whoever believes it.
_GIF_BOMB = bytes.fromhex(
    "474946383961 ffffffff 800000 000000ffffff 2c00000000ffffffff00 02 02 4401 00 3b"
)


def _files(seed: int, images_per_class: int) -> Iterator[tuple[str, bytes]]:
    for class_index, (label, shape) in enumerate(_SHAPES.items()):
        for index in range(images_per_class):
            rng = np.random.default_rng([seed, class_index, index])
            picture = _picture(rng, shape)
            if index % 8 == 0:
                yield f"{label}/{label}-{index:03}.png", _encoded(picture, "PNG")
            else:
                quality = int(rng.integers(70, 93))
                yield f"{label}/{label}-{index:03}.jpg", _encoded(picture, "JPEG", quality=quality)
    yield from broken_files().items()


def _encoded(picture: Image.Image, format: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def _leaf(rng: np.random.Generator) -> list[_Stroke]:
    """A blade with a darker half, a midrib and side veins; smooth, toothed or lobed."""
    lobes, depth = rng.integers(3, 9), rng.choice([0.0, 0.15, 0.35])
    girth, bend, skew = rng.uniform([0.3, -0.25, 0.6], [0.6, 0.25, 1.1])

    def edge(along: np.ndarray, side: float) -> Points:
        half_width = girth * np.sin(np.pi * along**skew) * (1 - depth * np.cos(along * lobes * 6.3))
        return np.stack([2 * along - 1, side * half_width + bend * (2 * along - 1) ** 2], axis=-1)

    along = np.linspace(0, 1, 60)
    rib, left, right = (edge(along, side) for side in (0.0, -1.0, 1.0))
    stem = np.array([[-1.35, bend * 1.6], [-1.0, bend]])
    veins = [
        _Stroke(np.concatenate([edge(start, 0), edge(start + 0.12, side)]), 0.35, 0.02)
        for start in np.linspace(0.1, 0.75, int(rng.integers(4, 8)))[:, None]
        for side in (-0.8, 0.8)
    ]
    return [
        _Stroke(np.concatenate([left, right[::-1]]), 0.0),
        _Stroke(np.concatenate([rib, right[::-1]]), -0.2),
        *veins,
        _Stroke(np.concatenate([stem, rib]), 0.45, 0.04),
    ]


def _pebble(rng: np.random.Generator) -> list[_Stroke]:
    """A rounded stone, lighter in the middle, with specks."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    waves = np.arange(2, 5)[:, None]
    bumps = rng.uniform(0, 0.09, (3, 1)) * np.cos(waves * angles + rng.uniform(0, 6.3, (3, 1)))
    around = np.stack([np.cos(angles), rng.uniform(0.6, 0.95) * np.sin(angles)], axis=-1)
    outline = around * (1 + bumps.sum(axis=0))[:, None]
    depths = np.linspace(0, 0.9, 12)
    shells = [_Stroke(outline * (1 - depth), -0.35 + 0.8 * depth) for depth in depths]
    specks = rng.uniform([-0.5, -0.5, 0.01, -0.4], [0.5, 0.5, 0.05, 0.4], (15, 4))
    return shells + [_Stroke(around[::6] * size + [x, y], tone) for x, y, size, tone in specks]


def _snowflake(rng: np.random.Generator) -> list[_Stroke]:
    """Six equal arms with side branches around a small hexagon."""
    width = rng.uniform(0.05, 0.1)
    spread = rng.uniform(0.7, 1.1)
    arm = [np.array([[0, 0], [1, 0]])]
    for start in np.sort(rng.uniform(0.25, 0.85, int(rng.integers(2, 5)))):
        length = rng.uniform(0.15, 0.6) * (1.1 - start)
        across, up = length * np.cos(spread), length * np.sin(spread)
        arm.append(np.array([[start + across, up], [start, 0], [start + across, -up]]))
    sixths = np.arange(6) * np.pi / 3
    hexagon = rng.uniform(0.1, 0.3) * np.stack([np.cos(sixths), np.sin(sixths)], axis=-1)
    lines = [_Stroke(line @ _rotation(angle), 0.0, width) for angle in sixths for line in arm]
    return [*lines, _Stroke(hexagon, 0.2)]


_SHAPES: dict[str, _Shape] = {"leaves": _leaf, "pebbles": _pebble, "snowflakes": _snowflake}
CLASSES = tuple(_SHAPES)


def _rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _picture(rng: np.random.Generator, shape: _Shape) -> Image.Image:
    """One finished picture: backdrop, objects with their shadow, light, blur and noise."""
    longer = rng.uniform(LONGER_SIDE[0], LONGER_SIDE[1])
    size = rng.permutation([longer, longer * rng.uniform(0.67, 0.8)]).astype(int)
    behind, before = _colours(rng)
    canvas = _backdrop(rng, size, behind, before)
    objects = _objects(rng, size, shape, before)
    opacity = objects.getchannel("A")
    radius = float(0.02 * size.min())
    shadow = opacity.filter(ImageFilter.GaussianBlur(radius)).point(lambda alpha: alpha * 0.5)
    canvas.paste((0, 0, 0), (round(radius), round(1.4 * radius)), shadow)  # light from upper left
    canvas.paste(objects, (0, 0), opacity)
    return _developed(rng, canvas)


def _colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """A dark colour for the backdrop and a light one for the objects."""
    hues = rng.uniform(0, 2 * np.pi, (2, 1)) - [0, 2.1, 4.2]
    lightness = np.array([[rng.uniform(35, 100)], [rng.uniform(150, 215)]])
    colours = lightness * (1 + rng.uniform(0.03, 0.25, (2, 1)) * np.cos(hues))
    return colours[0], colours[1]


def _backdrop(rng: np.random.Generator, size: Size, behind: Colour, before: Colour) -> Image.Image:
    """Soft blotches of the back colour with out-of-focus discs and thin strands on it."""
    blotches = behind + rng.normal(0, 18, (4, 4, 1)) + rng.normal(0, 6, (4, 4, 3))
    canvas = _as_image(blotches).resize(tuple(size), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(canvas)
    for _ in range(rng.integers(4, 12)):
        x, y = rng.uniform(0, size)
        radius = rng.uniform(0.02, 0.12) * size.min()
        fill = _mixed(behind, before, rng.uniform(0.05, 0.5))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    canvas = canvas.filter(ImageFilter.GaussianBlur(float(0.015 * size.min())))
    draw = ImageDraw.Draw(canvas)
    for _ in range(rng.integers(0, 4)):
        ends = rng.uniform(-0.1, 1.1, (2, 2)) * size
        fill = _mixed(behind, before, rng.uniform(0.2, 0.7))
        draw.line(ends.ravel().tolist(), fill=fill, width=int(rng.integers(1, 4)))
    return canvas


def _objects(rng: np.random.Generator, size: Size, shape: _Shape, colour: Colour) -> Image.Image:
    """A transparent layer, covered by as many objects as the drawn share of it takes."""
    layer = Image.new("RGBA", tuple(size * OVERSAMPLING))
    draw = ImageDraw.Draw(layer)
    wanted = rng.uniform(*COVERAGE)
    while np.count_nonzero(opacity := np.asarray(layer.getchannel("A"))) < wanted * opacity.size:
        radius = rng.uniform(0.13, 0.26) * size.min() * OVERSAMPLING
        centre = _emptiest(opacity, rng.uniform(0.1, 0.9, (4, 2)) * layer.size)
        turned = _rotation(rng.uniform(0, 2 * np.pi)) * radius
        own_colour = colour + rng.normal(0, 15, 3)
        for stroke in shape(rng):
            points = (stroke.points @ turned + centre).ravel().tolist()
            fill = _mixed(own_colour, np.full(3, 255.0 * (stroke.tone > 0)), abs(stroke.tone))
            if stroke.width:
                draw.line(points, fill, max(1, round(stroke.width * radius)), joint="curve")
            else:
                draw.polygon(points, fill)
    return layer.reduce(OVERSAMPLING)


def _emptiest(opacity: np.ndarray, places: Points) -> Points:
    """One of the places, not yet covered where there is one: less of a heap."""
    columns, rows = places.astype(int).T
    return places[opacity[rows, columns].argmin()]


def _developed(rng: np.random.Generator, canvas: Image.Image) -> Image.Image:
    """Blur, uneven light and the grain of a sensor."""
    blurred = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.9)))
    pixels = np.asarray(blurred, np.float32)
    height, width, _ = pixels.shape
    down, across = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    tilt = rng.uniform(-0.25, 0.25, 2)
    light = (1 + tilt[0] * down + tilt[1] * across).astype(np.float32)
    grain = rng.standard_normal((height, width, 1), np.float32) * rng.uniform(1, 6)
    return _as_image(pixels * light[..., None] + grain)


def _mixed(one: Colour, other: Colour, share: float) -> tuple[int, ...]:
    return tuple(int(value) for value in np.clip(one + (other - one) * share, 0, 255))


def _as_image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
