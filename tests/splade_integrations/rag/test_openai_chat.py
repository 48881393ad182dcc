"""The OpenAI chat protocol, against a server of our own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from splade_integrations.rag import Message, OpenAiChat
from splade_sdk.errors import (
    AuthenticationError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    RateLimitedError,
    RequestRejectedError,
    SpladeError,
)
from splade_sdk.retry import RetrySettings

NO_WAIT = RetrySettings(first_wait_s=0, max_wait_s=0)
ASKED: list[Message] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Why?"},
]


def completion(text: str | None, reason: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    return {"object": "chat.completion", "choices": [{**choice, "finish_reason": reason}]}


class FakeService:
    """Gives the answers of a list, one a request, the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any, dict[str, str]]] = [(200, completion("Because."), {})]
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.requests.append((self.path, dict(self.headers.items()), body))
                at = min(len(service.requests), len(service.answers)) - 1
                status, answer, headers = service.answers[at]
                data = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def service() -> Iterator[FakeService]:
    made = FakeService()
    yield made
    made.close()


def ask(service: FakeService, **options: Any) -> str:
    with OpenAiChat(service.url, "small", **{"retry": NO_WAIT, **options}) as chat:
        return chat(ASKED)


def test_one_question(service: FakeService) -> None:
    assert ask(service, api_key="k123", max_tokens=50) == "Because."
    [(path, headers, body)] = service.requests
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer k123"
    assert body == {"model": "small", "temperature": 0.0, "max_tokens": 50, "messages": ASKED}


def test_what_is_none_is_not_sent(service: FakeService) -> None:
    ask(service, temperature=None)
    [(_, headers, body)] = service.requests
    assert "Authorization" not in headers
    assert body == {"model": "small", "messages": ASKED}


def test_a_slash_at_the_end_of_the_address_is_no_trouble(service: FakeService) -> None:
    service.url += "/"
    assert ask(service) == "Because."


@pytest.mark.parametrize(
    ("status", "kind", "tries"),
    [
        (400, RequestRejectedError, 1),
        (401, AuthenticationError, 1),
        (403, AuthenticationError, 1),
        (404, RequestRejectedError, 1),
        (408, EngineTimeoutError, 6),
        (422, RequestRejectedError, 1),
        (429, RateLimitedError, 6),
        (500, EngineError, 3),
        (503, EngineError, 6),
        (504, EngineTimeoutError, 6),
    ],
)
def test_every_status_is_one_of_our_errors(
    service: FakeService, status: int, kind: type[EngineError], tries: int
) -> None:
    service.answers = [(status, {"error": {"message": "no k123 here"}}, {})]
    with pytest.raises(kind, match=rf"'small' at {service.url}.*status {status}") as caught:
        ask(service, api_key="k123")
    assert len(service.requests) == tries
    assert "k123" not in str(caught.value)
    assert "no *** here" in str(caught.value)


def test_a_service_that_recovers_is_asked_again(service: FakeService) -> None:
    service.answers = [
        (503, "", {}),
        (429, "", {"Retry-After": "0"}),
        (200, completion("At last."), {}),
    ]
    assert ask(service) == "At last."
    assert len(service.requests) == 3


def test_a_service_that_asks_to_wait_too_long_is_not_waited_for(service: FakeService) -> None:
    service.answers = [(429, "", {"Retry-After": "3600"})]
    with pytest.raises(RateLimitedError) as caught:
        ask(service)
    assert caught.value.retry_after_s == 3600
    assert len(service.requests) == 1


def test_without_retry_it_is_asked_once(service: FakeService) -> None:
    service.answers = [(503, "", {})]
    with pytest.raises(EngineError, match="no explanation"):
        ask(service, retry=None)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("<html>", "expected a chat completion"),
        ({"choices": []}, "expected a chat completion"),
        ([], "expected a chat completion"),
        (completion(None, "length"), "finish_reason 'length'"),
    ],
)
def test_what_is_no_answer_is_told(service: FakeService, answer: Any, told: str) -> None:
    service.answers = [(200, answer, {})]
    with pytest.raises(EngineError, match=told):
        ask(service)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("raised", "kind", "tries"),
    [
        (httpx.ReadTimeout("slow"), EngineTimeoutError, 6),
        (httpx.ConnectError("refused"), EngineConnectionError, 6),
        (httpx.RemoteProtocolError("gone"), EngineConnectionError, 6),
        (httpx.UnsupportedProtocol("no http"), EngineConnectionError, 1),
    ],
)
def test_every_failure_on_the_way_is_one_of_our_errors(
    raised: httpx.HTTPError, kind: type[SpladeError], tries: int
) -> None:
    asked: list[httpx.Request] = []

    def fail(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise raised

    chat = OpenAiChat("http://x/v1", "m", retry=NO_WAIT, transport=httpx.MockTransport(fail))
    with pytest.raises(kind, match="the chat model 'm' at http://x/v1"):
        chat(ASKED)
    assert len(asked) == tries


def test_nobody_listens() -> None:
    with pytest.raises(EngineConnectionError, match="is the service running"):
        OpenAiChat("http://127.0.0.1:1/v1", "m", retry=None)(ASKED)


def test_repr_and_messages_hide_secrets() -> None:
    chat = OpenAiChat("http://me:secret@127.0.0.1:1/v1", "m", api_key="hidden", retry=None)
    assert repr(chat) == "OpenAiChat('http://127.0.0.1:1/v1', 'm')"
    with pytest.raises(EngineConnectionError) as caught:
        chat(ASKED)
    assert "secret" not in str(caught.value)
