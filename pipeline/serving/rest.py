"""TF Serving's REST interface: addresses, methods, status codes and errors, as it has them."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from urllib.parse import unquote

from aiohttp import web

from pipeline.serving import json_replies, metrics
from pipeline.serving.admission import Admission, Slot
from pipeline.serving.answers import HTTP_STATUS, Code, ServingError, invalid
from pipeline.serving.metrics import Metrics
from pipeline.serving.rest_reports import metadata_json, states_json
from pipeline.serving.service import Service
from pipeline.serving.settings import Bounds
from pipeline.serving.versions import Address

_VERSION = r"(?:/versions/(\d+)|/labels/([^/:]+))?"
_PREDICTION = re.compile(
    rf"/v1/models/([^/:]+){_VERSION}:(classify|regress|predict)", re.IGNORECASE | re.ASCII
)
_REPORT = re.compile(
    rf"/v1/models(?:/([^/:]+))?{_VERSION}(?:/(metadata))?", re.IGNORECASE | re.ASCII
)
_API = re.compile(r"/v1/.*", re.IGNORECASE | re.DOTALL)
_NOT_FOUND = """\
<HTML><HEAD>
<TITLE>404 Not Found</TITLE>
</HEAD><BODY>
<H1>Not Found</H1>
</BODY></HTML>
"""


@dataclass(frozen=True)
class _Call:
    """What a request asks for: `predict`, `classify`, `regress`, `metadata` or `status`."""

    address: Address
    api: str


class _TooLargeError(Exception):
    """The body is beyond the bound."""


class RestApi:
    """Answers HTTP requests; `application` is what aiohttp runs."""

    def __init__(
        self, *, service: Service, admission: Admission, metrics: Metrics, bounds: Bounds
    ) -> None:
        self._service = service
        self._admission = admission
        self._metrics = metrics
        self._bounds = bounds
        self._is_stopping = False
        self._json: Mapping[str, Callable[..., bytes]] = {
            "predict": service.predict_json,
            "classify": service.classify_json,
            "regress": service.regress_json,
        }

    def application(self) -> web.Application:
        """Every path and method leads here."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handled)
        application.router.add_route("*", "/", self._handled)
        return application

    def refuse(self) -> None:
        """Answer no new request: the server stops."""
        self._is_stopping = True

    async def _handled(self, request: web.Request) -> web.StreamResponse:
        path = _path(request)
        if path == metrics.PATH:
            return web.Response(text=self._metrics.page(), content_type="text/plain")
        if not _API.fullmatch(path):
            return web.Response(status=404, text=_NOT_FOUND, content_type="text/html")
        start = time.monotonic()
        call: _Call | None = None
        try:
            if self._is_stopping:
                raise ServingError(Code.UNAVAILABLE, "The server is stopping")
            call = _call(request.method, path)
            reply = await self._answered(call, request, start)
        except ServingError as error:
            self._note(call, error.code, start)
            return _reply(HTTP_STATUS[error.code], json_replies.error(error.message))
        except _TooLargeError:
            self._note(call, Code.RESOURCE_EXHAUSTED, start)
            message = f"The request is larger than {self._bounds.request_bytes} bytes"
            return _reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, json_replies.error(message))
        except TimeoutError:
            self._note(call, Code.DEADLINE_EXCEEDED, start)
            message = "The request did not arrive in time"
            return _reply(HTTPStatus.REQUEST_TIMEOUT, json_replies.error(message))
        self._note(call, Code.OK, start)
        return _reply(HTTPStatus.OK, reply)

    async def _answered(self, call: _Call, request: web.Request, start: float) -> bytes:
        if call.api == "status":
            return states_json(self._service.states(call.address))
        if call.api == "metadata":
            version, signatures = self._service.signatures(call.address)
            return await asyncio.to_thread(metadata_json, call.address.name, version, signatures)
        slot = self._admission.admitted()
        try:
            deadline = start + self._bounds.timeout_ms / 1000
            async with asyncio.timeout(deadline - time.monotonic()):
                body = await self._body(request, slot)
            work = partial(self._json[call.api], call.address, body, deadline=deadline)
            return await slot.answer(work, seconds=deadline - time.monotonic())
        finally:
            slot.release()

    async def _body(self, request: web.Request, slot: Slot) -> bytes:
        if (request.content_length or 0) > self._bounds.request_bytes:
            raise _TooLargeError
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > self._bounds.request_bytes:
                    raise _TooLargeError
                slot.take(len(chunk))
                chunks.append(chunk)
        except web.RequestPayloadError as error:
            raise invalid(f"Malformed request: {error}") from None
        return b"".join(chunks)

    def _note(self, call: _Call | None, code: Code, start: float) -> None:
        if call is None or call.api in {"status", "metadata"}:
            return
        # Any name can be asked for: what is not served gets no label of its own.
        known = self._service.knows(call.address.name)
        self._metrics.request(
            model=call.address.name if known else "",
            api=call.api,
            entrypoint="REST",
            code=code,
            seconds=time.monotonic() - start,
        )


def _path(request: web.Request) -> str:
    """The path as it was sent, without the query: escapes are undone after it is taken apart."""
    target = re.sub(r"^https?://[^/?#]*", "", request.raw_path, flags=re.IGNORECASE)
    return re.split(r"[?#]", target, maxsplit=1)[0]


def _call(method: str, path: str) -> _Call:
    pattern = {"POST": _PREDICTION, "GET": _REPORT}.get(method)
    match = pattern.fullmatch(path) if pattern else None
    # The path is matched in any case, but what is asked for is not.
    if match is None or (match[4] or "metadata") not in {
        "classify",
        "regress",
        "predict",
        "metadata",
    }:
        raise invalid(f"Malformed request: {method} {path}")
    if not match[1]:
        raise invalid("Missing model name in request.")
    return _Call(_address(match), match[4] or "status")


def _address(match: re.Match[str]) -> Address:
    version = int(match[2]) if match[2] and len(match[2]) < 20 else None
    if match[2] and (version is None or version >= 1 << 63):
        raise invalid(f"Failed to convert version: {match[2]} to numeric.")
    return Address(unquote(match[1]), version, unquote(match[3]) if match[3] else None)


def _reply(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")
