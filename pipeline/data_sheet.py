"""A contact sheet of the files that a person should look at."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from components import contents, inspection
from components.image_files import ImageFile
from components.quarantine import Rejected
from components.settings import IngestionSettings
from pipeline.data_facts import RefusedFile, Scan
from pipeline.data_report import DataReport
from pipeline.data_screen import headline, one_line, verdict, worst_value
from pipeline.glimpses import glimpse

_COLUMNS = 6  # even, so that no pair is torn
_TILE = 168  # all sizes in pixels
_GAP = 16
_MARGIN = 32
_CAPTION = 44
_HEADING = 52
_HEADER = 92
_WIDTH = 2 * _MARGIN + _COLUMNS * _TILE + (_COLUMNS - 1) * _GAP
_PAPER, _MAT, _CARD = "#ffffff", "#eef1f4", "#dde5ec"
_INK, _FAINT, _GOOD, _BAD = "#17212b", "#6b7885", "#1a7f4b", "#b3261e"
_MOST_REFUSED = 2 * _COLUMNS
_MOST_PAIRS = _COLUMNS
_MEASURED = {
    "darkest": "mean luma, 0 to 1",
    "blurriest": "sharpness",
    "smallest": "shorter side",
    "longest": "longer to shorter side",
}

Picture = Image.Image
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_Key = tuple[str, str]  # path and name: an archive's path has many names


@dataclass(frozen=True)
class Tile:
    """A picture, and a line below its name."""

    file: ImageFile
    remark: str


@dataclass(frozen=True)
class Section:
    """Tiles under a heading; with `is_paired`, each two belong together."""

    heading: str
    tiles: Sequence[Tile]
    is_paired: bool = False

    @property
    def height(self) -> int:
        rows = -(-len(self.tiles) // _COLUMNS)
        return _HEADING + rows * (_TILE + _CAPTION + _GAP)


def draw(report: DataReport, scan: Scan, settings: IngestionSettings) -> Picture:
    """Draw what the report points at; those files are read again.

    Args:
      settings: the limits within which a file is decoded.
    """
    sections = [section for section in _sections(report, scan) if section.tiles]
    tiles = [tile for section in sections for tile in section.tiles]
    pictures = dict(_pictures([tile.file for tile in tiles], settings))
    height = _HEADER + sum(section.height for section in sections) + _MARGIN
    sheet = Image.new("RGB", (_WIDTH, height), _PAPER)
    _draw_header(sheet, report)
    top = _HEADER
    for section in sections:
        _draw_section(sheet, section, pictures, top)
        top += section.height
    return sheet


def _sections(report: DataReport, scan: Scan) -> Iterator[Section]:
    refused = [
        Tile(each.file, f"{each.why.reason}: {each.why.message}")
        for each in _by_turns(scan.refused)
    ]
    shown = refused[:_MOST_REFUSED]
    of_all = f"{len(shown)} of {len(refused):,} files" if len(refused) > len(shown) else "all files"
    yield Section(f"Set aside ({of_all})", shown)
    by_name = {image.name: image for image in scan.images}
    called = report.counts.called
    pairs = report.counts.duplicates_across_splits[:_MOST_PAIRS]
    same = [
        Tile(by_name[name].file, f"{called(by_name[name].split)} · same bytes")
        for pair in pairs
        for name in pair
    ]
    yield Section("Same bytes in different splits", same, is_paired=True)
    alike = [
        Tile(image.file, f"{called(image.split)} · {pair.distance} of 63 bits differ")
        for pair in report.look_alikes[:_MOST_PAIRS]
        for image in (pair.first, pair.second)
    ]
    yield Section("Look-alikes in different splits", alike, is_paired=True)
    for kind, found in report.worst.items():
        tiles = [Tile(each.image.file, worst_value(kind, each.value)) for each in found]
        yield Section(f"{kind.capitalize()} ({_MEASURED[kind]})", tiles[:_COLUMNS])


def _by_turns(refused: Iterable[RefusedFile]) -> list[RefusedFile]:
    """A file of each reason, then a second of each, and so on."""
    by_reason: dict[str, list[RefusedFile]] = defaultdict(list)
    for each in refused:
        by_reason[each.why.reason].append(each)
    rounds = itertools.zip_longest(*by_reason.values())
    return [each for one_round in rounds for each in one_round if each]


def _pictures(
    files: Iterable[ImageFile], settings: IngestionSettings
) -> Iterator[tuple[_Key, Picture]]:
    wanted = {(file.path, file.name): file for file in files}
    # TFRecords are read as a whole, and once however many of their images are wanted.
    sources = {(file.path, file.member): file for file in wanted.values()}
    ordered = sorted(sources.values(), key=lambda file: (file.path, file.member))
    for file, content in contents.read(ordered, max_bytes=settings.max_file_bytes):
        key = (file.path, file.name)
        if key in wanted and not isinstance(content, Rejected):
            picture = _picture(content, settings)
            if picture:
                yield key, picture


def _picture(content: bytes, settings: IngestionSettings) -> Picture | None:
    """What the network would see, or else what Pillow makes of it."""
    found = inspection.inspect(content, settings)
    if isinstance(found, Rejected):
        return glimpse(content, side=_TILE, max_pixels=settings.max_pixels)
    picture = Image.fromarray(found.pixels)
    picture.thumbnail((_TILE, _TILE))
    return picture


def _draw_header(sheet: Picture, report: DataReport) -> None:
    pen = ImageDraw.Draw(sheet)
    title, facts = headline(report)
    _write(pen, (_MARGIN, 24), title, size=24, fill=_INK, width=_WIDTH - 2 * _MARGIN)
    _write(pen, (_MARGIN, 58), facts, size=14, fill=_FAINT, width=_WIDTH - 400)
    font = ImageFont.load_default(14)
    fill = _GOOD if report.is_trainable else _BAD
    pen.text((_WIDTH - _MARGIN, 58), verdict(report), font=font, fill=fill, anchor="ra")


def _draw_section(
    sheet: Picture, section: Section, pictures: Mapping[_Key, Picture], top: int
) -> None:
    pen = ImageDraw.Draw(sheet)
    pen.line((_MARGIN, top, _WIDTH - _MARGIN, top), fill=_CARD)
    _write(pen, (_MARGIN, top + 18), section.heading, size=17, fill=_INK, width=_WIDTH)
    for number, tile in enumerate(section.tiles):
        row, column = divmod(number, _COLUMNS)
        left = _MARGIN + column * (_TILE + _GAP)
        upper = top + _HEADING + row * (_TILE + _CAPTION + _GAP)
        if section.is_paired and number % 2:
            pen.rectangle((left - _GAP, upper, left, upper + _TILE - 1), fill=_CARD)
        picture = pictures.get((tile.file.path, tile.file.name))
        _draw_tile(sheet, tile, picture, left, upper)


def _draw_tile(sheet: Picture, tile: Tile, picture: Picture | None, left: int, top: int) -> None:
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((left, top, left + _TILE - 1, top + _TILE - 1), fill=_MAT)
    if picture:
        corner = (left + (_TILE - picture.width) // 2, top + (_TILE - picture.height) // 2)
        sheet.paste(picture, corner)
    else:
        centre = (left + _TILE // 2, top + _TILE // 2)
        font = ImageFont.load_default(14)
        pen.text(centre, "no picture", font=font, fill=_FAINT, anchor="mm")
    name = one_line(tile.file.name)
    _write(pen, (left, top + _TILE + 6), name, size=13, fill=_INK, width=_TILE, keeps_end=True)
    _write(pen, (left, top + _TILE + 24), tile.remark, size=12, fill=_FAINT, width=_TILE)


def _write(
    pen: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    text: str,
    *,
    size: int,
    fill: str,
    width: int,
    keeps_end: bool = False,
) -> None:
    font = ImageFont.load_default(size)
    pen.text(corner, _fitted(one_line(text), font, width, keeps_end), font=font, fill=fill)


def _fitted(text: str, font: Font, width: int, keeps_end: bool) -> str:
    """The text, or as much of one end of it as there is room for."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[1:] if keeps_end else text[:-1]
    return f"...{text}" if keeps_end else f"{text}..."
