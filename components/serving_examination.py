"""A model put through its paces, and its figures held against those of the blessed model."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components import (
    model_server,
    probe_material,
    probe_process,
    serving_checks,
    serving_ratios,
)
from components.blessed import Blessed
from components.gates import Gate
from components.probe_job import Job, Probed
from components.probe_material import Material
from components.serving_checks import Measured
from components.serving_gate_settings import BATCHES, ServingGateSettings
from trainer import processor

FILE = "serving.json"
"""What a model has done, beside the verdict on it: `Examined.record`."""
_SECONDS_PER_BATCH = 0.4
_ROUNDS = 2
_MEGABYTE = 1_000_000

Record = Mapping[str, Any]
Probe = Callable[[str, Job], Probed]


@dataclass(frozen=True)
class Opponent:
    """The blessed model: the folder of its SavedModel, and what is known of it."""

    model: str
    release: Blessed


@dataclass(frozen=True)
class Examined:
    """What became of a model. `record` is what later models are compared with."""

    checks: Sequence[Gate]
    record: Record

    @property
    def is_servable(self) -> bool:
        """Whether no check has failed."""
        return all(check.passed for check in self.checks)


def examine(
    model: str,
    material: Material,
    settings: ServingGateSettings,
    *,
    opponent: Opponent | None,
    scratch: Path,
) -> Examined:
    """Judge a model.

    Args:
      model: the folder of the SavedModel.
      material: what it is to answer.
      settings: the bounds.
      opponent: the blessed model; None where there is none yet.
      scratch: an empty folder.
    """
    job = _job(model, material, image=settings.docker_image)

    def probe(name: str, job: Job) -> Probed:
        return probe_process.run(
            job,
            deadline_seconds=settings.deadline_seconds,
            max_bytes=settings.max_memory_megabytes * _MEGABYTE,
            log=scratch / f"{name}.log",
        )

    probed = probe("model", job)
    measured = Measured(
        probed=probed,
        expected=material.expected,
        model_bytes=_bytes_in(Path(model)),
        warm_up_requests=_warm_up_requests(Path(model)),
    )
    record = _record(measured)
    checks = serving_checks.absolute(measured, settings)
    if opponent and not probed.death:
        checks += _against(opponent, record, settings, job, probe)
    return Examined(checks, record)


def _against(
    opponent: Opponent, record: Record, settings: ServingGateSettings, job: Job, probe: Probe
) -> list[Gate]:
    """Machines are noisy: what the stored figures would refuse is measured again, in turns."""
    stored = opponent.release.serving
    if all(stored.get(key) == record[key] for key in ("engine", "machine")):
        checks = serving_ratios.judge(record, stored, settings)
        if all(check.passed for check in checks):
            return checks
    brief = {**asdict(job), "parity": (), "malformed": {}}
    theirs, ours = _in_turns(
        probe,
        {
            "blessed": Job(**{**brief, "model": opponent.model}),
            "model": Job(**{**brief, "model": job.model}),
        },
    )
    if not (theirs and ours):
        return [_not_compared(opponent.release.version, whose="new" if theirs else "blessed")]
    return serving_ratios.judge(
        {**record, **ours},
        {**theirs, "model_bytes": _bytes_in(Path(opponent.model))},
        settings,
    )


def _not_compared(version: int, *, whose: str) -> Gate:
    sentence = (
        f"The figures could not be held against those of version {version}: a process with the "
        f"{whose} model did not come to its end (serving_gate.deadline_seconds and "
        "serving_gate.max_memory_megabytes bound it)."
    )
    return Gate("comparison", None, {}, False, sentence, (), serving_checks.STEP)


def _in_turns(probe: Probe, jobs: Mapping[str, Job]) -> list[dict[str, Any]]:
    """The least of each figure over some rounds: what disturbs a measurement only adds to it.

    Of a model whose process died in a round there is none.
    """
    found: dict[str, list[Record]] = {name: [] for name in jobs}
    deaths: dict[str, str] = dict.fromkeys(jobs, "")
    for number in range(_ROUNDS):
        for name, job in jobs.items():
            probed = probe(f"{name}-{number}", job)
            found[name].append(asdict(probed.figures))
            deaths[name] = deaths[name] or probed.death
    return [{} if deaths[name] else _least(records) for name, records in found.items()]


def _least(records: Sequence[Record]) -> dict[str, Any]:
    least: dict[str, Any] = {
        key: min((record[key] for record in records if record[key]), default=None)
        for key in ("load_seconds", "peak_bytes")
    }
    p50s = {
        batch: [
            record["latency"][batch]["p50_ms"] for record in records if batch in record["latency"]
        ]
        for batch in BATCHES
    }
    least["latency"] = {batch: {"p50_ms": min(p50)} for batch, p50 in p50s.items() if p50}
    return least


def _job(model: str, material: Material, *, image: str) -> Job:
    server = model_server.found() or ""
    return Job(
        model=model,
        photos=material.photos,
        batches=[int(batch) for batch in BATCHES],
        seconds_per_batch=_SECONDS_PER_BATCH,
        parity=material.parity,
        large=material.large,
        malformed=material.malformed,
        server=server,
        image="" if server else image,
    )


def _record(measured: Measured) -> Record:
    figures = asdict(measured.figures)
    del figures["scores"]
    found = serving_checks.differences(measured)
    worst, name = found[0] if found else (None, None)
    return {
        **figures,
        "machine": machine(),
        "model_bytes": measured.model_bytes,
        "warm_up_requests": measured.warm_up_requests,
        "parity": {"images": len(found), "max_difference": worst, "worst_image": name},
    }


def machine() -> str:
    """What figures hang on: only those of one kind of machine can be compared."""
    accelerated = sorted(processor.cpu_features() & {"amx_bf16", "avx512_bf16", "avx512f"})
    return " ".join([platform.machine(), f"{os.cpu_count()} cores", *accelerated])


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _warm_up_requests(model: Path) -> int:
    path = model / "assets.extra" / "tf_serving_warmup_requests"
    return sum(1 for _ in probe_material.records(str(path))) if path.exists() else 0
