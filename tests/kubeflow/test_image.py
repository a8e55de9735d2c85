"""What the image is made of: its Dockerfile, what is sent to the build, and its locks.

No engine builds it here; decision note 19 tells what was executed by hand, and how.
"""

import importlib.util
import json
import re
import runpy
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-gpu.lock")
# TFX's own choice on a glibc of 2.39; the root's lock has what serves an older one.
OTHERWISE = {"attrs", "ml-metadata", "pyfarmhash", "tensorflow-data-validation"}


@pytest.fixture(scope="module")
def instructions():
    """(instruction, the rest of it), in order; continued lines are joined."""
    text = (ROOT / "kubeflow" / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in joined]


@pytest.fixture(scope="module")
def setup_arguments():
    """What setup.py calls setuptools with."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("setuptools.setup", lambda **arguments: found.update(arguments))
        runpy.run_path(str(ROOT / "setup.py"))
    return found


def pins(lock):
    """Package -> version."""
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[.*\])?==([^\s;\\]+)", lock.read_text(), re.M))


def last(instructions, name):
    return [rest for instruction, rest in instructions if instruction == name][-1]


def test_pods_do_not_run_as_root_and_kubernetes_can_tell(instructions):
    user = re.fullmatch(r"(\d+):(\d+)", last(instructions, "USER"))
    assert user
    assert int(user[1]) > 0


def test_nothing_is_installed_by_hand_after_the_user_has_changed(instructions):
    after = instructions[instructions.index(("USER", last(instructions, "USER"))) + 1 :]
    assert {name for name, _ in after} == {"RUN", "ENTRYPOINT"}


def test_the_entry_point_is_a_module_that_is_installed(instructions, setup_arguments):
    *command, module = json.loads(last(instructions, "ENTRYPOINT"))
    assert command == ["python", "-m"]
    assert importlib.util.find_spec(module)
    assert module.rpartition(".")[0] in setup_arguments["packages"]


def test_the_build_tries_the_entry_point(instructions):
    module = json.loads(last(instructions, "ENTRYPOINT"))[-1]
    assert last(instructions, "RUN") == f"python -m {module} --help"


def test_every_package_is_installed(setup_arguments):
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for top in ("components", "pipeline", "trainer")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert set(setup_arguments["packages"]) == folders


def test_no_host_is_named(instructions):
    assert not [rest for _, rest in instructions if "://" in rest]
    bases = [rest.split()[0] for name, rest in instructions if name == "FROM"]
    assert set(bases) == {"scratch", "${PYTHON_IMAGE}", "packages"}
    assert ("ARG", "PYTHON_IMAGE=python:3.11-slim-trixie") in instructions


def test_all_but_debian_s_compiler_comes_from_the_lock_by_its_hashes(instructions):
    assert ("ARG", f"LOCK={LOCKS[0]}") in instructions
    steps = [rest for name, rest in instructions if name == "RUN" and "pip " in rest]
    fetching = [step for step in steps if "pip wheel" in step]
    (fetched,) = fetching
    calls = [call for call in fetched.split("&&") if " pip " in f" {call}"]
    assert all("--require-hashes" in call and "--no-deps" in call for call in calls)
    # From there on, pip reaches no registry.
    offline = instructions.index(("RUN", fetched)) + 1
    assert "PIP_NO_INDEX=1" in instructions[offline][1]


def test_what_is_copied_is_there_and_let_through(instructions):
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = {
        source
        for name, rest in instructions
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert {source.replace("${LOCK}", "requirements*.lock") for source in copied} == let_through
    assert all(list(ROOT.glob(source.replace("${LOCK}", "*.lock"))) for source in copied)


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_has_a_hash_and_no_host(name):
    entries = re.split(r"\n(?=\S)", (ROOT / "kubeflow" / name).read_text().strip())
    assert len(entries) > 200
    one = re.compile(r"[a-z0-9._-]+==[^\s:]+( ; [^\n\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+")
    assert not [entry for entry in entries if not one.fullmatch(entry)]


def test_the_lock_is_what_setup_asks_for(setup_arguments):
    found = pins(ROOT / "kubeflow" / LOCKS[0])
    for text in setup_arguments["install_requires"]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(found[wanted.name]), text


def test_the_image_has_what_the_tests_ran_with_but_for_what_an_older_glibc_needs():
    tested, packed = pins(ROOT / "requirements.lock"), pins(ROOT / "kubeflow" / LOCKS[0])
    assert {name for name in packed if packed[name] != tested.get(name)} == OTHERWISE


def test_the_gpu_adds_nvidia_s_libraries_and_changes_nothing():
    plain, gpu = (pins(ROOT / "kubeflow" / name) for name in LOCKS)
    assert plain.items() < gpu.items()
    assert all(name.startswith("nvidia-") for name in set(gpu) - set(plain))
