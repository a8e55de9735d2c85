"""The command `frostline bulk-predict`."""

import argparse
import sys

from pipeline.bulk import job
from pipeline.bulk.job import Outcome, Request
from pipeline.bulk.output import PipelineError
from trainer.errors import ConfigError

_FAILED = 1


def bulk_predict(options: argparse.Namespace) -> int:
    """Predict what the options say, tell how many there were, and return the exit code.

    Raises:
      FrostlineError: the model, the images or the output are not fit for it.
    """
    if options.workers is not None and options.runner != "multi_processing":
        raise ConfigError(
            f"--workers {options.workers} needs --runner multi_processing: {options.runner} is "
            "one process"
        )
    request = Request(
        model=options.model,
        paths=options.paths,
        output=options.output,
        file_format=options.format,
        batch_size=options.batch_size,
        runner=options.runner,
        workers=options.workers or 0,
        beam_options=options.beam_options,
    )
    try:
        outcome = job.run(request)
    except PipelineError as error:
        sys.stderr.write(f"frostline: error: {error}\n")
        return _FAILED
    sys.stdout.write(_told(request, outcome))
    if outcome.failures:
        sys.stderr.write(
            f"frostline: error: {outcome.failures} image(s) could not be predicted; "
            "their rows say why\n"
        )
    return _FAILED if outcome.failures else 0


def _told(request: Request, outcome: Outcome) -> str:
    pace = outcome.images / outcome.seconds
    return (
        f"{request.output}: {outcome.images:,} images in {outcome.shards:,} shard(s), "
        f"{outcome.seconds:.1f} s, {pace:.3g} images/s\n"
    )
