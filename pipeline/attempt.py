"""What a person asked of a run, and how far the run has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from components.image_files import Listing
from pipeline.config import Config
from pipeline.preflight import Weights
from pipeline.steps import Step
from pipeline.summary import Failure, Status
from trainer.errors import FrostlineError

EXIT_CODES: Mapping[Status, int] = {
    "pushed": 0,
    "tuned": 0,
    "finished": 0,
    "failed": 1,
    "not_blessed": 3,
    "not_pushed": 3,
    "withdrawn": 3,
    "refused": 4,
    "not_servable": 5,
    "interrupted": 130,
}
_USAGE = 2


@dataclass(frozen=True)
class Request:
    """What a person asked for.

    data: the folder, manifest or archive; None makes the embedded sample
    listing: the files that it holds
    command: the words of the command line
    accept_reason: why the data are accepted in spite of failed checks; None if they are not
    force_bless: why the model is blessed in spite of failed checks; None if it is not
    until_tuned: search for settings, and train nothing with them
    """

    config: Config
    preset: str
    data: str | None
    listing: Listing
    command: Sequence[str]
    weights: Weights
    accept_reason: str | None = None
    force_bless: str | None = None
    until_tuned: bool = False
    started: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Attempt:
    """How far a run has come; filled in on the way, so that a failed run is summed up too.

    listing: the files of `data`
    """

    status: Status = "failed"
    exit_code: int = EXIT_CODES["failed"]
    data: str | None = None
    listing: Listing = field(default_factory=lambda: Listing(()))
    steps: Sequence[Step] = ()
    failed_step: str | None = None
    error: Failure | None = None

    @property
    def began(self) -> bool:
        """Whether any step has started."""
        return any(step.seconds or step.state == "running" for step in self.steps)

    def end(self, status: Status, error: BaseException | None = None) -> None:
        """Note how it ended."""
        self.status = status
        usage = status == "failed" and isinstance(error, FrostlineError)
        self.exit_code = _USAGE if usage else EXIT_CODES[status]
        if error is not None:
            message = str(error) or type(error).__name__
            self.error = Failure(self.failed_step, type(error).__name__, message)
