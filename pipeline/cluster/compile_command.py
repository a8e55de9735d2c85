"""The command of kubeflow/compile.py."""

import argparse
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cluster import compile_arguments, documents
from pipeline.cluster.documents import Documents
from pipeline.cluster.findings import Finding
from pipeline.cluster.settings import STEPS, KubeflowSettings
from pipeline.run_arguments import check_data_is_named
from trainer.errors import ConfigError, FrostlineError

if TYPE_CHECKING:
    from pipeline.config import Config

USAGE = 2
_PROGRAM = "compile.py"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = [*(sys.argv[1:] if argv is None else argv)]
    options = compile_arguments.parser().parse_args(words)
    try:
        return _check(options.check) if options.check else _compile(options, words)
    except FrostlineError as error:
        sys.stderr.write(f"{_PROGRAM}: error: {error}\n")
        return USAGE


def _compile(options: argparse.Namespace, words: Sequence[str]) -> int:
    from pipeline import config as configuration

    check_data_is_named(options)
    config = configuration.resolve(
        preset=options.preset,
        file=options.config,
        overrides=options.overrides,
        weights=options.weights,
    )
    made, warning = _made(options, config, words)
    if _told(_findings(made)):
        return USAGE
    _write(options.output, made)
    sys.stdout.write("".join(f"{line}\n" for line in _lines(options, config, made, warning)))
    return 0


def _made(
    options: argparse.Namespace, config: "Config", words: Sequence[str]
) -> tuple[Documents, str | None]:
    """The documents, and what a person must know about the weights."""
    from pipeline import preflight

    image = _needed(options.image, config.kubeflow.image, "image")
    root = _needed(options.root, config.kubeflow.root, "root")
    weights = preflight.check_weights(config)
    # Seconds of imports, which a wrong argument should not wait for.
    from pipeline.cluster import compilation

    order = compilation.Order(
        config,
        image,
        root.rstrip("/"),
        weights,
        options.preset,
        ["python", f"kubeflow/{_PROGRAM}", *_without_output(words)],
        data=options.data,
        span=options.span,
        accept_reason=options.accept_data,
        force_bless=options.force_bless,
    )
    return compilation.compiled(order), weights.warning


def _without_output(words: Sequence[str]) -> list[str]:
    """The words that say what is compiled: where it is written must not change what is."""
    kept, rest = [], iter(words)
    for word in rest:
        if word in ("-o", "--output"):
            next(rest)
        elif not word.startswith(("-o", "--output=")):
            kept.append(word)
    return kept


def _needed(given: str | None, configured: str | None, name: str) -> str:
    if found := given or configured:
        return found
    example = {"image": "registry.example/frostline:1", "root": "gs://bucket/runs"}[name]
    raise ConfigError(f"--{name} is missing, as in --{name} {example} (or set kubeflow.{name})")


def _check(file: Path) -> int:
    found = _findings(documents.read(file))
    if _told(found):
        return USAGE
    sys.stdout.write("".join(f"WARNING {line}\n" for line in _grouped(found)))
    sys.stdout.write(f"{file}: nothing that open-source Kubeflow refuses or drops\n")
    return 0


def _findings(made: Documents) -> list[Finding]:
    from pipeline.cluster import checks

    return checks.findings(made)


def _told(found: Sequence[Finding]) -> bool:
    """Tell of errors on stderr; whether there are any."""
    errors = [each for each in found if each.level == "error"]
    for line in _grouped(errors):
        sys.stderr.write(f"{_PROGRAM}: error: {line}\n")
    return bool(errors)


def _grouped(found: Iterable[Finding]) -> list[str]:
    """One line for each sentence, with all the places that it is said of."""
    places: dict[str, list[str]] = {}
    for each in found:
        places.setdefault(each.sentence, []).append(each.place)
    return [f"{', '.join(dict.fromkeys(at))} {what}" for what, at in places.items()]


def _write(path: Path, made: Documents) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(documents.text(made), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"-o {path} cannot be written ({error.strerror}): name a file that can be"
        ) from None


def _lines(
    options: argparse.Namespace, config: "Config", made: Documents, warning: str | None
) -> Iterable[str]:
    from pipeline.cluster import spec

    compiled = spec.steps_of(made.pipeline).values()
    steps = [name for name in STEPS if name in compiled]
    settings = config.kubeflow
    yield f"{options.output}  {len(steps)} steps of {made.pipeline['pipelineInfo']['name']}"
    yield f"devices   {_devices(settings, steps)}"
    yield f"cached    {', '.join(filter(settings.is_cached, steps)) or 'nothing'}"
    yield f"anew      {', '.join(step for step in steps if not settings.is_cached(step))}"
    yield f"state     {settings.state or _NO_STATE}"
    if options.work_dir:
        yield f"          --work-dir {options.work_dir} is of this machine, and left alone"
    if warning:
        yield f"WARNING   {warning}"
    for line in _grouped(_findings(made)):
        yield f"WARNING   {line}"
    yield f"next      python kubeflow/submit.py run {shlex.quote(str(options.output))}"


_NO_STATE = "none: nothing is kept from run to run (kubeflow.state, a folder on a volume, keeps it)"


def _devices(settings: KubeflowSettings, steps: Iterable[str]) -> str:
    from pipeline.cluster import platform

    found = {step: platform.accelerator(settings, step) for step in steps}
    told = [f"{step} {each.count} x {each.type}" for step, each in found.items() if each]
    return ", ".join(told) or "CPU only"
