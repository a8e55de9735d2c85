"""What Pillow may show of a file that serving cannot read."""

import io
import warnings

from PIL import Image, ImageOps

# Pillow has decoders for more formats than anybody should open an unknown file with.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "ICO", "TGA", "PPM")


def glimpse(content: bytes, *, side: int, max_pixels: int) -> Image.Image | None:
    """A small RGB copy of an image, upright, odd and half broken ones included.

    Args:
      side: the longer side of the copy, in pixels.
      max_pixels: a larger image is not decoded.

    Returns:
      the copy, or None where there is nothing to be seen.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow complains of what is shown because it is odd.
        try:
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                if image.width * image.height > max_pixels:
                    return None
                image.thumbnail((side, side))
                return ImageOps.exif_transpose(image).convert("RGB")
        except Exception:  # Broken files make Pillow raise all kinds of errors.
            return None
