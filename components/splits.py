"""Which split an image belongs to where the data don't say."""

import hashlib
import re

from trainer.features import EVAL, TEST, TRAIN

SPLITS = (TRAIN, EVAL, TEST)
NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "validation": EVAL,
    "valid": EVAL,
    "val": EVAL,
    "eval": EVAL,
    "test": TEST,
}
_DIGITS = 16  # hex digits of the digest that are looked at: 64 bits


def split_by_content(sha256: str, *, eval_fraction: float, test_fraction: float = 0.0) -> str:
    """Choose a split by a digest.

    An image never moves when others come or go, and identical bytes never straddle splits.
    A larger fraction only adds images to its split.

    Args:
      sha256: hex digest of the file's bytes.
      eval_fraction: share of the images that goes to `eval`, in 0..1.
      test_fraction: share that goes to `test`.
    """
    place = int(sha256[:_DIGITS], 16) / 16**_DIGITS
    if place < eval_fraction:
        return EVAL
    return TEST if place > 1 - test_fraction else TRAIN


def split_by_group(group: str, *, eval_fraction: float, test_fraction: float = 0.0) -> str:
    """Choose a split by the digest of a group's name: its images stay together."""
    digest = hashlib.sha256(group.encode()).hexdigest()
    return split_by_content(digest, eval_fraction=eval_fraction, test_fraction=test_fraction)


def group_of(name: str, label: str, pattern: str) -> str | None:
    """The group that a pattern finds in a file's path below its class folder.

    Args:
      name: path relative to the data folder, with `/`.
      label: the class; a name without a folder of this name is searched as a whole.
      pattern: a regular expression with one group.

    Returns:
      what the group matched; None where the pattern does not match.
    """
    folders = name.split("/")[:-1]
    depth = folders.index(label) + 1 if label in folders else 0
    found = re.search(pattern, "/".join(name.split("/")[depth:]))
    return found and found[1]
