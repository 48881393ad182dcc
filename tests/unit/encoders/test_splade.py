"""SpladeEncoder as its users see it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from splade_sdk import Document, Retriever, SparseBatch, SparseVector, SpladeEncoder
from splade_sdk.encoders import splade as splade_module
from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.errors import (
    ConfigError,
    InvalidInputError,
    InvalidTypeError,
    InvalidVectorError,
    TruncationWarning,
)
from tests.unit.encoders.conftest import FolderOf
from tests.unit.encoders.tiny import TEXTS, VOCABULARY

LONG = "sparse vector " * 100


def close(ours: SparseBatch, theirs: SparseBatch, tolerance: float = 1e-5) -> bool:
    return bool(abs(ours.to_scipy() - theirs.to_scipy()).max() < tolerance)


def test_it_is_a_sparse_encoder(encoder: SpladeEncoder) -> None:
    assert isinstance(encoder, SparseEncoder)
    assert encoder.dimensions == VOCABULARY
    assert repr(encoder).startswith("SpladeEncoder(")


def test_a_string_gives_a_vector_and_a_list_a_batch(encoder: SpladeEncoder) -> None:
    vector, batch = encoder.encode(TEXTS[0]), encoder.encode([TEXTS[0]])
    assert isinstance(vector, SparseVector)
    assert isinstance(batch, SparseBatch)
    assert vector == batch[0]
    assert encoder.encode([]) == SparseBatch.empty(VOCABULARY)
    assert encoder.encode_query(TEXTS) == encoder.encode_document(TEXTS) == encoder.encode(TEXTS)


def test_vectors_are_in_the_order_of_the_texts(encoder: SpladeEncoder) -> None:
    one_by_one = SparseBatch.from_vectors([encoder.encode(text) for text in TEXTS])
    assert close(encoder.encode(TEXTS), one_by_one)
    assert close(encoder.encode(TEXTS[::-1])[::-1], one_by_one)


def test_blank_texts_give_empty_vectors(encoder: SpladeEncoder) -> None:
    batch = encoder.encode(["", "heart", " \n"])
    assert [len(vector) == 0 for vector in batch] == [True, False, True]
    assert len(encoder.encode("")) == 0
    assert len(encoder.encode(["", ""])) == 2


@pytest.mark.parametrize("batch_size", [1, 2, 3, 1000])
def test_the_batch_size_changes_nothing(encoder: SpladeEncoder, batch_size: int) -> None:
    assert close(encoder.encode(TEXTS, batch_size=batch_size), encoder.encode(TEXTS))


def test_two_runs_are_identical(encoder: SpladeEncoder, bert_folder: Path) -> None:
    assert encoder.encode(TEXTS) == encoder.encode(TEXTS)
    assert encoder.encode(TEXTS) == SpladeEncoder(bert_folder, device="cpu").encode(TEXTS)


def test_blocks_are_joined(encoder: SpladeEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = encoder.encode(TEXTS)
    monkeypatch.setattr(splade_module, "_BLOCK", 3)
    assert close(encoder.encode(TEXTS), expected)


def test_encode_iter_reads_a_block_ahead_and_no_more(
    encoder: SpladeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splade_module, "_BLOCK", 4)
    read = 0

    def stream() -> Iterator[str]:
        nonlocal read
        while True:  # has no end
            read += 1
            yield TEXTS[(read - 1) % len(TEXTS)]

    vectors = encoder.encode_iter(stream())
    assert read == 0
    first = [next(vectors) for _ in range(5)]
    assert read == 8
    assert close(SparseBatch.from_vectors(first), encoder.encode(TEXTS[:5]))


def test_encode_iter_equals_encode(encoder: SpladeEncoder) -> None:
    assert list(encoder.encode_iter(iter(TEXTS), max_active_dims=9)) == list(
        encoder.encode(TEXTS, max_active_dims=9)
    )
    assert list(encoder.encode_iter([])) == []
    with pytest.raises(InvalidTypeError):
        next(encoder.encode_iter("a string is no stream"))
    with pytest.raises(InvalidTypeError, match=r"texts\[1\] is int"):
        next(encoder.encode_iter(["a", 1]))


def test_truncation_is_told_once_with_the_count(bert_folder: Path) -> None:
    encoder = SpladeEncoder(bert_folder, device="cpu", max_length=16)
    with pytest.warns(TruncationWarning, match="2 of 3 texts are longer than 16 tokens") as told:
        encoder.encode([LONG, "short", LONG])
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.encode([LONG])
        encoder.encode_query(LONG)


def test_truncation_counts_over_all_blocks(
    bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splade_module, "_BLOCK", 2)
    encoder = SpladeEncoder(bert_folder, device="cpu")
    with pytest.warns(TruncationWarning, match="3 of 5 texts") as told:
        encoder.encode([LONG, "short", LONG, LONG, "short"])
    assert len(told) == 1


@pytest.mark.parametrize("call", ["encode", "encode_document", "encode_query"])
def test_the_warning_points_at_the_caller(bert_folder: Path, call: str) -> None:
    encoder = SpladeEncoder(bert_folder, device="cpu")
    for texts in (LONG, [LONG]):
        encoder._truncation_warned = False
        with pytest.warns(TruncationWarning) as told:
            getattr(encoder, call)(texts)
        assert told[0].filename == __file__
    encoder._truncation_warned = False
    with (
        Retriever(":memory:", encoder=encoder) as retriever,
        pytest.warns(TruncationWarning) as told,
    ):
        retriever.upsert(Document("a", text) for text in [LONG])
    assert told[0].filename == __file__


def test_windows_encode_long_texts_whole_without_a_warning(bert_folder: Path) -> None:
    settings = {"device": "cpu", "max_length": 16}
    whole = SpladeEncoder(bert_folder, long_documents="windows", window_overlap=0, **settings)
    text = " ".join(["x"] * 14 + ["heart"] * 14)  # two windows of 14 words
    first, second = whole.encode(" ".join(["x"] * 14)), whole.encode(" ".join(["heart"] * 14))
    expected = np.maximum(first.to_dense(), second.to_dense())
    assert np.abs(whole.encode(text).to_dense() - expected).max() < 1e-5
    batch = whole.encode(["x", text, "", LONG, "heart"])
    assert [len(vector) > 0 for vector in batch] == [True, True, False, True, True]
    assert np.abs(batch[1].to_dense() - expected).max() < 1e-5


def test_max_active_dims(bert_folder: Path) -> None:
    full = SpladeEncoder(bert_folder, device="cpu")
    pruned = SpladeEncoder(bert_folder, device="cpu", max_active_dims=20, query_max_active_dims=5)
    assert pruned.encode(TEXTS) == full.encode(TEXTS).prune(20)
    assert pruned.encode_query(TEXTS) == full.encode(TEXTS).prune(5)
    assert pruned.encode(TEXTS, max_active_dims=3) == full.encode(TEXTS).prune(3)
    assert pruned.encode_query(TEXTS[0], max_active_dims=7) == full.encode(TEXTS[0]).prune(7)
    with pytest.raises(ConfigError, match="max_active_dims is 0"):
        pruned.encode(TEXTS, max_active_dims=0)


@pytest.mark.parametrize("batch_size", [0, -4])
def test_a_batch_size_below_one(encoder: SpladeEncoder, batch_size: int) -> None:
    with pytest.raises(ConfigError, match=f"batch_size is {batch_size}"):
        encoder.encode(["a"], batch_size=batch_size)


@pytest.mark.parametrize("name", ["batch_size", "max_active_dims"])
@pytest.mark.parametrize("value", ["3", 2.5, True, [1]])
def test_what_is_no_whole_number(encoder: SpladeEncoder, name: str, value: object) -> None:
    with pytest.raises(
        InvalidTypeError, match=rf"{name} is .*\({type(value).__name__}\): expected"
    ):
        encoder.encode(["a"], **{name: value})
    assert encoder.encode(["a"], **{name: np.int64(3)}) == encoder.encode(["a"], **{name: 3})


class TestWhatIsNoVector:
    @pytest.mark.parametrize("given", [None, "heart", 3, [1.0], {1: 1.0}])
    def test_other_types(self, encoder: SpladeEncoder, given: Any) -> None:
        name = type(given).__name__
        with pytest.raises(InvalidTypeError, match=f"vector is {name}: expected a SparseVector"):
            encoder.decode(given)
        with pytest.raises(InvalidTypeError, match=f"documents is {name}: expected a SparseVector"):
            encoder.similarity(encoder.encode("a"), given)
        with pytest.raises(InvalidTypeError, match=f"vectors is {name}"):
            encoder.sparsity(given)

    def test_a_batch_is_not_decoded_as_one(self, encoder: SpladeEncoder) -> None:
        with pytest.raises(InvalidTypeError, match=r"SparseBatch: .* one row, as in batch\[0\]"):
            encoder.decode(encoder.encode(TEXTS))  # type: ignore[arg-type]

    @pytest.mark.parametrize("top_k", [0, -1])
    def test_no_terms(self, encoder: SpladeEncoder, top_k: int) -> None:
        with pytest.raises(ConfigError, match=f"top_k is {top_k}: expected 1 or more"):
            encoder.decode(encoder.encode("a"), top_k=top_k)


def test_a_file_is_no_folder_to_save_to(encoder: SpladeEncoder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(ConfigError, match="file is a file: expected a folder"):
        encoder.save_pretrained(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "precious"


def test_a_model_saved_over_another_leaves_nothing_of_it(
    encoder: SpladeEncoder, bert_folder: Path, tmp_path: Path
) -> None:
    def files(folder: Path) -> set[str]:
        return {str(each.relative_to(folder)) for each in folder.rglob("*")}

    one = SpladeEncoder(bert_folder, device="cpu", query_token_weights="ones")
    two = SpladeEncoder(bert_folder, device="cpu", query_model=bert_folder)
    for n, each in enumerate([one, two, encoder]):
        each.save_pretrained(tmp_path / "same")
        each.save_pretrained(tmp_path / f"fresh{n}")
        assert files(tmp_path / "same") == files(tmp_path / f"fresh{n}")
    with pytest.raises(ConfigError, match="holds a model without a query side of its own"):
        one.save_pretrained(tmp_path / "same")
    assert SpladeEncoder(tmp_path / "same", device="cpu").encode("a") == encoder.encode("a")


def test_learned_query_weights_lie_beside_the_model(encoder: SpladeEncoder, tmp_path: Path) -> None:
    encoder.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="has no query_token_weights"):
        SpladeEncoder(tmp_path, device="cpu", query_token_weights="learned")
    weights = np.linspace(0, 1, encoder.dimensions, dtype=np.float32)
    save_file({"weights": weights}, tmp_path / "query_token_weights.safetensors")
    learned = SpladeEncoder(tmp_path, device="cpu", query_token_weights="learned")
    text = encoder.decode(encoder.encode("hello"))[0][0]
    terms = encoder.literal_terms(text)
    assert learned.encode_query(text).to_dict() == {
        term: pytest.approx(float(weights[term])) for term in terms
    }
    assert learned.encode_document("hello") == encoder.encode_document("hello")
    whole = SpladeEncoder(tmp_path, device="cpu")
    assert whole.fingerprint.revision == encoder.fingerprint.revision  # of documents alone
    assert whole.fingerprint.query_side_sha256 != learned.fingerprint.query_side_sha256


def test_saving_is_silent(
    encoder: SpladeEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder.save_pretrained(tmp_path)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        (None, InvalidTypeError),
        (b"bytes", InvalidTypeError),
        (3, InvalidTypeError),
        ([None], InvalidTypeError),
        (["a", b"b"], InvalidTypeError),
        ("\ud800", InvalidInputError),
        (["a", "\udfff"], InvalidInputError),
    ],
)
def test_what_is_not_text(encoder: SpladeEncoder, texts: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        encoder.encode(texts)
    with pytest.raises(error):
        encoder.encode_query(texts)


def test_decode_is_heaviest_first_with_ties_by_id(encoder: SpladeEncoder) -> None:
    vector = SparseVector.from_dict({10: 0.5, 20: 2.0, 30: 0.5, 40: 1.0}, VOCABULARY)
    tokens = encoder.tokenizer.convert_ids_to_tokens([20, 40, 10, 30])
    assert encoder.decode(vector) == list(zip(tokens, [2.0, 1.0, 0.5, 0.5], strict=True))
    assert encoder.decode(vector, top_k=3) == encoder.decode(vector)[:3]
    assert encoder.decode(vector, top_k=99) == encoder.decode(vector)
    assert encoder.decode(SparseVector.empty(VOCABULARY)) == []
    with pytest.raises(InvalidVectorError, match="7 dimensions"):
        encoder.decode(SparseVector.empty(7))


def test_literal_terms_are_those_of_the_whole_text(encoder: SpladeEncoder) -> None:
    text = "the heart " * 50 + "emoji"
    expected = encoder.tokenizer.convert_tokens_to_ids(encoder.tokenize(text))
    assert encoder.literal_terms(text) == set(expected)
    assert encoder.literal_terms("") == set()


def test_similarity_is_the_inner_product(encoder: SpladeEncoder) -> None:
    queries, documents = encoder.encode_query(TEXTS[:3]), encoder.encode(TEXTS)
    scores = encoder.similarity(queries, documents)
    assert scores.shape == (3, len(TEXTS))
    expected = queries.to_scipy().toarray() @ documents.to_scipy().toarray().T
    assert np.allclose(scores, expected, rtol=1e-5)
    assert encoder.similarity(queries[1], documents[2])[0, 0] == pytest.approx(
        queries[1].dot(documents[2])
    )


def test_sparsity_counts(encoder: SpladeEncoder) -> None:
    batch = encoder.encode([TEXTS[0], ""])
    stats = encoder.sparsity(batch)
    assert (stats.rows, stats.empty, stats.active_dims) == (2, 1, len(batch[0]) / 2)


def test_threads_get_the_same_vectors(encoder: SpladeEncoder) -> None:
    expected = encoder.encode(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: encoder.encode(TEXTS), range(16)):
            assert vectors == expected


@pytest.mark.parametrize("shown", [True, False, None])
def test_the_progress_bar_is_not_on_stdout(
    encoder: SpladeEncoder, shown: bool | None, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder.encode(TEXTS, show_progress_bar=shown)
    told = capsys.readouterr()
    assert told.out == ""
    assert ("8/8" in told.err) == (shown is True)


def test_the_fingerprint_tells_prompts_and_query_sides_apart(
    bert_folder: Path, folder_of: FolderOf, tmp_path: Path
) -> None:
    def differences(**other: Any) -> set[str]:
        changed = SpladeEncoder(other.pop("model", bert_folder), device="cpu", **other)
        return set(plain.fingerprint.differences(changed.fingerprint))

    def prompted(query: str, document: str) -> Path:
        folder = tmp_path / f"{query}-{document}"
        plain.save_pretrained(folder)
        config = folder / "config_sentence_transformers.json"
        told = json.loads(config.read_text())
        config.write_text(json.dumps({**told, "prompts": {"query": query, "document": document}}))
        return folder

    plain = SpladeEncoder(bert_folder, device="cpu")
    assert differences(query_token_weights="ones") == {"query_side_sha256"}
    assert differences(query_token_weights={"heart": 2.0}) == {"query_side_sha256"}
    assert differences(query_model=folder_of("distilbert")) == {"query_side_sha256"}
    assert differences(query_model=bert_folder) == set()
    assert differences(model=prompted("", "")) == set()
    assert differences(model=prompted("q: ", "")) == {"query_side_sha256"}
    assert differences(model=prompted("", "d: ")) == {"document_prompt_sha256"}


def test_idf_is_asked_of_the_engine_and_told_by_the_fingerprint(bert_folder: Path) -> None:
    plain, asking = (SpladeEncoder(bert_folder, device="cpu", idf=idf) for idf in (False, True))
    assert asking.fingerprint.differences(plain.fingerprint) == {"idf": (True, False)}
    assert asking.encode_query(TEXTS) == plain.encode_query(TEXTS)
    scores = []
    for encoder in (plain, asking):
        with Retriever(":memory:", encoder=encoder) as retriever:
            retriever.upsert(Document(str(at), text) for at, text in enumerate(TEXTS))
            query = encoder.encode_query(TEXTS[0]).to_dict()
            hits = {hit.id: hit.score for hit in retriever.search(TEXTS[0], limit=len(TEXTS))}
        scores.append(hits)
    stored = [vector.to_dict() for vector in plain.encode_document(TEXTS)]
    found_in = {term: sum(term in vector for vector in stored) for term in query}
    # ln((n - df + 0.5) / (df + 0.5) + 1) of each term, for n texts of which df have it
    idf = {term: np.log((len(TEXTS) - df + 0.5) / (df + 0.5) + 1) for term, df in found_in.items()}
    for at, vector in enumerate(stored):
        shared = query.keys() & vector.keys()
        assert scores[0].get(str(at), 0) == pytest.approx(
            sum(query[term] * vector[term] for term in shared), rel=1e-4
        )
        assert scores[1].get(str(at), 0) == pytest.approx(
            sum(query[term] * idf[term] * vector[term] for term in shared), rel=1e-4
        )


def test_the_fingerprint_tells_models_apart(bert_folder: Path, folder_of) -> None:
    one = SpladeEncoder(bert_folder, device="cpu").fingerprint
    assert one.differences(SpladeEncoder(bert_folder, device="cpu", max_length=9).fingerprint) == {}
    pooled = SpladeEncoder(bert_folder, device="cpu", pooling="sum").fingerprint
    assert set(one.differences(pooled)) == {"pooling"}
    other = SpladeEncoder(folder_of("distilbert"), device="cpu").fingerprint
    assert set(one.differences(other)) == {"revision"}


def test_queries_without_a_model(bert_folder: Path) -> None:
    ones = SpladeEncoder(bert_folder, device="cpu", query_token_weights="ones")
    query = ones.encode_query("sparse sparse vector")
    assert set(query.indices.tolist()) == ones.literal_terms("sparse vector")
    assert set(query.values.tolist()) == {1.0}
    assert len(ones.encode_query("")) == 0
    table = SpladeEncoder(
        bert_folder, device="cpu", query_token_weights={"vector": 2.5, "sparse": 0.5, "heart": 0.0}
    )
    query = table.encode_query("a sparse vector with a heart")
    assert table.decode(query) == [("vector", 2.5), ("sparse", 0.5)]
    assert table.encode(TEXTS) == ones.encode(TEXTS)


def test_saved_and_loaded_again(bert_folder: Path, tmp_path: Path) -> None:
    before = SpladeEncoder(bert_folder, device="cpu", pooling="sum", max_length=40)
    before.save_pretrained(tmp_path / "deep" / "folder")
    after = SpladeEncoder(tmp_path / "deep" / "folder", device="cpu")
    assert after.encode(TEXTS[:5]) == before.encode(TEXTS[:5])
    assert after.max_length == 40
    assert after.fingerprint.differences(before.fingerprint) == {}
