"""A server that answers as Kubeflow Pipelines does, and a compiled pipeline to give it.

What it is sent it reads with the models of `kfp_server_api`, what it answers it writes with them.
"""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api
import pytest
from google.protobuf import json_format
from kfp import compiler, dsl, kubernetes
from kfp.kubernetes import kubernetes_executor_config_pb2 as pods
from kfp.pipeline_spec import pipeline_spec_pb2 as specs

# Made by protobuf at import, where pyright does not see them.
PipelineSpec: Any = specs.PipelineSpec  # pyright: ignore[reportAttributeAccessIssue]
PlatformSpec: Any = specs.PlatformSpec  # pyright: ignore[reportAttributeAccessIssue]
PodConfig: Any = pods.KubernetesExecutorConfig  # pyright: ignore[reportAttributeAccessIssue]
API = "/apis/v2beta1"
# The schema of the server's own API: a query that is not in it is refused.
QUERIES = {"page_token", "page_size", "sort_by", "filter", "namespace", "experiment_id"}


def model_of(kind, fields) -> Any:
    """The model that JSON fields make. Raises ValueError where the model has no such field."""
    reader = kfp_server_api.ApiClient()
    found: Any = reader.deserialize(SimpleNamespace(data=json.dumps(fields)), kind)
    lost = set(fields) - set(found.attribute_map.values())
    if lost:
        raise ValueError(f"{kind} has no {lost}")
    return found


class KubeflowServer(ThreadingHTTPServer):
    """Keeps what it is given; does amiss what a test asks it to.

    token: asked of every request; None asks for none
    refusals: answered before anything else, the first first: (status, reply)
    hangs: seconds before any answer
    page: answered to everything, as a login page is
    states: what becomes of a run, answer by answer; the last stays
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.token, self.refusals, self.hangs, self.page = None, [], 0.0, None
        self.asked, self.experiments, self.runs, self.schedules = [], {}, {}, {}
        self.states, self.refused_posts = [("RUNNING", {})], []

    def reply(self, method, path, query, fields):
        """(status, model or fields)."""
        kind, _, name = path.partition("/")
        answer = getattr(self, f"{method.lower()}_{kind}", None)
        if answer is None or set(query) - QUERIES:
            return 404, {"code": 5, "message": f"no {method} {path} {query}"}
        return answer(name, query, fields)

    def get_healthz(self, name, query, fields):
        return 200, kfp_server_api.V2beta1GetHealthzResponse(multi_user=True)

    def get_experiments(self, name, query, fields):
        (wanted,) = json.loads(query["filter"][0])["predicates"]
        assert wanted["operation"] in (1, "EQUALS")
        found = [
            one for one in self.experiments.values() if one.display_name == wanted["stringValue"]
        ]
        return 200, kfp_server_api.V2beta1ListExperimentsResponse(experiments=found)

    def post_experiments(self, name, query, fields):
        made = model_of("V2beta1Experiment", fields)
        made.experiment_id = f"experiment-{len(self.experiments)}"
        self.experiments[made.experiment_id] = made
        return 200, made

    def post_runs(self, name, query, fields):
        made = model_of("V2beta1Run", fields)
        refusal = self.unfit(made)
        if refusal:
            return refusal
        made.run_id = f"run-{len(self.runs)}"
        self.runs[made.run_id] = made
        return 200, made

    def get_runs(self, name, query, fields):
        found = self.runs.get(name)
        if found is None:
            return 404, {"code": 5, "message": f"Failed to get a run: Run {name} not found"}
        state, steps = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        found.state, found.run_details = state, details(steps)
        return 200, found

    def get_recurringruns(self, name, query, fields):
        found, size = list(self.schedules.values()), 2
        start = int(query.get("page_token", ["0"])[0] or 0)
        after = str(start + size) if start + size < len(found) else None
        return 200, kfp_server_api.V2beta1ListRecurringRunsResponse(
            recurring_runs=found[start : start + size], next_page_token=after
        )

    def post_recurringruns(self, name, query, fields):
        made = model_of("V2beta1RecurringRun", fields)
        refusal = self.unfit(made)
        if refusal:
            return refusal
        made.recurring_run_id = f"schedule-{len(self.schedules)}"
        self.schedules[made.recurring_run_id] = made
        return 200, made

    def delete_recurringruns(self, name, query, fields):
        del self.schedules[name]
        return 200, {}

    def unfit(self, made):
        """The refusal of what names no experiment, or holds no pipeline."""
        if made.experiment_id not in self.experiments:
            return 404, {"code": 5, "message": f"Experiment {made.experiment_id} not found"}
        if self.refused_posts:
            return self.refused_posts.pop()
        try:
            documents = made.pipeline_spec.get("pipeline_spec", made.pipeline_spec)
            json_format.ParseDict(documents, PipelineSpec())
            self.pod_configs(made.pipeline_spec.get("platform_spec", {}))
        except json_format.ParseError as error:
            return 400, {"code": 3, "message": f"Failed to parse the pipeline: {error}"}
        return None

    def refuse_posts(self, status, message):
        """The next run or schedule is refused."""
        self.refused_posts = [(status, {"code": 3, "message": message})]

    @staticmethod
    def pod_configs(document):
        """Executor label -> its message, of a document for Kubernetes."""
        platform = json_format.ParseDict(document, PlatformSpec())
        executors = platform.platforms["kubernetes"].deployment_spec.executors
        return {
            label: json_format.ParseDict(json_format.MessageToDict(fields), PodConfig())
            for label, fields in executors.items()
        }


class Handler(BaseHTTPRequestHandler):
    """HTTP around the server's `reply`."""

    server: KubeflowServer

    def handle_one(self):
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        self.server.asked.append((self.command, address.path.removeprefix(f"{API}/")))
        time.sleep(self.server.hangs)
        if self.server.page is not None:
            return self.answer(200, self.server.page.encode(), "text/html")
        if self.server.refusals:
            return self.answer_json(*self.server.refusals.pop(0))
        if self.server.token and self.headers["authorization"] != f"Bearer {self.server.token}":
            return self.answer_json(401, {"code": 16, "message": "Request header error: no user"})
        if not address.path.startswith(f"{API}/"):
            return self.answer_json(404, {"error": "no such page"})
        path = address.path.removeprefix(f"{API}/")
        fields = json.loads(text) if text else None
        return self.answer_json(
            *self.server.reply(self.command, path, parse_qs(address.query), fields)
        )

    do_GET = do_POST = do_DELETE = handle_one  # noqa: N815

    def answer_json(self, status, reply):
        fields = kfp_server_api.ApiClient().sanitize_for_serialization(reply)
        self.answer(status, json.dumps(fields).encode(), "application/json")

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # Who waits no longer has gone.
            self.wfile.write(body)

    def log_message(self, format, *args):
        """Tests say what was asked."""


def details(steps):
    """The tasks of a run as KFP tells them: a driver beside each, an executor in each, and the DAG
    that they are in, which fails with them."""
    tasks = [
        kfp_server_api.V2beta1PipelineTaskDetail(
            display_name=name, state="FAILED", start_time="2026-11-24T02:00:00Z"
        )
        for name in ("root", "root-driver", "tfx-dag", "tfx-dag-driver")
    ]
    for place, (name, state) in enumerate(steps.items()):
        began = f"2026-11-24T02:{place:02}:00Z"
        tasks += [
            kfp_server_api.V2beta1PipelineTaskDetail(
                display_name=shown, state=state, start_time=began
            )
            for shown in (f"{name}-driver", "executor", name)
        ]
    # KFP's order is that of its database.
    return kfp_server_api.V2beta1RunDetails(task_details=tasks[::-1])


@pytest.fixture
def kubeflow(monkeypatch, tmp_path):
    """The server; `KF_PIPELINES_ENDPOINT` names it, and nothing of this machine is asked."""
    with KubeflowServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        for name in ("KF_PIPELINES_TOKEN", "KF_PIPELINES_SA_TOKEN_PATH", "KUBERNETES_SERVICE_HOST"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.url)
        monkeypatch.setattr("kfp.Client._LOCAL_KFP_CONTEXT", str(tmp_path / "kfp-context.json"))
        yield server
        server.shutdown()


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """A compiled pipeline as Frostline's: two steps in a DAG of their own, one of them never
    cached, a step at the end, and a document for Kubernetes."""

    @dsl.container_component
    def train(data: str, epochs: int, is_quick: bool, words: list):
        return dsl.ContainerSpec(
            image="python:3.11", args=[data, str(epochs), str(is_quick), str(words)]
        )

    @dsl.container_component
    def end():
        return dsl.ContainerSpec(image="python:3.11")

    @dsl.pipeline(name="toy")
    def toy(data: str, epochs: int = 3, is_quick: bool = False, words: list = ["a"]):  # noqa: B006
        with dsl.ExitHandler(end()):
            quick = train(data=data, epochs=epochs, is_quick=is_quick, words=words)
            quick.set_caching_options(False)
            kubernetes.mount_pvc(quick, pvc_name="frostline", mount_path="/mnt/frostline")
            kubernetes.set_timeout(quick, seconds=3600)
            kubernetes.add_toleration(quick, key="google.com/tpu", effect="NoSchedule")
            train(data=data, epochs=epochs, is_quick=is_quick, words=words)

    path = tmp_path_factory.mktemp("compiled") / "toy.yaml"
    pipeline: Any = toy
    compiler.Compiler().compile(pipeline, str(path))
    return path
