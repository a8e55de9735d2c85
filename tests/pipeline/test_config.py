"""How a configuration is put together, refused, and written out again."""

import tomllib

import pytest
from pydantic import ValidationError

from components.evaluate_settings import METRICS, Bound, EvaluateSettings
from pipeline.config import Config, resolve, to_toml
from pipeline.presets import PRESETS
from trainer.errors import ConfigError


def resolved(*overrides, preset="default", file=None, weights=None):
    return resolve(preset=preset, file=file, overrides=overrides, weights=weights)


def refusal(*overrides, **sources):
    with pytest.raises(ConfigError) as caught:
        resolved(*overrides, **sources)
    return str(caught.value)


@pytest.fixture
def toml_file(tmp_path):
    def write(text):
        path = tmp_path / "my.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_nothing_given_means_the_defaults():
    assert resolved() == Config()


def test_file_beats_preset_and_set_beats_file(toml_file):
    file = toml_file("[train]\nbatch_size = 7\nepochs = 8\n")
    config = resolved("train.epochs=9", preset="course", file=file)
    assert config.train.steps_per_epoch == 100  # the preset's
    assert config.train.batch_size == 7  # the file's
    assert config.train.epochs == 9  # --set's


def test_last_of_two_sets_wins():
    assert resolved("train.epochs=3", "train.epochs=4").train.epochs == 4


def test_sections_are_merged_key_by_key():
    config = resolved("evaluate.thresholds.log_loss.max=0.3")
    assert config.evaluate.thresholds == {"accuracy": Bound(min=0.8), "log_loss": Bound(max=0.3)}


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("train.learning_rate=1e-3", "train", "learning_rate", 1e-3),
        ("train.learning_rate=1", "train", "learning_rate", 1.0),
        ("train.mirror=false", "train", "mirror", False),
        ("model.cut=mixed7", "model", "cut", "mixed7"),
        ('push.model_name="2024"', "push", "model_name", "2024"),
        ("model.weights=/a b/c=d.h5", "model", "weights", "/a b/c=d.h5"),
        (" train . epochs = 3 ", "train", "epochs", 3),
    ],
)
def test_set_takes_a_toml_value_or_text(override, section, key, value):
    assert getattr(getattr(resolved(override), section), key) == value


def test_bound_of_one_size_of_request_leaves_those_of_the_others():
    bounds = resolved("serving_gate.max_p50_ms.8=7.5").serving_gate.max_p50_ms
    assert bounds == {**Config().serving_gate.max_p50_ms, "8": 7.5}


def test_bound_of_a_size_that_is_not_tried_lists_those_that_are():
    assert "serving_gate.max_p50_ms has 32, 1, 8" in refusal("serving_gate.max_p50_ms.2=7.5")


def test_none_unsets_what_a_preset_sets(toml_file):
    assert resolved("train.steps_per_epoch=none", preset="course").train.steps_per_epoch is None
    file = toml_file('[train]\nsteps_per_epoch = "none"\n')
    assert resolved(preset="course", file=file).train.steps_per_epoch is None


def test_none_takes_a_metric_out_of_the_thresholds():
    config = resolved("evaluate.thresholds.log_loss.max=0.3", "evaluate.thresholds.accuracy=none")
    assert set(config.evaluate.thresholds) == {"log_loss"}


def test_weights_option_sets_model_weights_over_a_file(toml_file):
    file = toml_file('[model]\nweights = "random"\n')
    assert resolved(file=file, weights="a.h5").model.weights == "a.h5"


def test_weights_option_and_a_set_that_disagree_are_refused():
    assert "--weights a and --set model.weights=b disagree" in refusal(
        "model.weights=b", weights="a"
    )
    assert resolved("model.weights=a", weights="a").model.weights == "a"


def test_unknown_key_names_its_source_and_the_known_keys_close_match_first():
    message = refusal("train.epoch=5")
    assert message.startswith("train.epoch (from --set train.epoch=5): no such key; ")
    assert "train has epochs, " in message
    assert "learning_rate" in message


def test_unknown_key_in_a_file_names_the_file(toml_file):
    file = toml_file("[image]\nsizes = 5\n")
    assert f"image.sizes (from {file}): no such key; image has size, scaling" in refusal(file=file)


def test_wrong_value_is_pinned_on_the_source_that_won(toml_file):
    file = toml_file("[train]\nepochs = 0\n")
    assert f"train.epochs = 0 (from {file})" in refusal(file=file, preset="course")
    assert "train.epochs = -1 (from --set train.epochs=-1)" in refusal(
        "train.epochs=-1", file=file, preset="course"
    )


def test_unknown_section_lists_the_sections():
    message = refusal("tran.epochs=5")
    assert "no such section; the sections are train, image" in message


def test_key_without_its_section_is_told_where_it_lives():
    assert "did you mean train.epochs?" in refusal("epochs=5")


def test_unknown_metric_lists_the_known_ones():
    message = refusal("evaluate.thresholds.acuracy.min=0.9")
    assert "no such key; evaluate.thresholds has " in message
    assert all(metric in message for metric in METRICS)


@pytest.mark.parametrize(
    ("override", "known"),
    [
        ("evaluate.by_colour.accuracy.min=0.5", "evaluate has thresholds, by_class, "),
        ("evaluate.by_class.auc.min=0.5", "evaluate.by_class has accuracy, log_loss, "),
        ("evaluate.by_class.accuracy.mn=0.5", "evaluate.by_class.accuracy has min, max"),
        ("evaluate.max_worsening.acuracy=0.1", "evaluate.max_worsening has accuracy, "),
    ],
)
def test_unknown_key_deep_in_a_section_lists_the_known_ones(override, known):
    assert f"no such key; {known}" in refusal(override)


def test_bound_on_a_slice_is_set_beside_those_that_are_there():
    evaluate = resolved("evaluate.by_class.log_loss.max=1.0").evaluate
    assert evaluate.by_class.bounds() == {"accuracy": Bound(min=0.5), "log_loss": Bound(max=1.0)}
    assert not resolved("evaluate.by_class.accuracy=none").evaluate.by_class.bounds()


@pytest.mark.parametrize(
    ("override", "accepted"),
    [
        ("train.epochs=0", "train.epochs = 0 (from --set train.epochs=0): should be greater"),
        ("train.epochs=true", "train.epochs = true"),
        ("train.epochs=2.5", "should be a whole number"),
        ("train.epochs=none", 'train.epochs = "none"'),
        ("train.epochs.x=1", "train.epochs (from --set train.epochs.x=1): should be a whole"),
        ("train.learning_rate=fast", "should be a number"),
        ("train.mirror=yes", "should be true or false"),
        ("train.optimizer=ada", "should be 'rmsprop', 'adam' or 'sgd'"),
        ("train=3", "train = 3 (from --set train=3): should be a table of settings"),
        ("push.model_name=2024", "should be text; quote it"),
        ("push.model_name=../up", "should be 1 to 100 letters"),
        ("push.model_name=", "should be section.key=value"),
        ("data.eval_fraction=1", "should be less than 1"),
        ("data.eval_fraction=0", "should be greater than 0"),
        ("data.min_images_per_class=0", "should be greater than or equal to 1"),
        ("beam.runner=DirectRunner", "should be 'in_process' or 'multi_processing'"),
        ("image.size=1\nx=2", "should be a whole number"),
    ],
)
def test_wrong_value_names_the_key_the_value_and_what_is_accepted(override, accepted):
    assert accepted in refusal(override)


def test_every_problem_is_told_at_once_one_line_each():
    message = refusal("train.epochs=0", "image.sizes=1", "train.optimizer=ada")
    assert len(message.splitlines()) == 3


def test_settings_that_contradict_each_other_are_refused():
    message = refusal("augment.enabled=true")
    assert message.startswith("augment.enabled with a cached base needs changed views")


@pytest.mark.parametrize(
    "other", ["model.head=flatten", "model.thaw_from=mixed7", "train.base=live"]
)
def test_both_sides_are_refused_where_no_pooled_features_are_frozen(other):
    assert refusal("model.both_sides=true", other).startswith("model.both_sides needs the frozen")
    assert resolved("model.both_sides=true").model.both_sides


@pytest.mark.parametrize("override", ["train.epochs", "=5", "a.b=", "train..epochs=5", ".=1"])
def test_malformed_set_shows_an_example(override):
    assert "as in --set train.epochs=5" in refusal(override)


def test_scalar_in_place_of_a_section_is_not_covered_up_by_a_later_set():
    assert "should be a table of settings" in refusal("train=3", "train.epochs=5")


@pytest.mark.parametrize(
    "overrides",
    [
        ["evaluate.thresholds={}"],
        ["evaluate.thresholds.accuracy=none"],
    ],
)
def test_empty_thresholds_are_refused_because_nothing_could_refuse_the_model(overrides):
    assert "a model that nothing can refuse is not gated" in refusal(*overrides)


def test_empty_thresholds_are_refused_where_the_section_is_made_too():
    with pytest.raises(ValidationError, match="nothing can refuse"):
        EvaluateSettings(thresholds={})


@pytest.mark.parametrize(
    ("metric", "bound"),
    [
        ("accuracy", '={max=0.9,min="none"}'),
        ("accuracy", ".min=0"),
        ("accuracy", ".min=80"),
        ("log_loss", "={min=0.1}"),
        ("log_loss", ".max=0"),
        ("expected_calibration_error", "={min=0.1}"),
        ("expected_calibration_error", ".max=1"),
    ],
)
def test_bound_that_refuses_no_bad_model_or_every_model_is_refused(metric, bound):
    assert f"{metric} needs a" in refusal(f"evaluate.thresholds.{metric}{bound}")


@pytest.mark.parametrize(
    "setting",
    [
        "evaluate.thresholds.accuracy.min=nan",
        "evaluate.thresholds.log_loss.max=inf",
        "train.learning_rate=inf",
    ],
)
def test_number_that_is_none_or_endless_is_refused(setting):
    assert "should be a finite number" in refusal(setting)


def test_bound_without_an_end_is_refused():
    assert "needs min, max or both" in refusal("evaluate.thresholds.log_loss={}")


def test_bound_that_crosses_itself_is_refused():
    assert "min 0.9 is above max 0.5" in refusal("evaluate.thresholds.accuracy={min=0.9,max=0.5}")


def test_unknown_preset_lists_the_presets():
    assert "there are default, course, sample" in refusal(preset="cours")


def test_missing_file_names_it_and_the_command_that_writes_one(tmp_path):
    message = refusal(file=tmp_path / "none.toml")
    assert "none.toml: cannot be read: No such file" in message
    assert "frostline config > my.toml" in message


def test_bad_toml_names_the_file_and_the_line(toml_file):
    message = refusal(file=toml_file("[train]\nepochs = = 5\n"))
    assert "my.toml: not valid TOML" in message
    assert "line 2" in message


def test_file_that_is_not_text_is_refused(tmp_path):
    file = tmp_path / "weights.h5"
    file.write_bytes(b"\x89HDF\xff\xfe")
    assert "not valid TOML" in refusal(file=file)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("read_over", PRESETS)
def test_written_configuration_reads_back_the_same_over_any_preset(preset, read_over, toml_file):
    config = resolved(
        'model.weights="a \\"quoted\\" \\\\ päth\\u007f\\n"',
        "evaluate.thresholds.log_loss.max=0.3",
        "evaluate.thresholds.accuracy=none",
        "train.validation_steps=none",
        preset=preset,
    )
    assert resolved(preset=read_over, file=toml_file(to_toml(config))) == config


def test_written_configuration_holds_every_setting():
    tables = tomllib.loads(to_toml(Config()))
    assert {section: set(table) for section, table in tables.items()} == {
        section: set(settings) for section, settings in Config().model_dump().items()
    }


def test_configuration_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        resolved().train.epochs = 3


def test_search_for_which_there_are_no_features_is_refused():
    assert "--set train.base=cached" in refusal("train.base=live", "tune.enabled=true")
    both = ("features.keep=head", 'tune.head=["flatten"]')
    assert "--set features.keep=all" in refusal(*both, "tune.enabled=true")
    assert resolved("train.base=live").tune.enabled is False


def test_random_base_is_not_searched_for_a_cut():
    said = refusal("model.weights=random", 'tune.cut=["mixed7"]', "tune.enabled=true")
    assert "random weights" in said


KUBEFLOW = (
    'kubeflow.volumes=[{claim="frostline", path="/mnt/frostline"}]',
    'kubeflow.gpu.node_selector={"cloud.google.com/gke-accelerator"="nvidia-l4"}',
    'kubeflow.steps.Trainer={memory_limit="16Gi", tolerations=[{key="gpu"}], env={A="b"}}',
    "kubeflow.state=/mnt/frostline",
)


def test_tables_inside_lists_and_odd_keys_are_written_as_they_are_read(toml_file):
    config = resolved(*KUBEFLOW)
    assert config.kubeflow.volumes[0].path == "/mnt/frostline"
    assert resolved(file=toml_file(to_toml(config))) == config


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("kubeflow.steps.Trainr.cache=false", "kubeflow.steps has Trainer, Transform, Prepare"),
        ("kubeflow.steps.Trainer.cpu=1", "kubeflow.steps.Trainer has cpu_request, cpu_limit"),
        ('kubeflow.volumes=[{clam="a"}]', "kubeflow.volumes.0 has claim, path"),
        ("kubeflow.state=gs://b/state", "should be an absolute path on a volume"),
        ('kubeflow.volumes=[{claim="a", path="b"}]', "should be mounted at an absolute path: b"),
        ('kubeflow.steps.Trainer.cpu_limit="2 cores"', 'as Kubernetes writes them: "2"'),
        ('kubeflow.steps.Trainer.memory_limit="8 GB"', 'as Kubernetes writes them: "8Gi"'),
        ('kubeflow.secrets=[{name="a"}]', "needs a path to mount it at, or env"),
    ],
)
def test_setting_of_the_cluster_that_is_wrong_says_what_is_accepted(override, said):
    assert said in refusal(override)
