"""uvicorn's HTTP protocol with bounds on request heads and on clients that stall.

uvicorn has no settings for these: with httptools it reads a request line and headers of any length,
however slowly they come, and waits for ever for a client that does not read its answer. The class
that is extended here is not part of uvicorn's public interface: ``bounded_http`` checks that it is
still what this module was written for.
"""

from __future__ import annotations

import logging
from asyncio import BaseTransport, TimerHandle
from typing import TYPE_CHECKING, Literal, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from asyncio import Transport

__all__ = ["BoundedHttp", "bounded_http"]

_log = logging.getLogger(__name__)

_OVERRIDDEN = (
    "connection_made",
    "connection_lost",
    "data_received",
    "on_message_begin",
    "on_headers_complete",
    "pause_writing",
    "resume_writing",
)

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 25\r\nconnection: close\r\n\r\n"
    b"The headers are too long."
)
_TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 28\r\nconnection: close\r\n\r\n"
    b"The headers came too slowly."
)


class BoundedHttp(HttpToolsProtocol):
    """One connection.

    Attributes:
        head_bytes: Largest request line and headers, in bytes, to within one read of the socket.
        stall_s: Seconds within which they must arrive, and within which a client must read on when
            an answer has filled its buffers.
    """

    head_bytes = 65_536
    stall_s = 30.0

    _head = 0
    _in_head = True
    _begun = False
    _head_timer: TimerHandle | None = None
    _write_timer: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Start the clock for the first request."""
        super().connection_made(cast("Transport", transport))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        _cancel(self._head_timer)
        _cancel(self._write_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived; close the connection if the head is too long."""
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > self.head_bytes and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Start counting and timing the next request."""
        super().on_message_begin()
        self._in_head = self._begun = True
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Stop counting and timing."""
        self._in_head = False
        self._head = 0
        _cancel(self._head_timer)
        self._head_timer = None
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Start the clock for a client that does not read."""
        super().pause_writing()
        _cancel(self._write_timer)
        self._write_timer = self.loop.call_later(self.stall_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that clock."""
        super().resume_writing()
        _cancel(self._write_timer)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.stall_s, self._give_up)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            if self._begun:  # else there is no request to answer
                self.transport.write(_TOO_SLOW)
            self.transport.close()


def bounded_http(base: type = HttpToolsProtocol) -> type[BoundedHttp] | Literal["httptools"]:
    """Return what to pass as uvicorn's ``http``: the bounded protocol.

    If this uvicorn's protocol lacks a method that is overridden here, the bounds could not work:
    then it is uvicorn's own, with a warning that the service needs a reverse proxy.

    Args:
        base: uvicorn's protocol.
    """
    missing = [name for name in _OVERRIDDEN if not callable(getattr(base, name, None))]
    if not missing:
        return BoundedHttp
    _log.warning(
        "this version of uvicorn has no HttpToolsProtocol.%s: slow clients and long headers are "
        "not bounded; run the service behind a reverse proxy, or install another uvicorn",
        ", ".join(missing),
    )
    return "httptools"


def _cancel(timer: TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
