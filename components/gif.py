"""How large the frames of a GIF are, by their headers alone."""

import struct
from collections.abc import Iterator

_HEADER_BYTES = 13  # signature, screen size, flags, background, aspect
_SCREEN_AT, _FLAGS_AT = 6, 10
_FRAME, _EXTENSION = 0x2C, 0x21


def extent(encoded: bytes) -> tuple[int, int]:
    """Width and height that the screen and all frames reach to; of a whole header."""
    screen = struct.unpack_from("<HH", encoded, _SCREEN_AT)
    reached = [screen, *((left + width, top + high) for left, top, width, high in _boxes(encoded))]
    widths, heights = zip(*reached, strict=True)
    return max(widths), max(heights)


def frame_sizes(encoded: bytes) -> Iterator[tuple[int, int]]:
    """Width and height of each frame, as far as the blocks can be followed.

    Args:
      encoded: a GIF file, whole or cut short.
    """
    return ((width, height) for _, _, width, height in _boxes(encoded))


def _boxes(encoded: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, width and height of each frame."""
    place = _HEADER_BYTES + _colour_table_bytes(encoded, _FLAGS_AT)
    while place < len(encoded):
        block = encoded[place]
        if block == _FRAME and place + 10 <= len(encoded):
            yield struct.unpack_from("<HHHH", encoded, place + 1)
            # The frame's own colours, then the byte that says how wide the first code is.
            place += 11 + _colour_table_bytes(encoded, place + 9)
        elif block == _EXTENSION:
            place += 2
        else:
            return
        place = _after_sub_blocks(encoded, place)


def _colour_table_bytes(encoded: bytes, flags_at: int) -> int:
    flags = encoded[flags_at] if flags_at < len(encoded) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_sub_blocks(encoded: bytes, place: int) -> int:
    while place < len(encoded) and encoded[place]:
        place += 1 + encoded[place]
    return place + 1
