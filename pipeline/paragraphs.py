"""Text that keeps to the width of a terminal."""

import textwrap


def indented(text: str, *, width: int) -> list[str]:
    """Lines that are indented, those after the first more; words, such as paths, stay whole."""
    return textwrap.wrap(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
