from __future__ import annotations

import re
from pathlib import Path

import pytest

from splade_sdk import __version__
from splade_sdk.encoders.bm25 import Bm25Encoder
from splade_sdk.encoders.remote import RemoteEncoder
from splade_sdk.errors import ModelError
from tests.unit.fakes import WordEncoder
from tests.unit.serving.conftest import Serve

pytest.importorskip("fastapi")


def test_health(serve: Serve) -> None:
    answer = serve(WordEncoder()).get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_health_without_a_body(serve: Serve) -> None:
    answer = serve(WordEncoder(), api_key="x").head("/health")
    assert (answer.status_code, answer.content) == (200, b"")


def test_info_tells_the_model_and_the_limits(serve: Serve) -> None:
    told = serve(WordEncoder(), max_client_batch_size=7).get("/info").json()
    assert (told["model_id"], told["model_sha"]) == ("words", "words")
    assert (told["max_client_batch_size"], told["version"]) == (7, __version__)
    assert told["splade_sdk"]["fingerprint"] == WordEncoder().fingerprint.model_dump()


def test_a_remote_encoder_is_as_good_as_the_model_itself(serve: Serve, tmp_path: Path) -> None:
    from splade_sdk.encoders.splade import SpladeEncoder
    from tests.unit.encoders.tiny import TEXTS, save_masked_lm

    local = SpladeEncoder(save_masked_lm("bert", tmp_path), device="cpu")
    texts = [text for text in TEXTS if len(text) < 120]
    with RemoteEncoder(str(serve(local).base_url)) as remote:
        assert remote.fingerprint == local.fingerprint  # their collections are the same
        assert remote.document_settings == local.document_settings
        assert remote.dimensions == local.dimensions
        vectors = remote.encode_document(texts)
        difference = abs(vectors.to_scipy() - local.encode_document(texts).to_scipy())
        assert difference.max() < 1e-5  # other company in the batch
        assert remote.decode(vectors[0]) == local.decode(vectors[0])
        assert remote.tokenize(texts[0]) == local.tokenize(texts[0])
        assert remote.literal_terms(texts[0]) == local.literal_terms(texts[0])


def test_a_model_without_a_tokenizer_names_no_terms(serve: Serve) -> None:
    client = serve(Bm25Encoder())
    assert client.get("/tokenizer.json").status_code == 404
    with RemoteEncoder(str(client.base_url)) as remote:
        vector = remote.encode("heart attack")
        assert vector == Bm25Encoder().encode("heart attack")
        with pytest.raises(ModelError, match="does not name its terms"):
            remote.decode(vector)


def test_metrics_count_requests_batches_and_texts(serve: Serve) -> None:
    client = serve(WordEncoder())
    client.post("/embed_sparse", json={"inputs": ["a", "b", "c"]})
    client.post("/embed_sparse", json={"inputs": "d", "prompt_name": "query"})
    client.post("/embed_sparse", content=b"{")
    client.get("/made/up")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    counted = dict(re.findall(r"^(splade_\S+) (\S+)$", answer.text, flags=re.MULTILINE))
    assert counted['splade_requests_total{path="/embed_sparse",status="200"}'] == "2.0"
    assert counted['splade_requests_total{path="/embed_sparse",status="422"}'] == "1.0"
    assert counted['splade_requests_total{path="other",status="404"}'] == "1.0"
    assert counted['splade_encoded_texts_total{side="document"}'] == "3.0"
    assert counted['splade_encoded_texts_total{side="query"}'] == "1.0"
    assert counted["splade_batch_texts_count"] == "2.0"
    assert counted["splade_batch_texts_sum"] == "4.0"
    assert counted["splade_waiting_texts"] == "0.0"


def test_two_services_count_apart(serve: Serve) -> None:
    one, other = serve(WordEncoder()), serve(WordEncoder())
    one.post("/embed_sparse", json={"inputs": "a"})
    assert 'side="document"' in one.get("/metrics").text
    assert 'side="document"' not in other.get("/metrics").text


def test_the_interface_is_described(serve: Serve) -> None:
    paths = serve(WordEncoder()).get("/openapi.json").json()["paths"]
    assert set(paths) == {"/health", "/info", "/metrics", "/tokenizer.json", "/embed_sparse"}
    body = paths["/embed_sparse"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) >= {"inputs", "prompt_name", "truncate"}
    assert "429" in paths["/embed_sparse"]["post"]["responses"]
