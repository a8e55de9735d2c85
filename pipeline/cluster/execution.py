"""Runs a compiled pipeline on this machine, step by step, as KFP's driver and launcher would.

A folder stands for all buckets; it also holds the cache, the claims and, for each run, its logs
and its records. Images are not pulled: each step's command runs with what this machine has, and
`python` is the Python that runs here.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

from pipeline.cluster import execution_dag as dag
from pipeline.cluster import execution_document as documents
from pipeline.cluster import execution_platform as platform
from pipeline.cluster import execution_pod as pods
from pipeline.cluster.execution_inputs import Given
from pipeline.cluster.execution_run import Record, Run
from trainer.errors import ConfigError

FAILED = 1
INTERRUPTED = 130  # What a shell reports after Ctrl-C.
_TAIL_LINES = 12


@dataclass
class Teller:
    """Prints a line for each step, and keeps what it was told."""

    stream: TextIO
    records: list[Record] = field(default_factory=list)

    def __call__(self, record: Record) -> None:
        """Tell what has become of a step; of a failed one also its last words."""
        seconds = f"{record.seconds:.1f} s" if record.attempts else ""
        reason = f": {record.reason}" if record.reason else ""
        self.say(f"{record.state:<8} {seconds:>9}  {record.name}{reason}")
        if record.state in {"failed", "retried"} and record.log:
            self._quote(Path(record.log))
        self.records.append(record)

    def say(self, line: str) -> None:
        """Print a line at once."""
        self.stream.write(f"{line}\n")
        self.stream.flush()

    def _quote(self, log: Path) -> None:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in lines[-_TAIL_LINES:]:
            self.say(f"         | {line}")
        self.say(f"         log: {log}")


def run(
    file: Path,
    *,
    parameters: Mapping[str, Any],
    bucket: Path,
    volumes: Mapping[str, Path],
    keeps_pods: bool = False,
    stream: TextIO | None = None,
) -> int:
    """Run a compiled file; return 0, 1 for a failed run or 130 for a stopped one.

    Raises:
        ConfigError: the file cannot be run, or a volume that it needs is not there.
    """
    document = documents.read(file)
    teller = Teller(stream or sys.stdout)
    this = Run(
        document=document,
        run_id=str(uuid4()),
        bucket=bucket.resolve(),
        volumes={name: _existing(name, folder) for name, folder in volumes.items()},
        has_own_roots=pods.can_have_own_root(),
        keeps_pods=keeps_pods,
        told=teller,
        noted=teller.say,
    )
    platform.check(this)
    given = {**document.defaults, **parameters}
    _open(this, file, given, teller)
    try:
        state, _ = dag.execute(this, document.spec.root, Given(given))
    except KeyboardInterrupt:
        teller.say("stopped: the step that ran has been ended")
        _write(this, "stopped", given, teller)
        return INTERRUPTED
    _write(this, "succeeded" if state == "ran" else "failed", given, teller)
    teller.say(f"{'done' if state == 'ran' else 'failed'}: {this.folder}")
    return 0 if state == "ran" else FAILED


def _open(this: Run, file: Path, given: Mapping[str, Any], teller: Teller) -> None:
    this.folder.mkdir(parents=True)
    told = ", ".join(f"{name}={value}" for name, value in sorted(given.items()))
    teller.say(f"{this.document.name}  {file}  run {this.run_id}")
    teller.say(f"with {told or 'no parameters'}")
    if not this.has_own_roots:
        teller.say(
            "note: this machine lets no pod have a root of its own; folders are handed down by "
            "HOME, TMPDIR and FROSTLINE_STAGING"
        )


def _write(this: Run, state: str, given: Mapping[str, Any], teller: Teller) -> None:
    content = {
        "run_id": this.run_id,
        "pipeline": this.document.name,
        "state": state,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": dict(given),
        "steps": [asdict(record) for record in teller.records if record.state != "retried"],
    }
    (this.folder / "run.json").write_text(json.dumps(content, indent=2), encoding="utf-8")


def _existing(name: str, folder: Path) -> Path:
    if not folder.is_dir():
        raise ConfigError(f"--volume {name}={folder}: there is no such folder")
    return folder.resolve()
