"""How large a GIF is, by its headers alone."""

import struct

_HEADER_BYTES = 13  # signature, screen size, flags, background, aspect
_SCREEN_AT, _FLAGS_AT = 6, 10
_FRAME, _EXTENSION = 0x2C, 0x21


def size(encoded: bytes) -> tuple[int, int]:
    """Width and height that the screen and the first frame claim; no other frame is read.

    Args:
      encoded: a GIF file, whole or cut short behind its header.
    """
    place = _HEADER_BYTES + _colour_table_bytes(encoded, _FLAGS_AT)
    while place < len(encoded) and encoded[place] == _EXTENSION:
        place = _after_sub_blocks(encoded, place + 2)
    width, height = struct.unpack_from("<HH", encoded, _SCREEN_AT)
    if place + 10 <= len(encoded) and encoded[place] == _FRAME:
        left, top, across, down = struct.unpack_from("<HHHH", encoded, place + 1)
        width, height = max(width, left + across), max(height, top + down)
    return width, height


def _colour_table_bytes(encoded: bytes, flags_at: int) -> int:
    flags = encoded[flags_at] if flags_at < len(encoded) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_sub_blocks(encoded: bytes, place: int) -> int:
    while place < len(encoded) and encoded[place]:
        place += 1 + encoded[place]
    return place + 1
