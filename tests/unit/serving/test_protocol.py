"""Clients that send too much, too slowly, or do not read."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.serving import wait_for
from tests.unit.fakes import WordEncoder
from tests.unit.serving.conftest import Serve

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from splade_sdk.serving.protocol import BoundedHttp, bounded_http

HEAD = b"POST /embed_sparse HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def test_this_uvicorn_has_all_that_the_bounds_need(serve: Serve) -> None:
    assert bounded_http() is BoundedHttp, (
        "uvicorn has changed: adapt splade_sdk/serving/protocol.py"
    )
    client = serve(WordEncoder())
    assert client.server.config.http_protocol_class is BoundedHttp  # type: ignore[attr-defined]


def test_another_uvicorn_is_used_without_bounds_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Other:
        """A protocol of a later uvicorn."""

    assert bounded_http(Other) == "httptools"
    assert "run the service behind a reverse proxy" in caplog.text


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    address = (client.base_url.host, client.base_url.port)
    with socket.create_connection(address, timeout=30) as connection:
        yield connection


def everything(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:  # it closed before it had read all
        pass
    return b"".join(parts)


@pytest.mark.parametrize("start", [b"GET /", HEAD + b"X-Long: ", HEAD])
def test_endless_headers_are_cut_off(serve: Serve, start: bytes) -> None:
    client = serve(WordEncoder())
    part = b"a" * 10_000 if start != HEAD else b"".join(b"X-%d: a\r\n" % n for n in range(1000))
    sent = 0
    with connected(client) as connection:
        try:
            connection.sendall(start)
            while sent < 100_000_000:
                connection.sendall(part)
                sent += len(part)
        except OSError:
            pass
    assert sent < 50_000_000  # what fits into the buffers between
    assert client.get("/health").status_code == 200


def test_long_headers_are_fine_up_to_the_bound(serve: Serve) -> None:
    client = serve(WordEncoder())
    assert client.get("/health", headers={"X-Long": "a" * 60_000}).status_code == 200
    with connected(client) as connection:
        connection.sendall(HEAD + b"X-Long: " + b"a" * 60_000)
        connection.sendall(b"a" * 10_000)
        assert b" 431 " in everything(connection)


@pytest.mark.parametrize(("sent", "told"), [(b"", b""), (HEAD, b" 408 ")])
def test_headers_that_do_not_come(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, sent: bytes, told: bytes
) -> None:
    monkeypatch.setattr(BoundedHttp, "stall_s", 0.2)
    client = serve(WordEncoder())
    with connected(client) as connection:
        connection.sendall(sent)
        assert told in everything(connection)


def test_slow_headers_of_a_second_request(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttp, "stall_s", 0.2)
    client = serve(WordEncoder())
    with connected(client) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + HEAD)
        answers = everything(connection)
    assert answers.count(b" 200 ") == 1
    assert b" 408 " in answers


def test_a_slow_answer_is_not_taken_for_slow_headers(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedHttp, "stall_s", 0.2)
    encoder = WordEncoder()
    client = serve(encoder)
    for _ in range(3):  # over one connection
        assert client.post("/embed_sparse", json={"inputs": "a"}).status_code == 200


def test_a_client_that_does_not_read_is_cut_off(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedHttp, "stall_s", 0.2)
    client = serve(WordEncoder())
    body = json.dumps({"inputs": [" ".join(map(str, range(3000)))] * 20}).encode()
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    server = client.server  # type: ignore[attr-defined]
    with connected(client) as connection:
        connection.settimeout(5)
        with pytest.raises(OSError):  # noqa: PT011 - reset, broken pipe
            connection.sendall(request * 300)  # answers of 2 MB each: the buffers between fill up
        wait_for(lambda: not server.server_state.tasks)
    assert client.get("/health").status_code == 200


def test_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    client = serve(WordEncoder())
    bodies = [json.dumps({"inputs": "a " * n}).encode() for n in range(1, 21)]
    with connected(client) as connection:
        for body in bodies[:-1]:
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        last = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(bodies[-1])
        connection.sendall(last + bodies[-1])
        answers = everything(connection)
    values = [json.loads(each)[0][0]["value"] for each in _bodies(answers)]
    assert values == [float(n) for n in range(1, 21)]


def _bodies(answers: bytes) -> list[bytes]:
    found = []
    while answers:
        head, _, rest = answers.partition(b"\r\n\r\n")
        (length,) = (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        found.append(rest[:length])
        answers = rest[length:]
    return found


def test_upgrades_are_not_offered(serve: Serve) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    assert serve(WordEncoder()).get("/health", headers=headers).status_code == 200
