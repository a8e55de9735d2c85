"""The bounds of the serving gate: a section of the configuration, which the step gets as JSON."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from trainer.settings import Frozen

Batch = Literal["1", "8", "32"]
BATCHES: tuple[Batch, ...] = get_args(Batch)
Bound = Annotated[float, Field(gt=0)]
Ratio = Annotated[float, Field(ge=1)]
Bounds = dict[Batch, Bound]


class ServingGateSettings(Frozen):
    """What a SavedModel must do in a fresh process before it is pushed.

    The bounds in seconds, milliseconds and megabytes are wide: a slow machine keeps them, and a
    model that hangs or swells does not. Ratios are to what the blessed model did.
    """

    parity_images: Annotated[int, Field(ge=1, le=64)] = 32
    """Validation images whose scores in training are compared with the served ones."""
    max_parity_difference: Bound = 1e-3
    """How far a served score may be from the one in training."""
    max_load_seconds: Bound = 120.0
    """From an empty process to a model that has replayed its warm-up."""
    max_p50_ms: Bounds = Field(default={"1": 2_000.0, "8": 8_000.0, "32": 30_000.0})
    """Median milliseconds of a request, by its number of images."""
    max_p99_ms: Bounds = Field(default={"1": 5_000.0, "8": 20_000.0, "32": 60_000.0})
    """The same for all but the slowest hundredth; for few requests, the slowest one."""
    max_large_photo_ms: Bound = 15_000.0
    """Milliseconds for one photo of 4000x3000 pixels, or of `data.max_pixels`."""
    max_memory_megabytes: Bound = 6_000.0
    """What the process may hold at its peak."""
    max_model_megabytes: Bound = 2_000.0
    """All files of the SavedModel."""
    max_load_ratio: Ratio = 5.0
    max_latency_ratio: Ratio = 3.0
    """Of the median of each number of images."""
    max_memory_ratio: Ratio = 2.0
    max_size_ratio: Ratio = 4.0
    docker_image: str = ""
    """TF Serving's image, such as `tensorflow/serving:2.19.1`, for a machine that has Docker and no
    `tensorflow_model_server`. It must be there: nothing is pulled."""
    deadline_seconds: Bound = 300.0
    """A process that has not finished by then is stopped, and the model not pushed."""
