"""The data folder and the weights are checked before anything is written."""

import pytest

from components.image_files import ImageFile, Listing
from pipeline import preflight
from pipeline.config import Config
from pipeline.workdir import WorkDir
from trainer import weights
from trainer.errors import ConfigError, DataError, WeightsError


def config(setting, *, untrained=False):
    return Config.model_validate({"model": {"weights": setting}, "push": {"untrained": untrained}})


@pytest.fixture
def no_weights(monkeypatch):
    def locate(setting, *, environ):
        raise WeightsError("there is no network")

    monkeypatch.setattr(weights, "locate", locate)


def test_files_of_a_data_folder_are_listed(make_images, tmp_path):
    data = make_images(tmp_path / "data", count=3)
    assert len(preflight.check_data(str(data), None).files) == 6


def test_data_that_the_run_makes_itself_needs_no_check():
    assert not preflight.check_data(None, None).files


def test_files_of_the_wanted_span_are_listed(make_images, tmp_path):
    for span, count in (("span-1", 2), ("span-2", 3)):
        make_images(tmp_path / "data" / span, count=count)
    sizes = {
        span: len(preflight.check_data(str(tmp_path / "data"), span).files)
        for span in ("1", "1..2", None)
    }
    assert sizes == {"1": 4, "1..2": 10, None: 6}


def test_missing_data_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        preflight.check_data(str(tmp_path / "nothing"), None)


def test_random_base_comes_with_a_warning():
    found = preflight.check_weights(config("random"))
    assert (found.path, found.sha256) == (None, "random")
    assert found.warning is not None
    assert "RANDOM weights, as asked for" in found.warning


def test_weights_file_is_checked_and_digested(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "verify", lambda path: f"digest of {path.name}")
    found = preflight.check_weights(config(str(tmp_path / "w.h5")))
    assert found == preflight.Weights(tmp_path / "w.h5", "digest of w.h5")


def test_missing_weights_file_is_an_error_even_where_random_may_be_pushed(tmp_path):
    with pytest.raises(WeightsError, match=r"w\.h5"):
        preflight.check_weights(config(str(tmp_path / "w.h5"), untrained=True))


def test_no_weights_to_be_had_is_an_error(no_weights):
    with pytest.raises(WeightsError, match="there is no network"):
        preflight.check_weights(config("auto"))


def test_no_weights_to_be_had_falls_back_where_random_may_be_pushed(no_weights):
    found = preflight.check_weights(config("auto", untrained=True))
    assert found.path is None
    assert found.warning == "the base has RANDOM weights, because there is no network"


def test_room_is_asked_for_features_that_are_not_there_yet(tmp_path):
    listing, place = Listing((ImageFile("a", "a", "c", None),) * 1000), WorkDir(tmp_path)
    sections = {"image": {"size": 150}, "model": {"cut": "mixed7"}, "train": {"mirror": False}}
    config = Config.model_validate(sections)
    live = Config.model_validate({**sections, "train": {"base": "live"}})
    without = preflight.free_bytes(live, listing, place)
    features = 1000 * (2 * 7 * 7 * 768 + 4 * (256 + 288 + 288 + 5 * 768))
    assert preflight.free_bytes(config, listing, place) == without + features
    place.features.mkdir()
    (place.features / "segment").write_bytes(bytes(5000))
    assert preflight.free_bytes(config, listing, place) == without + features - 5000


def test_image_of_tf_serving_is_asked_for_before_a_run(docker, monkeypatch, tmp_path):
    def check(image):
        preflight.check_server(Config.model_validate({"serving_gate": {"docker_image": image}}))

    check("")
    check(docker.image)
    with pytest.raises(ConfigError, match="docker pull tensorflow/serving:0"):
        check("tensorflow/serving:0")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="no docker on the PATH"):
        check(docker.image)
    (tmp_path / "tensorflow_model_server").touch(mode=0o755)
    check(docker.image)
