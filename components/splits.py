"""Which split an image belongs to where the folder's layout doesn't say."""

from trainer.features import EVAL, TRAIN

_DIGITS = 16  # hex digits of the digest that are looked at: 64 bits


def split_by_content(sha256: str, *, eval_fraction: float) -> str:
    """Choose a split by an image's digest.

    An image never moves when others come or go, and identical bytes never straddle splits.

    Args:
      sha256: hex digest of the file's bytes.
      eval_fraction: share of the images that goes to `eval`, in 0..1.
    """
    place = int(sha256[:_DIGITS], 16) / 16**_DIGITS
    return EVAL if place < eval_fraction else TRAIN
