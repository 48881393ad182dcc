"""A stand-in for text-embeddings-inference, behind httpx's mock transport: no socket."""

from __future__ import annotations

import json
from collections.abc import Sequence
from threading import Lock
from typing import Any

import httpx

MAX_BATCH = 4


class FakeTei:
    """Answers ``/info`` and ``/embed_sparse`` as text-embeddings-inference does.

    Attributes:
        requests: What was asked, in order: path, headers and body.
        failures: Answers or errors given in turn, before it behaves.
    """

    def __init__(
        self,
        encoder: Any,
        failures: Sequence[httpx.Response | Exception] = (),
        api_key: str | None = None,
    ) -> None:
        self.encoder = encoder
        self.failures = list(failures)
        self.requests: list[httpx.Request] = []
        self._api_key = api_key
        self._lock = Lock()

    @property
    def embedded(self) -> list[dict[str, Any]]:
        """The bodies of the requests for vectors."""
        return [json.loads(each.content) for each in self.requests if each.content]

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:
            # A copy: an answer that was read once cannot be sent again.
            return httpx.Response(
                failure.status_code, headers=failure.headers, content=failure.content
            )
        if self._api_key and request.headers.get("authorization") != f"Bearer {self._api_key}":
            return error(401, "Unauthorized", "Unauthorized")
        if (request.method, request.url.path) == ("GET", "/info"):
            return httpx.Response(200, json=INFO)
        if (request.method, request.url.path) == ("POST", "/embed_sparse"):
            return self._embed(json.loads(request.content))
        return httpx.Response(404)

    def _embed(self, asked: dict[str, Any]) -> httpx.Response:
        texts = asked["inputs"]
        if len(texts) > MAX_BATCH:
            return error(413, f"batch size {len(texts)} > maximum allowed batch size {MAX_BATCH}")
        if not all(text.strip() for text in texts):
            return error(400, "`inputs` cannot be empty", "Empty")
        query = asked.get("prompt_name") == "query"
        side = self.encoder.encode_query if query else self.encoder.encode_document
        return httpx.Response(200, json=[rows(vector.to_dict()) for vector in side(texts)])


def rows(weights: dict[int, float]) -> list[dict[str, float]]:
    return [{"index": index, "value": value} for index, value in weights.items()]


def error(status: int, message: str, kind: str = "Validation") -> httpx.Response:
    return httpx.Response(status, json={"error": message, "error_type": kind})


INFO = {
    "model_id": "naver/splade-v3",
    "model_sha": "fca14538aa9956a46526bd1d0d11d69e19b5a101",
    "model_dtype": "float32",
    "model_type": {"embedding": {"pooling": "splade"}},
    "max_concurrent_requests": 512,
    "max_input_length": 512,
    "max_batch_tokens": 16384,
    "max_batch_requests": None,
    "max_client_batch_size": MAX_BATCH,
    "auto_truncate": False,
    "tokenization_workers": 4,
    "version": "1.8.2",
    "sha": None,
    "docker_label": None,
}
