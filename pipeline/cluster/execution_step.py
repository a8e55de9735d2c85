"""One container step: what KFP's driver decides for it, and its attempts."""

import time
from dataclasses import replace
from typing import Any

from pipeline.cluster import execution_artifacts as artifacts
from pipeline.cluster import execution_cache as cache
from pipeline.cluster import execution_launcher as launcher
from pipeline.cluster import execution_placeholders as placeholders
from pipeline.cluster import execution_platform as platform
from pipeline.cluster import execution_values as values
from pipeline.cluster.execution_inputs import Given
from pipeline.cluster.execution_launcher import OUTPUT_FILE, PARAMETER_FILES, Launch
from pipeline.cluster.execution_run import Record, Run, Task


def execute(run: Run, task: Task, given: Given) -> tuple[Record, Given]:
    """Run a step, or take what the cache has of it.

    Raises:
        ValueError: it cannot be started with these inputs.
    """
    container = run.document.executors[task.label].container
    launch = Launch(
        executor_input=_executor_input(run, task, given),
        command=[*container.command, *container.args],
        output_kinds=values.kinds(task.component.output_definitions.parameters),
        settings=platform.settings(run, task, given),
    )
    if not task.spec.caching_options.enable_cache:
        return _attempts(run, task, launch)
    store = run.bucket / "cache" / run.document.name
    fingerprint = cache.key(
        launch.executor_input,
        output_kinds=launch.output_kinds,
        command=launch.command,
        image=container.image,
        claims=launch.settings.claims,
    )
    found = cache.stored(store, fingerprint)
    if found is not None:
        return Record(task.path, "cached"), found
    record, outputs = _attempts(run, task, launch)
    if record.state == "ran":
        cache.store(store, fingerprint, outputs)
    return record, outputs


def _executor_input(run: Run, task: Task, given: Given) -> dict[str, Any]:
    planned = artifacts.planned(run, task)
    outputs = task.component.output_definitions.parameters
    return {
        "inputs": {
            "parameterValues": placeholders.with_references(given.parameters),
            "artifacts": {name: {"artifacts": list(of)} for name, of in given.artifacts.items()},
        },
        "outputs": {
            "parameters": {name: {"outputFile": f"{PARAMETER_FILES}/{name}"} for name in outputs},
            "artifacts": {name: {"artifacts": [plan]} for name, plan in planned.items()},
            "outputFile": OUTPUT_FILE,
        },
    }


def _attempts(run: Run, task: Task, launch: Launch) -> tuple[Record, Given]:
    """Try until it works, or until retryPolicy allows no more; as in Argo, the longest
    back-off is a limit for all attempts together."""
    policy = task.spec.retry_policy
    delay, started = policy.backoff_duration.ToTimedelta().total_seconds(), time.monotonic()
    limit = policy.backoff_max_duration.seconds or float("inf")
    number = 1
    while True:
        record, outputs = launcher.attempt(run, task, launch, number=number)
        left = policy.max_retry_count + 1 - number
        if record.state == "ran" or left <= 0 or time.monotonic() - started > limit:
            return record, outputs
        reason = f"{record.reason}; again in {delay:g} s, {left} left"
        run.told(replace(record, state="retried", reason=reason))
        time.sleep(delay)
        delay *= policy.backoff_factor or 1
        number += 1
