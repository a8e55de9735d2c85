"""The names of the worst images: looked for only where a check has failed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from components.data_checks import Suspects
from trainer import features


def find(examples_dir: Path, suspects: Suspects, *, count: int) -> Sequence[str]:
    """Files that images came from, the worst first.

    Args:
      examples_dir: holds `Split-<split>/*.gz`, gzipped TFRecords.
      suspects: which images to look for.
      count: at most so many.
    """
    values = dict(_values(examples_dir / f"Split-{suspects.split}", suspects.feature))
    if suspects.value is not None:
        return sorted(name for name, value in values.items() if value == suspects.value)[:count]
    centre = suspects.centre or 0.0
    return sorted(values, key=lambda name: (-abs(float(values[name]) - centre), name))[:count]


def _values(folder: Path, feature: str) -> Iterator[tuple[str, str | float]]:
    """Each file's name and its value of the feature, where it has one."""
    paths = sorted(str(path) for path in folder.glob("*.gz"))
    for record in tf.data.TFRecordDataset(paths, compression_type="GZIP").as_numpy_iterator():
        found = tf.train.Example.FromString(record).features.feature
        name = found[features.FILENAME].bytes_list.value[0].decode(errors="replace")
        kinds = found[feature]
        for text in kinds.bytes_list.value:
            yield name, text.decode(errors="replace")
        for number in (*kinds.int64_list.value, *kinds.float_list.value):
            yield name, number
