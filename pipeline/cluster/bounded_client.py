"""kfp's client, which waits for no answer longer than it is told to.

kfp's own waits for ever, asks for the server's health five times while it is made, and keeps the
namespace in a file of the home folder, which a pod may not have. All its services share one
connection: that is where each request gets its bound.
"""

from typing import Any

import kfp
import urllib3
from kfp_server_api.rest import RESTClientObject


class _BoundedRest(RESTClientObject):
    def __init__(self, configuration: Any, timeout_seconds: float) -> None:
        # A request that may have arrived is not sent again: two runs would come of it.
        configuration.retries = urllib3.Retry(
            total=None, connect=2, read=0, redirect=3, status=0, other=0, backoff_factor=0.2
        )
        super().__init__(configuration)
        self._timeout_seconds = (timeout_seconds, timeout_seconds)

    def request(self, method: str, url: str, **options: Any) -> Any:
        options["_request_timeout"] = options.get("_request_timeout") or self._timeout_seconds
        return super().request(method, url, **options)


class BoundedClient(kfp.Client):
    """Fails where a connection or the next bytes take longer than `timeout_seconds`."""

    def __init__(self, *, timeout_seconds: float, **options: Any) -> None:
        self._timeout_seconds = timeout_seconds
        super().__init__(**options)
        self._bound()

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
        """Ask once: who calls knows better than this whether to ask again."""
        self._bound()
        return self._healthz_api.healthz_service_get_healthz()

    def set_user_namespace(self, namespace: str) -> None:
        """Keep the namespace for this client alone."""
        self._context_setting["namespace"] = namespace

    def _bound(self) -> None:
        rest = _BoundedRest(self._existing_config, self._timeout_seconds)
        self._healthz_api.api_client.rest_client = rest
