"""RemoteEncoder and its asynchronous twin against a fake text-embeddings-inference."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest

from splade_sdk.encoders.remote import RemoteEncoder
from splade_sdk.encoders.remote_async import AsyncRemoteEncoder
from splade_sdk.errors import (
    AuthenticationError,
    ConfigError,
    EngineClosedError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    InvalidVectorError,
    ModelError,
    ModelFormatError,
    ModelNotFoundError,
    RateLimitedError,
    RequestRejectedError,
    SpladeError,
)
from splade_sdk.retry import RetrySettings
from splade_sdk.types import SparseBatch, SparseVector
from tests.unit.encoders.fake_tei import INFO, FakeTei, error, rows
from tests.unit.encoders.tiny import TEXTS as PASSAGES
from tests.unit.encoders.tiny import wordpiece
from tests.unit.fakes import DIMENSIONS, WordEncoder

KEY = "hf-very-secret"
URL = "http://tei:8080"
NO_WAIT = RetrySettings(first_wait_s=0, max_wait_s=0)
TEXTS = ["heart attack", "", "chest pain", " ", "nausea", "heart", "breath", "a b c", "again a"]


class Blocking:
    """The asynchronous encoder, run to its end each time: one test serves both."""

    def __init__(self, url: str, **given: Any) -> None:
        self._make = lambda: AsyncRemoteEncoder(url, **given)

    def __getattr__(self, name: str) -> Any:
        async def run(*args: Any, **given: Any) -> Any:
            async with self._make() as encoder:
                return await getattr(encoder, name)(*args, **given)

        if name in ("fingerprint", "dimensions"):
            return asyncio.run(run())
        return lambda *args, **given: asyncio.run(run(*args, **given))


Remote = Callable[..., Any]


@pytest.fixture(params=[RemoteEncoder, Blocking], ids=["sync", "async"])
def remote(request: pytest.FixtureRequest) -> Remote:
    """Make an encoder of a fake service."""

    def make(service: Callable[[httpx.Request], httpx.Response], **given: Any) -> Any:
        given = {"dimensions": DIMENSIONS, "retry": NO_WAIT, **given}
        return request.param(URL, transport=httpx.MockTransport(service), **given)

    return make


def answering(body: bytes | str, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    """Return a service that says all is well, and then this."""

    def service(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/info":
            return httpx.Response(200, json=INFO)
        return httpx.Response(200, content=body, headers=headers)

    return service


def test_vectors_are_those_of_the_model_in_the_order_of_the_texts(remote: Remote) -> None:
    local = WordEncoder()
    assert remote(FakeTei(local)).encode_document(TEXTS) == local.encode_document(TEXTS)
    assert remote(FakeTei(local)).encode_query("heart") == local.encode_query("heart")


def test_requests_are_bounded_and_blank_texts_stay_here(remote: Remote) -> None:
    service = FakeTei(WordEncoder())  # takes 4 texts at a time
    remote(service).encode(TEXTS)
    # 9 texts, 2 of them blank: 7 = 4 + 3
    sent = sorted((each["inputs"] for each in service.embedded), key=len)
    assert [len(texts) for texts in sent] == [3, 4]
    assert sorted(chain(*sent)) == sorted(text for text in TEXTS if text.strip())
    service = FakeTei(WordEncoder())
    remote(service, batch_size=3).encode(TEXTS)
    assert sorted(len(each["inputs"]) for each in service.embedded) == [1, 3, 3]


def test_blank_texts_alone_ask_for_nothing(remote: Remote) -> None:
    service = FakeTei(WordEncoder())
    assert remote(service).encode(["", "\n"]) == SparseBatch.empty(DIMENSIONS, 2)
    assert service.embedded == []


def test_what_is_asked_for(remote: Remote) -> None:
    service = FakeTei(WordEncoder())
    remote(service, query_prompt_name="query").encode_query("heart")
    remote(service, truncate=False).encode_document("pain")
    assert service.embedded == [
        {"inputs": ["heart"], "truncate": True, "prompt_name": "query"},
        {"inputs": ["pain"], "truncate": False},
    ]
    assert {request.url.path for request in service.requests} == {"/info", "/embed_sparse"}


def test_the_address_may_have_a_path() -> None:
    service = FakeTei(WordEncoder())

    def proxied(request: httpx.Request) -> httpx.Response:
        assert request.url.path.startswith("/models/splade/")
        request.url = request.url.copy_with(path=request.url.path.removeprefix("/models/splade"))
        return service(request)

    transport = httpx.MockTransport(proxied)
    for url in (f"{URL}/models/splade", f"{URL}/models/splade/"):
        encoder = RemoteEncoder(url, dimensions=DIMENSIONS, transport=transport)
        assert len(encoder.encode("heart")) == 1


def test_the_fingerprint_is_that_of_the_model(remote: Remote) -> None:
    one = remote(FakeTei(WordEncoder())).fingerprint
    assert (one.kind, one.model, one.revision) == ("remote", INFO["model_id"], INFO["model_sha"])
    other = remote(answering(b"")).fingerprint
    assert one == other

    def another(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={**INFO, "model_sha": None, "model_id": "/data"})

    assert set(one.differences(remote(another).fingerprint)) == {"revision", "vocabulary_sha256"}


def test_making_one_asks_for_nothing(remote: Remote) -> None:
    service = FakeTei(WordEncoder())
    encoder = RemoteEncoder(URL, transport=service.transport())
    assert repr(encoder) == "RemoteEncoder('http://tei:8080')"
    assert service.requests == []


def test_a_space_of_unknown_size_is_refused(remote: Remote) -> None:
    with pytest.raises(ConfigError, match="pass dimensions=, or tokenizer="):
        remote(FakeTei(WordEncoder()), dimensions=None).encode("heart")


def test_the_tokenizer_names_terms_and_measures_the_space(remote: Remote, tmp_path: Path) -> None:
    wordpiece().save_pretrained(tmp_path)
    vocabulary = wordpiece().get_vocab()
    for given in (tmp_path, tmp_path / "tokenizer.json"):
        encoder = remote(FakeTei(WordEncoder()), dimensions=None, tokenizer=given)
        assert encoder.dimensions == len(vocabulary)
        weights = {vocabulary["heart"]: 2.0, vocabulary["vector"]: 3.0, vocabulary["a"]: 3.0}
        first, second = sorted(["vector", "a"], key=vocabulary.__getitem__)
        vector = SparseVector.from_dict(weights, len(vocabulary))
        assert encoder.decode(vector) == [(first, 3.0), (second, 3.0), ("heart", 2.0)]
        assert encoder.tokenize(PASSAGES[0]) == wordpiece().tokenize(PASSAGES[0])
        assert encoder.literal_terms("heart") == {vocabulary["heart"]}


def test_without_a_tokenizer_terms_have_no_names(remote: Remote) -> None:
    encoder = remote(FakeTei(WordEncoder()))
    with pytest.raises(ModelError, match=r"pass tokenizer= with the tokenizer\.json"):
        encoder.decode(SparseVector.empty(DIMENSIONS))


def test_a_tokenizer_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    for given, kind in ((tmp_path, ModelFormatError), (tmp_path / "gone", ModelNotFoundError)):
        encoder = RemoteEncoder(URL, tokenizer=given, transport=FakeTei(None).transport())
        with pytest.raises(kind, match="tokenizer"):
            _ = encoder.dimensions


# --- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("dropped"),
        httpx.Response(408),
        error(429, "Model is overloaded", "Overloaded"),
        httpx.Response(502, html="<h1>Bad Gateway</h1>"),
        httpx.Response(503),
        httpx.Response(504),
        httpx.Response(500),
    ],
    ids=str,
)
def test_what_passes_is_tried_again(remote: Remote, failure: httpx.Response | Exception) -> None:
    service = FakeTei(WordEncoder(), [failure, failure])
    assert len(remote(service).encode("heart attack")) == 2
    assert len(service.requests) == 4  # two failures, then /info and /embed_sparse


@pytest.mark.parametrize(
    ("failure", "kind", "told"),
    [
        (httpx.ConnectError("refused"), EngineConnectionError, "is the service running"),
        (httpx.ReadTimeout(""), EngineTimeoutError, "ReadTimeout"),
        (httpx.Response(503), EngineConnectionError, "status 503: no explanation"),
        (error(429, "Model is overloaded"), RateLimitedError, "Model is overloaded"),
        (error(401, "no"), AuthenticationError, "check api_key"),
        (error(422, "bad text", "Tokenizer"), RequestRejectedError, "status 422: bad text"),
        (error(413, "too many"), RequestRejectedError, "batch_size"),
        (error(424, "not a SPLADE model", "Backend"), ModelError, "not a SPLADE model"),
        (httpx.Response(404), RequestRejectedError, "is this the address"),
        (httpx.Response(507), EngineError, "status 507"),
        (
            httpx.Response(301, headers={"location": "https://tei/info"}),
            EngineConnectionError,
            "redirects to 'https://tei/info'",
        ),
    ],
    ids=str,
)
def test_each_failure_is_ours_and_names_the_service(
    remote: Remote, failure: httpx.Response | Exception, kind: type[SpladeError], told: str
) -> None:
    encoder = remote(FakeTei(WordEncoder(), [failure]), retry=None)
    with pytest.raises(SpladeError, match=told) as raised:
        encoder.encode("heart")
    assert type(raised.value) is kind
    assert str(raised.value).startswith(f"encoding service at {URL}: ")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 424])
def test_what_does_not_pass_is_not_tried_again(remote: Remote, status: int) -> None:
    service = FakeTei(WordEncoder(), [httpx.Response(status)])
    with pytest.raises(SpladeError):
        remote(service).encode("heart")
    assert len(service.requests) == 1


@pytest.mark.parametrize(("status", "after", "asked_s"), [(429, "61", 61.0), (503, "3600", 3600.0)])
def test_a_long_retry_after_is_not_waited_for(
    remote: Remote, status: int, after: str, asked_s: float
) -> None:
    service = FakeTei(WordEncoder(), [httpx.Response(status, headers={"retry-after": after})])
    with pytest.raises(RateLimitedError) as raised:
        remote(service).encode("heart")
    assert raised.value.retry_after_s == asked_s  # beyond the 60 s of RetrySettings
    assert len(service.requests) == 1


def test_a_retry_after_may_be_a_date(remote: Remote) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"  # in the past: no reason to wait
    service = FakeTei(WordEncoder(), [httpx.Response(429, headers={"retry-after": date})])
    assert len(remote(service).encode("heart")) == 1


def test_one_request_that_fails_fails_the_call(remote: Remote) -> None:
    service = FakeTei(WordEncoder(), [httpx.Response(200, json=INFO), error(422, "bad")])
    with pytest.raises(RequestRejectedError, match="bad"):
        remote(service).encode([f"text {n}" for n in range(40)])


# --- answers that are none --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<!doctype html><h1>Welcome", "<!doctype html><h1>Welcome"),
        (b"", "begins with ''"),
        (b'{"error": "x"}', "expected"),
        (b"[[[1, 2]]]", "expected"),
        (b'[[{"index": 1}]]', "expected"),
        (b"[0.1, 0.2]", "expected"),
        (b"[" * 100_000, "expected"),
        (b"[]", "0 vectors came for 1 texts"),
        (b"[[], []]", "2 vectors came for 1 texts"),
        ("[[]".encode("utf-16"), "expected"),
    ],
)
def test_other_answers_are_no_vectors(remote: Remote, body: bytes, told: str) -> None:
    with pytest.raises(ModelError, match="encoding service at") as raised:
        remote(answering(body)).encode("heart")
    assert told in str(raised.value)


@pytest.mark.parametrize(
    "row",
    [
        rows({DIMENSIONS: 1.0}),
        rows({-1: 1.0}),
        rows({3: 0.0}),
        rows({3: -0.5}),
        rows({3: float("nan")}),
        rows({3: float("inf")}),
        rows({3: 1e300}),
        [*rows({3: 1.0}), *rows({3: 1.0})],
        [{"index": 1.5, "value": 1.0}],
        [{"index": "3", "value": 1.0}],
        [{"index": 3, "value": "1.0"}],
        [{"index": 2**70, "value": 1.0}],
        [{"index": True, "value": 1.0}],
        [{"index": 3, "value": None}],
        [{"index": [3], "value": [1.0]}, {"index": 3, "value": 1.0}],
    ],
    ids=str,
)
def test_bad_vectors_are_refused(remote: Remote, row: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidVectorError, match="the answer holds a bad vector"):
        remote(answering(json.dumps([row]))).encode("heart")


def test_terms_may_come_in_any_order(remote: Remote) -> None:
    service = answering(json.dumps([rows({7: 1.0, 3: 2.0}), rows({}), rows({5: 1.0, 1: 4.0})]))
    assert remote(service).encode(["a", "b", "c"]) == SparseBatch.from_vectors(
        [
            SparseVector.from_dict({3: 2.0, 7: 1.0}, DIMENSIONS),
            SparseVector.empty(DIMENSIONS),
            SparseVector.from_dict({1: 4.0, 5: 1.0}, DIMENSIONS),
        ]
    )


@pytest.mark.parametrize("info", [b"<html>", b"[]", b'{"model": "x"}', b'{"model_id": 3}'])
def test_an_info_that_is_none(remote: Remote, info: bytes) -> None:
    def service(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=info)

    with pytest.raises(ModelError, match="expected"):
        remote(service).encode("heart")


# --- secrets and life -------------------------------------------------------------------------


def test_the_key_is_sent_and_never_told(remote: Remote, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service = FakeTei(WordEncoder(), api_key=KEY)
    assert len(remote(service, api_key=KEY).encode("heart")) == 1
    leaky = FakeTei(WordEncoder(), [httpx.Response(401, text=f"unknown key {KEY}")])
    with pytest.raises(AuthenticationError, match=r"unknown key \*\*\*") as raised:
        remote(leaky, api_key=KEY).encode("heart")
    assert KEY not in f"{raised.value}{caplog.text}"


def test_a_password_in_the_address_is_sent_and_never_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    service = FakeTei(WordEncoder(), [error(500, "no")])
    url = f"http://ann:{KEY}@tei:8080"
    encoder = RemoteEncoder(url, dimensions=9, retry=None, transport=service.transport())
    with pytest.raises(EngineError) as raised:
        encoder.encode("heart")
    assert service.requests[0].headers["authorization"].startswith("Basic ")
    assert KEY not in f"{raised.value}{encoder!r}{caplog.text}"


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}é", ""])
def test_a_key_that_no_header_holds(key: str) -> None:
    with pytest.raises(ConfigError, match="api_key") as raised:
        RemoteEncoder(URL, api_key=key)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["tei:8080", "", "ftp://tei", "http://", f"x://ann:{KEY}@tei", None]
)
def test_an_address_that_is_none(url: Any) -> None:
    with pytest.raises(ConfigError) as raised:
        RemoteEncoder(url)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    "given",
    [
        {"batch_size": 0},
        {"max_connections": 0},
        {"timeout_s": 0},
        {"connect_timeout_s": float("nan")},
    ],
)
def test_numbers_out_of_range(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(given))):
        RemoteEncoder(URL, **given)


def test_a_key_and_a_password_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        RemoteEncoder("http://ann:pw@tei", api_key=KEY)


def test_after_close() -> None:
    with RemoteEncoder(URL, dimensions=9, transport=FakeTei(WordEncoder()).transport()) as encoder:
        pass
    encoder.close()
    with pytest.raises(EngineClosedError, match="make a new RemoteEncoder"):
        encoder.encode("heart")


def test_several_threads_share_one() -> None:
    from concurrent.futures import ThreadPoolExecutor

    local = WordEncoder()
    service = FakeTei(local)
    texts = [[f"text {n} of {m}" for n in range(9)] for m in range(8)]
    with (
        RemoteEncoder(URL, dimensions=DIMENSIONS, transport=service.transport()) as encoder,
        ThreadPoolExecutor(8) as pool,
    ):
        assert list(pool.map(encoder.encode, texts)) == [local.encode(each) for each in texts]
    assert sum(request.url.path == "/info" for request in service.requests) == 1
