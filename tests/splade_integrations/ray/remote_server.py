"""The fake server of the contract tests, in another process than its clients."""

from __future__ import annotations

from multiprocessing.connection import Connection

from tests.contracts.fake_server import FakeServer, Fault

__all__ = ["RemoteServer", "serve"]


class RemoteServer:
    """The side of the tests.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.url: str = pipe.recv()

    def refuse(self, text: str) -> None:
        """Answer 400 to what would store this text."""
        self._pipe.send(text)
        self._pipe.recv()

    def writes(self) -> int:
        """Count the requests that stored points."""
        self._pipe.send(None)
        written: int = self._pipe.recv()
        return written

    def close(self) -> None:
        self._pipe.close()


def serve(pipe: Connection) -> None:
    """Run in the other process until the pipe is closed."""
    server = FakeServer()
    pipe.send(server.url)
    while True:
        try:
            text = pipe.recv()
        except EOFError:
            break
        if text is not None:
            server.plan = lambda method, path, body, text=text: (
                Fault(400, '{"status": {"error": "no room for this"}}')
                if method == "PUT" and text.encode() in body
                else None
            )
        pipe.send(sum(m == "PUT" and "/points" in path for m, path in server.asked))
    server.close()
