"""Who is let in, and how much at a time."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.encoders.remote import RemoteEncoder
from splade_sdk.errors import AuthenticationError, RequestRejectedError
from splade_sdk.types import SparseBatch
from tests.serving import wait_for
from tests.unit.fakes import WordEncoder
from tests.unit.serving.conftest import Gated, Serve

pytest.importorskip("fastapi")

KEY = "a-very-secret-key"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        KEY,
        "Bearer",
        f"Bearer {KEY[:-1]}",
        f"Bearer {KEY}x",
        f"Basic {KEY}",
        f"Bearer {KEY} x",
        "Bearer \xff\xfe",
    ],
)
def test_without_the_key_nobody_gets_in(serve: Serve, header: str | None) -> None:
    client = serve(WordEncoder(), api_key=KEY)
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    for method, path in (
        ("POST", "/embed_sparse"),
        ("GET", "/info"),
        ("GET", "/metrics"),
        ("GET", "/tokenizer.json"),
        ("GET", "/openapi.json"),
        ("GET", "/nothing"),
    ):
        answer = client.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["error_type"]) == (401, "Unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_key_lets_in(serve: Serve, scheme: str) -> None:
    client = serve(WordEncoder(), api_key=KEY)
    headers = {"Authorization": f"{scheme} {KEY}"}
    answer = client.post("/embed_sparse", json={"inputs": "a"}, headers=headers)
    assert answer.status_code == 200


def test_the_page_and_health_are_open(serve: Serve) -> None:
    client = serve(WordEncoder(), api_key=KEY)
    for path in ("/", "/health", "/static/page.js", "/static/page.css", "/static/icon.svg"):
        assert client.get(path).status_code == 200
    for path in ("/static", "/static/../app.py", "/static/%2e%2e/app.py", "/staticx"):
        assert client.get(path).status_code in (401, 404)


def test_the_key_is_nowhere(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    class Broken(WordEncoder):
        def encode_texts(
            self, texts: list[str], *, side: SideName, options: EncodeOptions
        ) -> SparseBatch:
            raise RuntimeError("odd")

    client = serve(Broken(), api_key=KEY)
    headers = {"Authorization": f"Bearer {KEY}"}
    answers = [
        client.post("/embed_sparse", json={"inputs": "my private text"}, headers=headers),
        client.get("/info", headers=headers),
        client.get("/metrics", headers=headers),
        client.get("/info", headers={"Authorization": f"Bearer {KEY}x"}),
    ]
    assert [answer.status_code for answer in answers] == [500, 200, 200, 401]
    assert "RuntimeError: odd" in caplog.text  # the failure itself is logged
    everything = caplog.text + "".join(answer.text for answer in answers)
    assert KEY not in everything
    assert "my private text" not in everything


def test_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from splade_sdk.serving.guard import Guard, hmac
    from splade_sdk.serving.metrics import Metrics
    from splade_sdk.serving.settings import ServiceSettings

    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("let in")

    async def run() -> None:
        guard = Guard(app, ServiceSettings(api_key=KEY), Metrics(frozenset()))
        for sent in (b"", b"Bearer x", b"Bearer " + b"x" * 10_000):
            scope = {"type": "http", "path": "/info", "headers": [(b"authorization", sent)]}

            async def receive() -> Any:
                return {"type": "http.request"}

            async def send(message: Any) -> None:
                pass

            await guard(scope, receive, send)

    asyncio.run(run())
    assert len(compared) == 3
    assert {len(each) for pair in compared for each in pair} == {32}  # digests, of equal length


def test_a_remote_encoder_with_and_without_the_key(serve: Serve) -> None:
    url = str(serve(WordEncoder(), api_key=KEY).base_url)
    with RemoteEncoder(url, api_key=KEY) as remote:
        assert len(remote.encode("a b")) == 2
    with RemoteEncoder(url) as remote, pytest.raises(AuthenticationError, match="check api_key"):
        remote.encode("a b")


# --- host and kind of body ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST.:9", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("10.0.0.7", 200),  # an address cannot be rebound
        ("evil.example", 421),
        ("evil.example:8080", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("[evil.example]", 421),
        ("", 421),
    ],
)
def test_without_a_key_only_known_hosts_are_served(serve: Serve, host: str, status: int) -> None:
    client = serve(WordEncoder())
    headers = {"Host": host}
    for answer in (
        client.post("/embed_sparse", json={"inputs": "a"}, headers=headers),
        client.get("/", headers=headers),
        client.get("/info", headers=headers),
    ):
        assert answer.status_code == status
    assert client.get("/health", headers=headers).status_code == 200  # says nothing


def test_more_hosts_can_be_allowed(serve: Serve) -> None:
    client = serve(WordEncoder(), allowed_hosts=("Search.example",))
    for host, status in (("search.EXAMPLE:80", 200), ("localhost", 200), ("other.example", 421)):
        assert client.get("/info", headers={"Host": host}).status_code == status
    every = serve(WordEncoder(), allowed_hosts=("*",))
    assert every.get("/info", headers={"Host": "other.example"}).status_code == 200


def test_with_a_key_hosts_are_checked_where_they_are_named(serve: Serve) -> None:
    headers = {"Host": "search.example", "Authorization": f"Bearer {KEY}"}
    client = serve(WordEncoder(), api_key=KEY)
    assert client.get("/info", headers=headers).status_code == 200
    narrow = serve(WordEncoder(), api_key=KEY, allowed_hosts=("other.example",))
    assert narrow.get("/info", headers=headers).status_code == 421


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Content-Type": "text/plain"}, "Content-Type is text/plain"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "send application/json"),
        ({"Content-Type": ""}, "Content-Type is missing"),
        ({"Content-Type": "text/plain;application/json"}, "Content-Type is text/plain"),
        ({"Content-Encoding": "gzip"}, "Content-Encoding is gzip"),
    ],
)
def test_a_body_that_is_not_plain_json(serve: Serve, headers: dict[str, str], message: str) -> None:
    body = json.dumps({"inputs": "a"}).encode()
    client = serve(WordEncoder())
    if "Content-Encoding" in headers:
        body = gzip.compress(body)
    answer = client.post("/embed_sparse", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error_type"]) == (415, "Validation")
    assert message in answer.json()["error"]
    plain = {"Content-Type": "Application/JSON; charset=utf-8", "Content-Encoding": "identity"}
    answer = client.post("/embed_sparse", json={"inputs": "a"}, headers=plain)
    assert answer.status_code == 200


# --- size and number --------------------------------------------------------------------------


def test_a_body_that_says_it_is_too_large(serve: Serve) -> None:
    client = serve(WordEncoder(), max_body_bytes=1000)
    answer = client.post("/embed_sparse", content=b"x" * 1001)
    assert (answer.status_code, answer.json()["error_type"]) == (413, "Validation")
    assert "larger than 1,000 bytes" in answer.json()["error"]
    body = json.dumps({"inputs": "x" * 900})
    assert client.post("/embed_sparse", content=body).status_code == 200


def test_a_body_that_turns_out_too_large(serve: Serve) -> None:
    client = serve(WordEncoder(), max_body_bytes=1000)
    answer = client.post("/embed_sparse", content=(b"x" * 400 for _ in range(3)))
    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.status_code == 413


def test_a_large_body_is_read_on_so_that_the_client_gets_the_answer(serve: Serve) -> None:
    url = str(serve(WordEncoder(), max_body_bytes=1_000_000).base_url)
    with RemoteEncoder(url) as remote:
        with pytest.raises(RequestRejectedError, match="larger than 1,000,000 bytes"):
            remote.encode("x" * 5_000_000)
        assert len(remote.encode("a")) == 1


def test_a_body_that_does_not_come(serve: Serve) -> None:
    client = serve(WordEncoder(), read_timeout_s=0.1)
    address = (client.base_url.host, client.base_url.port)
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(
            b"POST /embed_sparse HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        assert b" 408 " in connection.recv(4096)


def test_only_so_many_requests_at_a_time(serve: Serve, gated: Gated) -> None:
    client = serve(gated, max_concurrent_requests=2, retry_after_s=5)
    with ThreadPoolExecutor(2) as pool:
        under_way = [
            pool.submit(client.post, "/embed_sparse", json={"inputs": text}) for text in "ab"
        ]

        def refused() -> bool:
            answer = client.post("/embed_sparse", json={"inputs": "c"})
            return answer.status_code == 429 and answer.headers["retry-after"] == "5"

        assert gated.begun.wait(30)
        wait_for(refused)
        gated.gate.set()
        assert [each.result().status_code for each in under_way] == [200, 200]
    assert client.post("/embed_sparse", json={"inputs": "c"}).status_code == 200


def test_a_client_that_waits_gets_through(serve: Serve, gated: Gated) -> None:
    from splade_sdk.retry import RetrySettings

    client = serve(gated, max_waiting_texts=1, retry_after_s=1)
    with (
        RemoteEncoder(str(client.base_url), retry=RetrySettings(attempts=20)) as remote,
        ThreadPoolExecutor(3) as pool,
    ):
        asked = [pool.submit(remote.encode, text) for text in ("a", "b", "c")]
        metric = 'splade_requests_total{path="/embed_sparse",status="429"}'
        wait_for(lambda: metric in client.get("/metrics").text)
        gated.gate.set()
        assert [len(each.result(60)) for each in asked] == [1, 1, 1]


def test_every_answer_forbids_what_a_page_does_not_need(serve: Serve) -> None:
    client = serve(WordEncoder())
    for answer in (
        client.get("/"),
        client.get("/static/page.js"),
        client.get("/nothing"),
        client.post("/embed_sparse", json={"inputs": "a"}),
    ):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


def test_errors_of_the_protocol_have_the_same_form(serve: Serve) -> None:
    client: httpx.Client = serve(WordEncoder())
    for answer, status in ((client.get("/nothing"), 404), (client.get("/embed_sparse"), 405)):
        assert answer.status_code == status
        assert set(answer.json()) == {"error", "error_type"}
