"""What Kubeflow Pipelines is sent: checked by a server that reads it with KFP's own models."""

import pytest
import yaml
from kfp_server_api import V2beta1CronSchedule, V2beta1PeriodicSchedule

from pipeline.cluster import submission
from pipeline.cluster.connection import ClusterError, Connection, Endpoint
from pipeline.cluster.submission import Job, Schedule
from trainer.errors import ConfigError

NIGHTLY = Schedule(cron="0 0 2 * * *")


@pytest.fixture
def connection(kubeflow):
    return Connection(Endpoint(url=kubeflow.url, namespace="team-a", timeout_seconds=5))


def a_job(compiled, **changes):
    return Job(**{"file": compiled, "name": "first", "experiment": "frostline", **changes})


def cached(made):
    """Task of the inner DAG -> whether KFP may take it from the cache."""
    spec = made.pipeline_spec["pipeline_spec"]
    tasks = spec["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    return {name: task["cachingOptions"].get("enableCache", False) for name, task in tasks.items()}


def test_a_run_carries_name_parameters_root_and_service_account(kubeflow, connection, compiled):
    job = a_job(compiled, parameters={"epochs": 5}, root="gs://b/x", service_account="trainer")
    run_id = submission.run(connection, job)
    made = kubeflow.runs[run_id]
    assert made.display_name == "first"
    assert made.runtime_config.parameters == {"epochs": 5}
    assert made.runtime_config.pipeline_root == "gs://b/x"
    assert made.service_account == "trainer"


def test_the_document_for_kubernetes_arrives_unchanged(kubeflow, connection, compiled):
    made = kubeflow.runs[submission.run(connection, a_job(compiled))]
    _, platform = yaml.safe_load_all(compiled.read_text())
    expected = kubeflow.pod_configs(platform)
    assert kubeflow.pod_configs(made.pipeline_spec["platform_spec"]) == expected
    (config,) = expected.values()
    assert config.active_deadline_seconds == 3600
    assert config.pvc_mount[0].mount_path == "/mnt/frostline"


def test_what_must_never_be_cached_stays_so_and_no_cache_reaches_every_task(
    kubeflow, connection, compiled
):
    as_compiled = kubeflow.runs[submission.run(connection, a_job(compiled))]
    assert cached(as_compiled) == {"train": False, "train-2": True}
    never = kubeflow.runs[submission.run(connection, a_job(compiled, is_cached=False))]
    assert cached(never) == {"train": False, "train-2": False}


def test_an_experiment_is_made_once_and_in_the_namespace(kubeflow, connection, compiled):
    submission.run(connection, a_job(compiled))
    submission.run(connection, a_job(compiled))
    (made,) = kubeflow.experiments.values()
    assert (made.display_name, made.namespace) == ("frostline", "team-a")
    assert {run.experiment_id for run in kubeflow.runs.values()} == {made.experiment_id}


def test_an_experiment_that_has_gone_is_told_with_what_the_server_says(
    kubeflow, connection, compiled, monkeypatch
):
    real = kubeflow.post_runs

    def forgetful(*request):
        kubeflow.experiments.clear()
        return real(*request)

    monkeypatch.setattr(kubeflow, "post_runs", forgetful)
    with pytest.raises(ClusterError, match=r"404 .*create the run: Experiment experiment-0 not"):
        submission.run(connection, a_job(compiled))


def test_a_login_page_is_no_run(kubeflow, connection, compiled):
    kubeflow.page = "<html>Log in with Dex</html>"
    with pytest.raises(
        ClusterError, match=r'not as Kubeflow .*make the experiment "frostline": a login page\?'
    ):
        submission.run(connection, a_job(compiled))


def test_an_answer_without_an_id_is_no_run_and_no_schedule(
    kubeflow, connection, compiled, monkeypatch
):
    for kind in ("runs", "recurringruns"):
        monkeypatch.setattr(kubeflow, f"post_{kind}", lambda *request: (200, {}))
    with pytest.raises(ClusterError, match=r"when asked to create the run"):
        submission.run(connection, a_job(compiled))
    with pytest.raises(ClusterError, match=r"when asked to create the schedule"):
        submission.schedule(connection, a_job(compiled), NIGHTLY, replaces=False)


def test_a_cron_schedule_runs_one_run_at_a_time_and_does_not_catch_up(
    kubeflow, connection, compiled
):
    schedule_id = submission.schedule(connection, a_job(compiled), NIGHTLY, replaces=False)
    made = kubeflow.schedules[schedule_id]
    assert made.trigger.cron_schedule == V2beta1CronSchedule(cron="0 0 2 * * *")
    assert made.trigger.periodic_schedule is None
    assert (made.max_concurrency, made.no_catchup, made.mode) == ("1", True, "ENABLE")


def test_an_interval_schedule_can_catch_up(kubeflow, connection, compiled):
    when = Schedule(interval_seconds=3600, catches_up=True)
    made = kubeflow.schedules[
        submission.schedule(connection, a_job(compiled), when, replaces=False)
    ]
    assert made.trigger.periodic_schedule == V2beta1PeriodicSchedule(interval_second="3600")
    assert made.no_catchup is False


def test_a_schedule_of_the_same_name_is_refused_or_replaced(kubeflow, connection, compiled):
    for name in ("a", "b", "first"):
        submission.schedule(connection, a_job(compiled, name=name), NIGHTLY, replaces=False)
    with pytest.raises(ConfigError, match=r'"first" already \(schedule-2\); --replace'):
        submission.schedule(connection, a_job(compiled), NIGHTLY, replaces=False)
    assert submission.schedule(connection, a_job(compiled), NIGHTLY, replaces=True) == "schedule-3"
    assert list(kubeflow.schedules) == ["schedule-0", "schedule-1", "schedule-3"]


def test_the_old_schedule_stays_where_the_new_one_is_refused(kubeflow, connection, compiled):
    submission.schedule(connection, a_job(compiled), NIGHTLY, replaces=False)
    kubeflow.refuse_posts(400, "invalid cron")
    with pytest.raises(ClusterError, match=r"400 .*create the schedule: invalid cron"):
        submission.schedule(connection, a_job(compiled), NIGHTLY, replaces=True)
    assert list(kubeflow.schedules) == ["schedule-0"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("6h", 21600), ("1d", 86400), ("1w", 604800)]
)
def test_times_have_a_unit(text, seconds):
    assert submission.seconds(text) == seconds


@pytest.mark.parametrize("text", ["90", "0s", "h", "-1h", "1.5h", "1 h", ""])
def test_a_time_without_unit_or_of_nothing_is_refused(text):
    with pytest.raises(ConfigError, match="a number and a unit"):
        submission.seconds(text)


def test_the_five_fields_of_unix_get_a_second_in_front():
    assert submission.cron("0 2 * * *") == "0 0 2 * * *"
    assert submission.cron("30  0 2 * * 1-5") == "30 0 2 * * 1-5"
    assert submission.cron("@daily") == "@daily"


def test_a_cron_of_another_number_of_fields_is_refused():
    with pytest.raises(ConfigError, match=r'"0 2" has 2 fields; it should have five'):
        submission.cron("0 2")
