"""``/embed_sparse`` and ``/embed`` over HTTP, as clients of text-embeddings-inference see them."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.encoders.remote import RemoteEncoder
from splade_sdk.errors import ModelError
from splade_sdk.types import SparseBatch, SparseVector
from tests.serving import wait_for
from tests.unit.fakes import WordEncoder
from tests.unit.serving.conftest import Dense, Gated, Serve, batch_of

pytest.importorskip("fastapi")

TEXTS = ["heart attack heart", "", "chest pain"]


def test_a_row_for_each_text(serve: Serve) -> None:
    client = serve(WordEncoder())
    answer = client.post("/embed_sparse", json={"inputs": TEXTS})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    local = WordEncoder().encode_document(TEXTS)
    assert batch_of(answer.json(), local.dimensions) == local
    assert set(answer.json()[0][0]) == {"index", "value"}


def test_a_string_gives_one_row(serve: Serve) -> None:
    client = serve(WordEncoder())
    one = client.post("/embed_sparse", json={"inputs": TEXTS[0]}).json()
    assert one == client.post("/embed_sparse", json={"inputs": TEXTS[:1]}).json()
    assert client.post("/embed_sparse", json={"inputs": []}).json() == []


def test_weights_come_through_exactly(serve: Serve) -> None:
    # The neighbours of float32 that need nine digits, and the smallest and largest numbers.
    weights = np.array([1 / 3, 16777217, 1e-45, 3.4028235e38, 0.1], dtype=np.float32)
    weights = np.concatenate([weights, np.nextafter(weights[[0, 4]], np.float32(9))])

    class Fixed(WordEncoder):
        def encode_texts(
            self, texts: list[str], *, side: SideName, options: EncodeOptions
        ) -> SparseBatch:
            indptr = np.arange(len(texts) + 1) * weights.size
            indices = np.tile(np.arange(weights.size), len(texts))
            return SparseBatch(indptr, indices, np.tile(weights, len(texts)), self.dimensions)

    client = serve(Fixed())
    with RemoteEncoder(str(client.base_url)) as remote:
        vector = remote.encode("a")
    assert isinstance(vector, SparseVector)
    assert vector.values.tolist() == weights.tolist()


def test_the_side_is_the_name_of_the_prompt(serve: Serve) -> None:
    class Sided(WordEncoder):
        def encode_texts(
            self, texts: list[str], *, side: SideName, options: EncodeOptions
        ) -> SparseBatch:
            said = [f"query {text}" for text in texts] if side == "query" else texts
            return super().encode_texts(said, side=side, options=options)

    client = serve(Sided())

    def terms(**given: str) -> int:
        return len(client.post("/embed_sparse", json={"inputs": "heart", **given}).json()[0])

    assert (terms(), terms(prompt_name="document"), terms(prompt_name="query")) == (1, 1, 2)
    refused = client.post("/embed_sparse", json={"inputs": "heart", "prompt_name": "s2p"})
    assert refused.status_code == 422
    assert "prompt_name: Input should be 'query' or 'document'" in refused.json()["error"]


def test_fields_of_text_embeddings_inference_are_taken(serve: Serve) -> None:
    client = serve(WordEncoder())
    asked = {"inputs": "a", "truncate": True, "truncation_direction": "Right", "dimensions": None}
    assert client.post("/embed_sparse", json=asked).status_code == 200
    left = client.post("/embed_sparse", json={**asked, "truncation_direction": "Left"})
    assert left.status_code == 422


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "Invalid JSON"),
        (b"{", "Invalid JSON"),
        (b"<xml/>", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON"),
        (b"[]", "should be an object"),
        (b"null", "should be an object"),
        (b"{}", "inputs: Field required"),
        (b'{"inputs": null}', "inputs"),
        (b'{"inputs": 3}', "inputs"),
        (b'{"inputs": NaN}', "inputs"),
        (b'{"inputs": ["a", 3]}', "list[str].1"),
        (b'{"inputs": [["a"]]}', "inputs"),
        (b'{"inputs": {"a": "b"}}', "inputs"),
        (b'{"inputs": "\\ud800"}', "Invalid JSON"),
        (b'{"inputs": "a", "truncate": "perhaps"}', "truncate"),
    ],
)
def test_malformed_bodies(serve: Serve, body: bytes, told: str) -> None:
    client = serve(WordEncoder())
    answer = client.post("/embed_sparse", content=body)
    assert answer.status_code == 422
    assert set(answer.json()) == {"error", "error_type"}
    assert answer.json()["error_type"] == "Validation"
    assert told in answer.json()["error"]


def test_what_was_sent_is_not_repeated(serve: Serve) -> None:
    answer = serve(WordEncoder()).post("/embed_sparse", json={"inputs": [["my secret text"]]})
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (["a"] * 5, "5 texts came, at most 4 may"),
        ("x" * 101, "a text has 101 characters, at most 100 may come"),
        (["a", "é" * 101], "a text has 101 characters"),
    ],
)
def test_too_many_or_too_long_texts(serve: Serve, inputs: Any, told: str) -> None:
    client = serve(WordEncoder(), max_client_batch_size=4, max_text_characters=100)
    answer = client.post("/embed_sparse", json={"inputs": inputs})
    assert (answer.status_code, answer.json()["error_type"]) == (413, "Validation")
    assert told in answer.json()["error"]
    assert client.post("/embed_sparse", json={"inputs": ["é" * 100] * 4}).status_code == 200


def test_truncate_false_refuses_texts_that_would_be_cut(serve: Serve, tmp_path: Path) -> None:
    from splade_sdk.encoders.splade import SpladeEncoder
    from splade_sdk.errors import TruncationWarning
    from tests.unit.encoders.tiny import save_masked_lm

    folder = save_masked_lm("bert", tmp_path)
    encoder = SpladeEncoder(folder, device="cpu", max_length=8)
    client = serve(encoder)
    fits, long = "a b c d e f", "a b c d e f g"  # 6 tokens, 7 tokens; and 2 special ones
    for text, expected in ((fits, 200), (long, 422)):
        answer = client.post("/embed_sparse", json={"inputs": ["a", text], "truncate": False})
        assert answer.status_code == expected
    assert "inputs[1] has 9 tokens, the model takes 8" in answer.json()["error"]
    with pytest.warns(TruncationWarning):
        encoder.encode(long)  # told once, here
    assert client.post("/embed_sparse", json={"inputs": long}).status_code == 200
    windows = SpladeEncoder(
        folder, device="cpu", max_length=8, long_documents="windows", window_overlap=0
    )
    answer = serve(windows).post("/embed_sparse", json={"inputs": long, "truncate": False})
    assert answer.status_code == 200  # nothing is cut


def test_dense_vectors_of_a_model_with_a_dense_head(serve: Serve) -> None:
    client = serve(Dense())
    assert client.get("/info").json()["splade_sdk"]["dense_dimensions"] == 2
    assert client.post("/embed", json={"inputs": ["a", "bbb"]}).json() == [[0, 1], [0, 3]]
    assert client.post("/embed", json={"inputs": "a", "prompt_name": "query"}).json() == [[1, 1]]
    assert client.post("/embed", json={"inputs": []}).json() == []
    assert client.post("/embed", json={"inputs": "a", "normalize": False}).status_code == 422
    assert len(client.post("/embed_sparse", json={"inputs": ["a b", "c"]}).json()) == 2


def test_a_model_without_a_dense_head_has_no_dense_vectors(serve: Serve) -> None:
    assert serve(WordEncoder()).post("/embed", json={"inputs": "a"}).status_code == 404


# --- errors of the model ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "kind", "told"),
    [
        (ModelError("out of memory"), 424, "Backend", "out of memory"),
        (RuntimeError("/secret/place"), 500, "Backend", "the service failed (RuntimeError)"),
    ],
)
def test_errors_of_the_model(
    serve: Serve, error: Exception, status: int, kind: str, told: str
) -> None:
    class Broken(WordEncoder):
        def encode_texts(
            self, texts: list[str], *, side: SideName, options: EncodeOptions
        ) -> SparseBatch:
            raise error

    answer = serve(Broken()).post("/embed_sparse", json={"inputs": "a"})
    assert (answer.status_code, answer.json()["error_type"]) == (status, kind)
    assert told in answer.json()["error"]
    assert "/secret/place" not in answer.text


# --- many clients -----------------------------------------------------------------------------


def test_sixteen_clients_get_their_own_vectors(serve: Serve) -> None:
    encoder = WordEncoder()
    url = str(serve(encoder).base_url)

    def work(n: int) -> bool:
        texts = [[f"client {n} text {at} of {m}" for at in range(m % 7 + 1)] for m in range(20)]
        with RemoteEncoder(url, retry=None) as remote:
            return [remote.encode_document(each) for each in texts] == [
                WordEncoder().encode_document(each) for each in texts
            ]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(16)))
    requests = 16 * 20
    assert len(encoder.calls) < requests  # some were encoded together
    assert sum(map(len, encoder.calls)) == 16 * sum(m % 7 + 1 for m in range(20))


def test_a_bad_text_fails_alone(serve: Serve, gated: Gated) -> None:
    client = serve(gated)
    with ThreadPoolExecutor(4) as pool:

        def ask(text: str) -> int:
            return client.post("/embed_sparse", json={"inputs": text}).status_code

        first = pool.submit(ask, "first")
        assert gated.begun.wait(30)
        rest = [pool.submit(ask, text) for text in ("a", "poison", "b")]
        wait_for(lambda: "splade_waiting_texts 3.0" in client.get("/metrics").text)
        gated.gate.set()
        assert [each.result() for each in (first, *rest)] == [200, 200, 500, 200]
    assert sorted(gated.calls[1]) == ["a", "b", "poison"]  # together, before each alone


def test_a_full_queue_asks_to_come_again(serve: Serve, gated: Gated) -> None:
    client = serve(gated, max_waiting_texts=2, retry_after_s=3)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.post, "/embed_sparse", json={"inputs": "first"})
        assert gated.begun.wait(30)
        second = pool.submit(client.post, "/embed_sparse", json={"inputs": ["a", "b"]})
        wait_for(lambda: "splade_waiting_texts 2.0" in client.get("/metrics").text)
        refused = client.post("/embed_sparse", json={"inputs": "c"})
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "3"
        assert refused.json()["error_type"] == "Overloaded"
        gated.gate.set()
        assert (first.result().status_code, second.result().status_code) == (200, 200)


def test_texts_of_a_client_that_left_are_not_encoded(serve: Serve, gated: Gated) -> None:
    client = serve(gated)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "/embed_sparse", json={"inputs": "first"})
        assert gated.begun.wait(30)
        with httpx.Client(base_url=client.base_url) as impatient:
            body = json.dumps({"inputs": "abandoned"})
            headers = {"Content-Type": "application/json"}
            with pytest.raises(httpx.ReadTimeout):
                impatient.post("/embed_sparse", content=body, headers=headers, timeout=0.2)
        metric = 'splade_requests_total{path="/embed_sparse",status="499"} 1.0'
        wait_for(lambda: metric in client.get("/metrics").text)
        gated.gate.set()
        assert first.result().status_code == 200
    assert client.post("/embed_sparse", json={"inputs": "last"}).status_code == 200
    assert gated.calls == [["first"], ["last"]]


def test_stopping_answers_what_is_under_way(serve: Serve, gated: Gated) -> None:
    client = serve(gated)
    with ThreadPoolExecutor(3) as pool:
        asked = [
            pool.submit(httpx.post, f"{client.base_url}/embed_sparse", json={"inputs": text})
            for text in ("a", "b", "c")
        ]
        assert gated.begun.wait(30)
        wait_for(lambda: len(client.server.server_state.tasks) >= 3)  # type: ignore[attr-defined]
        client.server.should_exit = True  # type: ignore[attr-defined]
        opening = threading.Timer(0.2, gated.gate.set)
        opening.start()
        assert [each.result(30).status_code for each in asked] == [200, 200, 200]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{client.base_url}/health")
