"""`frostline data`: looks at a data set, and trains nothing."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from components import image_files, inputs
from components.image_files import Listing
from pipeline import chatter, data_report, data_screen, progress_bar
from pipeline.config import Config
from trainer.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.data_facts import Scan

ACCEPTED = 0
REFUSED = 4


def look(*, config: Config, data: str, span: str | None, sheet: Path | None, is_json: bool) -> int:
    """Print the picture of a data set on standard output.

    Args:
      config: the limits and bounds that a run would have.
      data: a folder, an archive or a manifest.
      span: which spans of it; see `components.spans`.
      sheet: gets a contact sheet of the worst files, as PNG; None makes none.
      is_json: print JSON instead of tables.

    Returns:
      the exit code: 0 if a run would accept the data, 4 if it would refuse them.

    Raises:
      ConfigError: the sheet cannot be written.
      DataError: there is nothing to look at.
    """
    if sheet and not sheet.absolute().parent.is_dir():
        raise ConfigError(f"--sheet {sheet}: there is no folder {sheet.parent}; make it first")
    listing = inputs.listed(data, span=span)
    if not listing.files:
        image_files.check(listing, data)
    scan = _scanned(listing, config)
    report = data_report.build(data, scan, config)
    if sheet:
        _draw(report, scan, sheet, config)
    if is_json:
        json.dump(data_report.to_json(report), sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        data_screen.show(report, sys.stdout)
        sys.stdout.write(f"\nContact sheet: {sheet}\n" if sheet else "")
    return ACCEPTED if report.is_trainable else REFUSED


def _scanned(listing: Listing, config: Config) -> "Scan":
    with (
        _quiet() as person,
        progress_bar.shown(
            person, total=listing.count(), unit="files", waiting="loading TensorFlow"
        ) as advance,
    ):
        # It would have a last word on its own shutdown, behind the picture.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from pipeline import data_scan  # Loads TensorFlow.

        return data_scan.scan(listing, config.data, on_file=advance)


def _draw(report: data_report.DataReport, scan: "Scan", sheet: Path, config: Config) -> None:
    with _quiet():
        from pipeline import data_sheet

        image = data_sheet.draw(report, scan, config.data)
    try:
        image.save(sheet, format="PNG")
    except OSError as error:
        raise ConfigError(f"--sheet {sheet} cannot be written: {error}") from None


@contextmanager
def _quiet() -> Iterator[IO[str]]:
    """Silence TensorFlow and its decoders; gives the standard error for what is not theirs."""
    with (
        os.fdopen(os.dup(2), "w", encoding="utf-8") as person,
        chatter.diverted(Path(os.devnull)),
    ):
        yield person
