"""A connection to Kubeflow Pipelines: where it is, who asks, and what its errors mean."""

import contextlib
import io
import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from trainer.errors import ConfigError, FrostlineError

if TYPE_CHECKING:
    from pipeline.cluster.bounded_client import BoundedClient

ENDPOINT = "KF_PIPELINES_ENDPOINT"
TOKEN = "KF_PIPELINES_TOKEN"
# The two that kfp's client knows, too.
TOKEN_PATH = "KF_PIPELINES_SA_TOKEN_PATH"
POD_TOKEN_PATH = Path("/var/run/secrets/kubeflow/pipelines/token")
IN_CLUSTER = "http://ml-pipeline.kubeflow.svc.cluster.local:8888"
FORWARD = "kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80"
_SERVER_ERROR, _TOO_MANY = 500, 429
_SHOWN = 500
_NEXT = {
    400: "is --namespace missing? `python kubeflow/compile.py --check FILE` looks at the file",
    401: "--token-file FILE, with a token of `kubectl create token SERVICE_ACCOUNT -n NAMESPACE`",
    403: "--namespace NAMESPACE of your own, or a role there: kubectl auth can-i create workflows",
    404: f"see that it still exists, and that {ENDPOINT} is the address of Kubeflow Pipelines",
    409: "another --name",
}
_ANSWERS_WRONGLY = "kubectl logs -n kubeflow deploy/ml-pipeline tells why; then try again"

Answer = TypeVar("Answer")


class ClusterError(FrostlineError):
    """Kubeflow Pipelines does not answer, or refuses."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Asking again may help: nobody answered, or the server itself was in trouble."""
        return self.status is None or self.status >= _SERVER_ERROR or self.status == _TOO_MANY


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where Kubeflow Pipelines is, and how to ask.

    Attributes:
      url: the API's address; without a scheme, http.
      namespace: the user's, where Kubeflow keeps users apart.
      token: sent as it is; for a short while.
      token_file: read anew for each request, as Kubernetes writes it anew.
      ca_file: the authorities that the server's certificate is checked against.
      timeout_seconds: for a connection, and for each answer.
    """

    url: str
    namespace: str | None = None
    token: str | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    timeout_seconds: float = 30.0

    def run_page(self, run_id: str) -> str:
        """Where the user interface shows a run."""
        return f"{self.url}/#/runs/details/{run_id}"

    def schedule_page(self, schedule_id: str) -> str:
        """Where the user interface shows a schedule."""
        return f"{self.url}/#/recurringrun/details/{schedule_id}"


def endpoint(
    *,
    url: str | None,
    namespace: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    timeout_seconds: float,
    environ: Mapping[str, str] = os.environ,
    pod_token: Path = POD_TOKEN_PATH,
) -> Endpoint:
    """The endpoint that arguments and environment name: in a pod, that of its own cluster.

    Raises:
        ConfigError: there is no address, or a file that cannot be read.
    """
    found = url or environ.get(ENDPOINT)
    if not found and "KUBERNETES_SERVICE_HOST" in environ:
        found = IN_CLUSTER
    if not found:
        raise ConfigError(
            f"--endpoint URL is missing, and ${ENDPOINT} is not set. On your own machine: "
            f"{FORWARD}, then --endpoint http://localhost:8080"
        )
    token = None if token_file else environ.get(TOKEN)
    if token_file is None and token is None:
        token_file = Path(environ.get(TOKEN_PATH, pod_token))
        token_file = token_file if TOKEN_PATH in environ or token_file.exists() else None
    for path in filter(None, (token_file, ca_file)):
        _see_that_it_can_be_read(path)
    return Endpoint(
        url=(found if "://" in found else f"http://{found}").rstrip("/"),
        namespace=namespace,
        token=token,
        token_file=token_file,
        ca_file=ca_file,
        timeout_seconds=timeout_seconds,
    )


class Connection:
    """A client and its endpoint. Every question goes through `ask`, which mends the errors."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._client = self.ask("be greeted", lambda: _client(endpoint))

    def ask(self, purpose: str, question: Callable[[], Answer]) -> Answer:
        """What the server answers.

        Args:
          purpose: what is asked for, as in "create the run".

        Raises:
            ClusterError: naming the endpoint, what it said, and what to do.
        """
        import kfp_server_api
        import urllib3

        try:
            # The client prints links, which are no lines of ours.
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return question()
        except kfp_server_api.ApiException as error:
            raise self._refused(purpose, error) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._silent(purpose, error) from None

    @property
    def client(self) -> Any:
        """kfp's client, for the questions of `ask`; its own types are not what it takes."""
        return self._client

    def misunderstood(self, purpose: str) -> ClusterError:
        """The error where an answer is not one of Kubeflow Pipelines: a login page, mostly."""
        return ClusterError(
            f"{self.endpoint.url} answered, but not as Kubeflow Pipelines does, when asked to "
            f"{purpose}: a login page? {_NEXT[401]}; or the API's own address: {FORWARD}",
            status=401,
        )

    def _refused(self, purpose: str, error: Any) -> ClusterError:
        status = int(error.status or 0)
        fix = _NEXT.get(status, _ANSWERS_WRONGLY)
        said = _said(error.body) or error.reason or "nothing more"
        return ClusterError(
            f"{self.endpoint.url} answered {status} {error.reason} when asked to {purpose}: "
            f"{said} ({fix})",
            status=status,
        )

    def _silent(self, purpose: str, error: Exception) -> ClusterError:
        reason = _plain(getattr(error, "reason", None) or error)
        is_untrusted = "CERTIFICATE_VERIFY_FAILED" in reason
        fix = "--ca-file FILE names its authority" if is_untrusted else f"is it up? {FORWARD}"
        return ClusterError(
            f"{self.endpoint.url} did not answer within {self.endpoint.timeout_seconds:g} s a try "
            f"when asked to {purpose}: {reason} ({fix})"
        )


def _client(endpoint: Endpoint) -> "BoundedClient":
    from kfp.client import ServiceAccountTokenVolumeCredentials

    from pipeline.cluster.bounded_client import BoundedClient

    by_file = endpoint.token_file
    return BoundedClient(
        timeout_seconds=endpoint.timeout_seconds,
        host=endpoint.url,
        # kfp's own default means that none was chosen.
        namespace=endpoint.namespace or "kubeflow",
        existing_token=endpoint.token,
        credentials=ServiceAccountTokenVolumeCredentials(str(by_file)) if by_file else None,
        ssl_ca_cert=str(endpoint.ca_file) if endpoint.ca_file else None,
    )


def _see_that_it_can_be_read(path: Path) -> None:
    try:
        path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None


def _said(body: str | None) -> str:
    """The sentence in an error of KFP: `{"error": ..., "message": ...}`, or plain text."""
    try:
        fields = json.loads(body or "{}")
        text = fields.get("message") or fields.get("error") or fields.get("error_message") or ""
    except (ValueError, AttributeError):
        text = body or ""
    return " ".join(str(text).split())[:_SHOWN]


def _plain(error: object) -> str:
    # urllib3 begins with the address of one of its objects.
    return str(error).rpartition("object at 0x")[2].partition(">: ")[2] or str(error)
