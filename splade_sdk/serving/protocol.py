"""HTTP as uvicorn speaks it, with bounds on what comes before a body, and on clients that stall.

uvicorn itself reads an address and headers of any length, for as long as they take, and waits for
ever for a client that does not read its answer.
"""

from __future__ import annotations

from asyncio import BaseTransport, TimerHandle
from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from asyncio import Transport

__all__ = ["BoundedHttp"]

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
        head_bytes: Length of a request's address and headers at most, to within what one read of
            the socket brings.
        stall_s: Seconds in which they must have come, and a client must go on reading an answer
            that fills its buffers.
    """

    head_bytes = 65_536
    stall_s = 30.0

    _head = 0
    _in_head = True
    _begun = False
    _head_timer: TimerHandle | None = None
    _write_timer: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(cast("Transport", transport))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        _cancel(self._head_timer)
        _cancel(self._write_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless what comes before the body is too long."""
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > self.head_bytes and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to count and to time another request."""
        super().on_message_begin()
        self._in_head = self._begun = True
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Stop counting."""
        self._in_head = False
        self._head = 0
        _cancel(self._head_timer)
        self._head_timer = None
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Give a client that reads too slowly its last seconds."""
        super().pause_writing()
        _cancel(self._write_timer)
        self._write_timer = self.loop.call_later(self.stall_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Forgive it."""
        super().resume_writing()
        _cancel(self._write_timer)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.stall_s, self._give_up)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            if self._begun:  # else nothing was asked
                self.transport.write(_TOO_SLOW)
            self.transport.close()


def _cancel(timer: TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
