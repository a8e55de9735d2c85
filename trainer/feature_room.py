"""How much room features take: told beforehand, and bounded."""

import shutil
from pathlib import Path

from trainer import blocks
from trainer.errors import ConfigError, WorkDirError
from trainer.settings import TrainerSettings

GIGABYTE = 1_000_000_000
_FLOAT32_BYTES = 4
_FLOAT16_BYTES = 2


def told(size_bytes: int) -> str:
    """A size as a person reads it."""
    return f"{size_bytes / GIGABYTE:.1f} GB"


def check(store: Path, *, rows: int, row_bytes: int, gigabytes: float) -> None:
    """Refuse to begin what would not fit.

    Args:
      store: the folder of all features.
      rows: rows to be added.
      row_bytes: bytes of each.
      gigabytes: what the folder may grow to.

    Raises:
      ConfigError: they take more room than they may.
      WorkDirError: they take more room than the disk has.
    """
    needed, used = rows * row_bytes, used_bytes(store)
    if used + needed > gigabytes * GIGABYTE:
        raise ConfigError(
            f"features.max_gigabytes = {gigabytes:g}, but {rows:,} rows of features need "
            f"{told(needed)}, and {store} holds {told(used)} already. Raise it; or remove what no "
            "run uses with `frostline gc --work-dir DIR`; or keep less with "
            "--set features.keep=head, --set train.mirror=false or fewer augment.views"
        )
    free = shutil.disk_usage(store).free
    if needed > free:
        raise WorkDirError(
            f"{store} has {told(free)} free, but {rows:,} rows of features need {told(needed)}: "
            "make room, choose another --work-dir, or keep less with --set features.keep=head"
        )


def estimate(settings: TrainerSettings, images: int, *, keep: str) -> int:
    """About how many bytes the features of some images take; 0 for a cut inside a block.

    Args:
      settings: a cached base with any views.
      images: to train on; those to validate on have fewer views.
      keep: `features.keep`.
    """
    cut = settings.model.cut
    if settings.train.base != "cached" or cut not in blocks.CHANNELS:
        return 0
    augmented = settings.augment.views if settings.augment.enabled else 0
    views = 1 + (settings.train.mirror or settings.model.both_sides) + augmented
    is_pooled = settings.model.head == "pooled" and settings.model.thaw_from is None
    pooled = _FLOAT32_BYTES * blocks.width(blocks.up_to(cut))
    channels, side = blocks.CHANNELS[cut], _side(settings.image.size, cut)
    whole_map = _FLOAT16_BYTES * channels * side**2
    if keep == "all":
        return images * views * (pooled + whole_map)
    return images * views * (pooled if is_pooled else whole_map)


def _side(size: int, block: str) -> int:
    """Width and height of a block's output: what Inception V3's unpadded windows leave."""
    side = _halved(_halved(_halved(size) - 2) - 2)
    number = list(blocks.CHANNELS).index(block)
    for halving in ("mixed3", "mixed8"):
        if number >= list(blocks.CHANNELS).index(halving):
            side = _halved(side)
    return side


def _halved(side: int) -> int:
    return (side - 3) // 2 + 1


def used_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
