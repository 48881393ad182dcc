"""Guard: ASGI middleware that checks host, key, load and body of each request, and counts it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from time import perf_counter
from typing import TYPE_CHECKING

import anyio
from starlette.datastructures import Headers, MutableHeaders

from splade_sdk.serving.errors import answer_error, problem

if TYPE_CHECKING:
    from fastapi.responses import JSONResponse
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from splade_sdk.serving.metrics import Metrics
    from splade_sdk.serving.settings import ServiceSettings

__all__ = ["Guard"]

_OPEN = ("/", "/health")
_ANY_HOST = "*"
_OPEN_BELOW = "/static/"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_DRAINED = 8  # times the limit that is read of a body at most


class Guard:
    """Passes on the requests that are allowed, with their whole body.

    The body is read before the application sees the request, so that nothing downstream has to
    count bytes. Requests are refused with status 421 (``Host``), 401 (key), 429 (too many at a
    time), 413 (body too large), 415 (body is not plain JSON) or 408 (body too slow).

    Args:
        app: The application.
        settings: The limits.
        metrics: Counts the requests.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._under_way = 0
        key = settings.api_key
        self._key = None if key is None else _digest(key.get_secret_value())
        hosts = settings.allowed_hosts
        if hosts is None:
            # Behind a key, a page that reaches the service under a name of its own gets nothing.
            hosts = () if key is None else (_ANY_HOST,)
        self._hosts = frozenset(host.lower().rstrip(".") for host in ("localhost", *hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        answered = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        try:
            await self._admit(scope, receive, send_with_headers)
        except Exception as error:  # not handled by the application
            if answered:
                raise
            await answer_error(error)(scope, receive, send_with_headers)
        finally:
            self._metrics.request(scope["path"], answered, perf_counter() - started)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            with anyio.move_on_after(self._settings.read_timeout_s):
                await _drain(receive, _DRAINED * self._settings.max_body_bytes)
            await refusal(scope, receive, send)
            return
        self._under_way += 1
        try:
            body = None
            with anyio.move_on_after(self._settings.read_timeout_s) as timer:
                body = await _read(receive, self._settings.max_body_bytes)
            if timer.cancelled_caught:
                await problem(408, "the body did not come in time")(scope, receive, send)
            elif body is None:
                await self._too_large()(scope, receive, send)
            else:
                await self._app(scope, _replay(body, receive), send)
        finally:
            self._under_way -= 1

    def _refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        """Return the answer for a request that is refused; None for one that is not."""
        path = scope["path"]
        if path != "/health" and not self._may_be_addressed_as(headers.get("host"), scope):
            message = (
                "the service does not answer under this host name: use localhost or an IP "
                "address, or add the name to allowed_hosts (splade serve --allowed-host)"
            )
            return problem(421, message)
        is_open = path in _OPEN or path.startswith(_OPEN_BELOW)
        if self._key is not None and not is_open:
            scheme, _, sent = headers.get("authorization", "").partition(" ")
            same = hmac.compare_digest(_digest(sent.strip()), self._key)
            if scheme.lower() != "bearer" or not same:
                message = "send the service's key as Authorization: Bearer KEY"
                return problem(401, message, {"WWW-Authenticate": "Bearer"})
        if self._under_way >= self._settings.max_concurrent_requests:
            message = f"{self._under_way} requests are under way: try again later"
            return problem(429, message, {"Retry-After": str(self._settings.retry_after_s)})
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._settings.max_body_bytes:
            return self._too_large()
        return _unreadable(headers) if scope.get("method") == "POST" else None

    def _may_be_addressed_as(self, host: str | None, scope: Scope) -> bool:
        """Return whether a ``Host`` header is one that the service answers to.

        An IP address always is: DNS rebinding needs a name. So is a request without the header,
        which no browser sends, and the address that the server listens on.
        """
        if host is None or _ANY_HOST in self._hosts:
            return True
        name = _without_port(host).lower().rstrip(".")
        bound = scope.get("server")
        return name in self._hosts or _is_address(name) or (bound is not None and name == bound[0])

    def _too_large(self) -> JSONResponse:
        most = self._settings.max_body_bytes
        return problem(413, f"the body is larger than {most:,} bytes: send fewer texts at once")


def _unreadable(headers: Headers) -> JSONResponse | None:
    """Return the answer for a body that is not plain JSON by its headers; None for one that is.

    Browsers send ``application/json`` to another origin only after asking it, and the service
    allows no other origin.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return problem(415, f"Content-Type is {kind or 'missing'}: send application/json")
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        return problem(415, f"Content-Encoding is {coding}: send the body uncompressed")
    return None


def _without_port(host: str) -> str:
    """Return the name or address of a ``Host`` header."""
    if host.startswith("["):  # an IPv6 address, as in [::1]:8080
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _read(receive: Receive, most: int) -> bytes | None:
    """Return the body; None if it is larger than ``most`` bytes; the rest is then discarded."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            parts.clear()
            if message.get("more_body", False):
                await _drain(receive, _DRAINED * most - size)
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _drain(receive: Receive, most: int) -> None:
    """Discard up to ``most`` bytes, so that a client that sends all first gets the answer."""
    size = 0
    while size <= most:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            return


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body that was read already, then what follows."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


def _digest(key: str) -> bytes:
    """Return a digest, so that comparing takes the same time whatever the length."""
    return hashlib.sha256(key.encode()).digest()
