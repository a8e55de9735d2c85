"""A batch inference, from the images' list to the folder of predictions."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Literal

from pipeline import beam_workers, chatter, progress_bar
from pipeline.bulk import images, output, saved_model, work
from pipeline.bulk.output import Output, Part, PipelineError
from pipeline.bulk.work import Work
from pipeline.prediction_formats import FileFormat
from pipeline.progress_bar import Advance

Runner = Literal["in_process", "multi_processing"]

_LOGGER = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Request:
    """What a person asked for.

    model: a folder; see `pipeline.bulk.saved_model`
    paths: what is to be predicted; see `pipeline.bulk.images`
    output: the folder to be made
    batch_size: images that the model gets at once
    workers: processes of the runner `multi_processing`; 0 means all cores
    beam_options: Beam's own, which have the last word
    """

    model: str
    paths: Sequence[str]
    output: str
    file_format: FileFormat
    batch_size: int
    runner: Runner
    workers: int
    beam_options: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """What came out.

    images: predictions that were written
    failures: those of them that say why there is none
    """

    images: int
    failures: int
    shards: int
    seconds: float


def run(request: Request) -> Outcome:
    """Predict all images, and let the folder appear.

    Raises:
      ConfigError: no model, no image, or a folder that cannot be made.
      DataError: what is to be predicted does not exist, or is broken.
      PipelineError: Beam failed, and there is no folder.
    """
    started = time.monotonic()
    model = saved_model.address(request.model)
    with output.opened(request.output) as place:
        found = _predicted(request, place, model)
        output.finish(place, found, suffix=request.file_format)
    return Outcome(
        images=sum(part.images for part in found),
        failures=sum(part.failures for part in found),
        shards=len(found),
        seconds=time.monotonic() - started,
    )


def beam_arguments(request: Request) -> list[str]:
    """Beam's options. The runner is named: the default one would download another."""
    chosen = ["--runner=FnApiRunner"]
    if request.runner == "multi_processing":
        chosen.append("--direct_running_mode=multi_processing")
        chosen.append(f"--direct_num_workers={request.workers}")
    return [*chosen, *request.beam_options]


def _predicted(request: Request, place: Output, model: str) -> list[Part]:
    todo = _listed(request, place)
    with (
        chatter.diverted(place.scratch / output.LOG) as person,
        _watched(place, todo, person),
        beam_workers.prepared(workers=request.workers),
    ):
        _execute(request, place, model, todo)
    found = output.parts(place)
    missing = {portion.number for portion in todo.portions} - found.keys()
    if missing:
        raise _failure(place, f"{len(missing)} of {len(todo.portions)} shards are not there")
    return [found[number] for number in sorted(found)]


def _listed(request: Request, place: Output) -> Work:
    path = place.scratch / "images.jsonl"
    todo = work.write(path, images.found(request.paths), batch_size=request.batch_size)
    output.put(path, place.images)
    return todo


def _execute(request: Request, place: Output, model: str, todo: Work) -> None:
    # Seconds of imports, which wrong arguments should not wait for.
    import apache_beam as beam
    from apache_beam.utils.shared import Shared

    from pipeline.bulk import prediction

    task = prediction.Task(
        model, place.images, place.parts, request.file_format, request.batch_size
    )
    shared = Shared()
    if request.runner == "in_process" and not request.beam_options:
        # This process is the worker: it has the model already, and a wrong one is told plainly.
        shared.acquire(lambda: prediction.LoadedModel(model))
    pipeline = beam.Pipeline(argv=beam_arguments(request))
    portions = pipeline | beam.Create(todo.portions)
    _ = portions | beam.ParDo(prediction.Predict(task, shared))
    try:
        pipeline.run().wait_until_finish()
    except Exception as error:  # A runner raises what it likes.
        _LOGGER.exception("the pipeline failed")
        reason = str(error).strip() or type(error).__name__
        raise _failure(place, reason.splitlines()[-1]) from None


def _failure(place: Output, reason: str) -> PipelineError:
    return PipelineError(
        f"Beam's pipeline failed, and nothing is written: {reason}; "
        f"more is in {place.scratch / output.LOG}"
    )


@contextmanager
def _watched(place: Output, todo: Work, person: IO[str]) -> Iterator[None]:
    """Show how many images the finished shards hold, whatever runner makes them."""
    stopped = threading.Event()
    with progress_bar.shown(
        person, total=todo.images, unit="images", waiting="the model and the first shards"
    ) as advance:
        watcher = threading.Thread(target=_watch, args=(place, advance, stopped), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stopped.set()
            watcher.join()


def _watch(place: Output, advance: Advance, stopped: threading.Event) -> None:
    shown = 0
    while not stopped.wait(_LOOK_SECONDS):
        done = sum(part.images for part in output.parts(place).values())
        if done > shown:  # The pace is measured from the first shard on.
            advance(done - shown)
            shown = done
