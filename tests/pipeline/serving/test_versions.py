"""Which versions are served, lent out and retired, with versions that are only names."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.serving.answers import Code, ServingError
from pipeline.serving.model_folders import version_folders
from pipeline.serving.settings import VersionPolicy, WatchedModel
from pipeline.serving.versions import Address, Versions


@dataclass
class Loaded:
    name: str
    version: int
    is_closed: bool = False

    def close(self):
        self.is_closed = True


@dataclass
class Loader:
    """Loads what `saved_model.pb` does not call broken."""

    loaded: list[Loaded] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)

    def __call__(self, name: str, version: int, folder: Path) -> Loaded:
        self.attempts.append(version)
        if (folder / "saved_model.pb").read_text() == "broken":
            raise ServingError(Code.DATA_LOSS, "it is broken")
        self.loaded.append(Loaded(name, version))
        return self.loaded[-1]


@pytest.fixture
def loader():
    return Loader()


@pytest.fixture
def put(tmp_path) -> Callable[..., Path]:
    def put(version, content="fine"):
        folder = tmp_path / "m" / str(version)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "saved_model.pb").write_text(content)
        return folder

    return put


@pytest.fixture
def versions(loader, put):
    put(1)
    return Versions(load=loader)


def watched(put, **options):
    return WatchedModel(name="m", base_path=put(1).parent, **options)


def remove(folder):
    (folder / "saved_model.pb").unlink()
    folder.rmdir()


def served(versions, **address):
    with versions.leased(Address("m", **address)) as one:
        return one.version


def refusal(versions, address):
    with pytest.raises(ServingError) as error, versions.leased(address):
        pass
    return error.value.code, error.value.message


def states(versions):
    return {state.version: state.state for state in versions.states(Address("m"))}


def test_highest_number_is_served_not_the_last_name(versions, put):
    for number in (9, 10, 2):
        put(number)
    versions.watch([watched(put)])
    assert served(versions) == 10
    assert states(versions) == {10: "AVAILABLE"}


def test_only_whole_versions_with_plain_numbers_are_seen(put, tmp_path):
    for name in ("007", "8a", "-3", "\N{ARABIC-INDIC DIGIT THREE}", 1 << 63):
        put(name)
    (tmp_path / "m" / "9").mkdir()
    assert version_folders(tmp_path / "m") == {7: tmp_path / "m" / "007"}
    assert version_folders(tmp_path / "none") is None


def test_old_version_goes_only_when_the_new_one_is_there(versions, put, loader):
    versions.watch([watched(put)])
    put(2, "broken")
    versions.poll()
    assert served(versions) == 1
    assert states(versions) == {2: "END", 1: "AVAILABLE"}
    assert versions.states(Address("m", 2))[0].message == "it is broken"
    put(3)
    versions.poll()
    assert served(versions) == 3
    assert states(versions) == {3: "AVAILABLE", 2: "END", 1: "END"}
    assert [one.is_closed for one in loader.loaded] == [True, False]


def test_broken_version_is_tried_again_only_when_it_changed(versions, put, loader):
    import os

    versions.watch([watched(put)])
    path = put(2, "broken") / "saved_model.pb"
    for _ in range(3):
        versions.poll()
    assert loader.attempts == [1, 2]
    path.write_text("fine")
    os.utime(path, ns=(1, 1))
    versions.poll()
    assert served(versions) == 2


def test_version_that_is_lent_out_lives_until_it_is_given_back(versions, put, loader):
    versions.watch([watched(put)])
    with versions.leased(Address("m")) as first, versions.leased(Address("m", 1)):
        put(2)
        versions.poll()
        assert served(versions) == 2
        assert not first.is_closed
    assert first.is_closed


def test_version_that_is_rolled_back_makes_way_for_the_one_below(versions, put):
    newest = put(2)
    versions.watch([watched(put)])
    remove(newest)
    versions.poll()
    assert served(versions) == 1


def test_empty_folder_serves_nothing_but_one_out_of_reach_goes_on(versions, put, tmp_path):
    versions.watch([watched(put)])
    (tmp_path / "m").rename(tmp_path / "away")
    versions.poll()
    assert served(versions) == 1
    (tmp_path / "away").rename(tmp_path / "m")
    remove(tmp_path / "m" / "1")
    versions.poll()
    assert refusal(versions, Address("m")) == (
        Code.NOT_FOUND,
        "Servable not found for request: Latest(m)",
    )


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (VersionPolicy(), {4}),
        (VersionPolicy(latest=2), {3, 4}),
        (VersionPolicy(latest=0), {4}),
        (VersionPolicy(specific=frozenset({1, 3, 9})), {1, 3}),
        (VersionPolicy(everything=True), {1, 2, 3, 4}),
    ],
)
def test_policy_says_which_versions_are_served(versions, put, policy, expected):
    for number in (2, 3, 4):
        put(number)
    versions.watch([watched(put, policy=policy)])
    assert set(states(versions)) == expected


def test_label_stands_for_its_version(versions, put):
    put(2)
    policy = VersionPolicy(everything=True)
    versions.watch([watched(put, policy=policy, labels={"stable": 1})])
    assert served(versions, label="stable") == 1
    assert refusal(versions, Address("m", label="none")) == (
        Code.INVALID_ARGUMENT,
        "Unrecognized servable version label: none",
    )


def test_label_of_a_version_that_is_not_served_is_refused(versions, put):
    with pytest.raises(ServingError) as error:
        versions.watch([watched(put, labels={"stable": 7})])
    assert error.value.code is Code.FAILED_PRECONDITION
    assert served(versions) == 1


def test_model_that_is_watched_no_more_is_retired(versions, put, loader):
    versions.watch([watched(put)])
    versions.watch([])
    assert loader.loaded[0].is_closed
    assert not versions.knows("m")


def test_states_of_versions_long_gone_are_forgotten(versions, put):
    versions.watch([watched(put)])
    for number in range(2, 130):
        put(number)
        versions.poll()
    assert len(states(versions)) == 101


def test_no_reader_is_ever_without_a_version(versions, put):
    versions.watch([watched(put)])
    seen, failures = set(), []
    finished = threading.Event()

    def read():
        while not finished.is_set():
            try:
                with versions.leased(Address("m")) as one:
                    seen.add(one.version)
                    if one.is_closed:
                        failures.append("closed while in use")
            except ServingError as error:
                failures.append(error.message)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(2, 40):
        put(number)
        versions.poll()
    finished.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert len(seen) > 1
