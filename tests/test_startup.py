"""Help, usage errors and the plain modules answer at once: they load no heavy package."""

import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "keras", "tfx", "apache_beam", "kfp", "ml_metadata")
PLAIN_MODULES = (
    "components.inputs",
    "components.settings",
    "trainer.errors",
    "trainer.features",
    "trainer.progress",
    "trainer.settings",
    "trainer.weights",
    "pipeline.arguments",
    "pipeline.cli",
    "pipeline.comparison_text",
    "pipeline.completion",
    "pipeline.config",
    "pipeline.config_file",
    "pipeline.display",
    "pipeline.doctor",
    "pipeline.plan_text",
    "pipeline.presets",
    "pipeline.run_table",
    "pipeline.serving.command",
    "pipeline.workdir",
)


def heavy_packages_after(statement: str) -> str:
    """Run the statement in a fresh interpreter and return the heavy packages that it loaded."""
    script = (
        f"import sys\ntry:\n    {statement}\nexcept SystemExit:\n    pass\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print('loaded:', *loaded)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return answer.stdout.splitlines()[-1].removeprefix("loaded:").strip()


def test_a_heavy_import_is_noticed() -> None:
    assert heavy_packages_after("import ml_metadata") == "ml_metadata"


@pytest.mark.parametrize("module", PLAIN_MODULES)
def test_plain_module_loads_no_heavy_package(module: str) -> None:
    assert heavy_packages_after(f"import {module}") == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["predict", "--help"],
        ["bulk-predict", "--help"],
        ["bulk-predict", "--model", "/nowhere", "--output", "unused", "photos"],
        ["serve", "--help"],
        ["serve", "--model-dir", "/nowhere"],
        ["data", "--help"],
        ["data", "/nowhere"],
        ["schema", "freeze", "--help"],
        ["schema"],
        ["runs", "--work-dir", "/nowhere"],
        ["compare", "1", "2", "--work-dir", "/nowhere"],
        ["doctor", "--help"],
        ["init", "/proc/nowhere"],
        ["completion", "bash"],
        ["lineage", "7"],
        ["lineage", "--help"],
        ["plan", "--help"],
        ["plan", "--data", "/nowhere", "--work-dir", "unused", "--weights", "random"],
        ["run", "--preset", "sample", "--work-dir", "unused", "--accept-data", " "],
        [],
        ["thaw"],
        ["run", "--no-such-option"],
        ["run", "--data", "photos", "--work-dir", "unused", "--set", "no.such=1"],
        ["config", "--preset", "course"],
        ["open", "--work-dir", "/nowhere"],
    ],
    ids=" ".join,
)
def test_help_and_wrong_usage_load_no_heavy_package(arguments: list[str]) -> None:
    assert heavy_packages_after(f"from pipeline.cli import main; main({arguments!r})") == ""
