"""What every sparse encoder must do, whatever is behind it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from splade_sdk.config import Fingerprint
from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.encoders.bm25 import Bm25Encoder
from splade_sdk.encoders.remote import RemoteEncoder
from splade_sdk.errors import InvalidInputError, InvalidTypeError, InvalidVectorError, SpladeError
from splade_sdk.types import SparseBatch, SparseVector

TEXTS = [
    "what is a sparse vector?",
    "the symptoms of a heart attack include chest pain, shortness of breath and nausea",
    "",
    "heart",
    "an inverted index keeps, for each term, the documents that contain it " * 3,
    "Cafés in Zürich serve crème brûlée",
    "heart",
]
MakeEncoder = Callable[[], SparseEncoder]


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.unit.encoders.tiny import save_masked_lm

    return save_masked_lm("bert", tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def remote_service(bert_folder: Path) -> Iterator[MakeEncoder]:
    """Give encoders of a service of the random model, under uvicorn."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    from splade_sdk.encoders.splade import SpladeEncoder
    from splade_sdk.serving import create_app
    from tests.serving import running

    app = create_app(SpladeEncoder(bert_folder, device="cpu"))
    with running(app) as url, ExitStack() as made:
        yield lambda: made.enter_context(RemoteEncoder(url))


@pytest.fixture(
    scope="module",
    params=[
        "bm25",
        "bm25_with_idf",
        "random_bert",
        "remote",
        "remote_service",
        pytest.param("real", marks=pytest.mark.real_model),
    ],
)
def make(request: pytest.FixtureRequest) -> MakeEncoder:
    """Give what makes the encoder under test, each time anew."""
    if request.param == "bm25":
        return Bm25Encoder
    if request.param == "bm25_with_idf":
        return lambda: Bm25Encoder().fit(TEXTS, with_idf=True)
    from splade_sdk.encoders.splade import SpladeEncoder

    if request.param == "real":
        return lambda: SpladeEncoder(device="cpu", max_length=256)
    folder = request.getfixturevalue("bert_folder")
    if request.param == "remote_service":
        return request.getfixturevalue("remote_service")
    if request.param == "remote":
        from tests.unit.encoders.fake_tei import FakeTei

        service = FakeTei(SpladeEncoder(folder, device="cpu"))
        return lambda: RemoteEncoder(
            "http://localhost:8080", tokenizer=folder, transport=service.transport()
        )
    return lambda: SpladeEncoder(folder, device="cpu")


@pytest.fixture(scope="module")
def encoder(make: MakeEncoder) -> SparseEncoder:
    return make()


@pytest.fixture(params=["encode_document", "encode_query", "encode"])
def encode(request: pytest.FixtureRequest, encoder: SparseEncoder) -> Callable[..., SparseBatch]:
    method: Callable[..., SparseBatch] = getattr(encoder, request.param)
    return method


def assert_close(one: SparseBatch, other: SparseBatch, atol: float = 1e-5) -> None:
    assert one.shape == other.shape
    difference = abs(one.to_scipy() - other.to_scipy())
    assert difference.nnz == 0 or difference.max() < atol


def test_it_is_a_sparse_encoder(encoder: SparseEncoder) -> None:
    assert isinstance(encoder, SparseEncoder)


def test_a_string_gives_a_vector_and_a_list_gives_a_batch(encode, encoder: SparseEncoder) -> None:
    vector, batch = encode(TEXTS[1]), encode([TEXTS[1]])
    assert isinstance(vector, SparseVector)
    assert isinstance(batch, SparseBatch)
    assert len(batch) == 1
    assert len(vector) > 0
    assert vector == batch[0]
    assert vector.dimensions == batch.dimensions == encoder.dimensions


def test_an_empty_list_gives_an_empty_batch(encode, encoder: SparseEncoder) -> None:
    assert encode([]) == SparseBatch.empty(encoder.dimensions)


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_a_blank_text_gives_a_vector_without_terms(
    encode, encoder: SparseEncoder, text: str
) -> None:
    assert encode(text) == SparseVector.empty(encoder.dimensions)
    assert [len(vector) for vector in encode([text, "heart", text])][::2] == [0, 0]


def test_rows_are_in_the_order_of_the_texts(encode) -> None:
    together = encode(TEXTS)
    assert len(together) == len(TEXTS)
    assert_close(together, SparseBatch.from_vectors([encode(text) for text in TEXTS]))
    assert_close(encode(TEXTS[::-1]), together[::-1])


def test_it_is_deterministic(encode) -> None:
    assert encode(TEXTS) == encode(TEXTS)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_the_company_in_a_batch_does_not_matter(encode, batch_size: int) -> None:
    assert_close(encode(TEXTS, batch_size=batch_size), encode(TEXTS))
    assert_close(encode([TEXTS[1], *TEXTS])[1:], encode(TEXTS))


def test_batch_sizes_below_one_are_refused(encode) -> None:
    with pytest.raises(InvalidInputError, match="batch_size is 0"):
        encode(TEXTS, batch_size=0)


@pytest.mark.parametrize("kind", [tuple, iter, lambda texts: (text for text in texts)])
def test_any_iterable_of_strings_is_a_list(encode, kind) -> None:
    assert encode(kind(TEXTS)) == encode(TEXTS)


@pytest.mark.parametrize("kept", [1, 2, 1000])
def test_max_active_dims_keeps_the_heaviest(encode, kept: int) -> None:
    assert encode(TEXTS, max_active_dims=kept) == encode(TEXTS).prune(kept)
    assert encode(TEXTS[1], max_active_dims=kept) == encode(TEXTS[1]).prune(kept)


def test_a_progress_bar_changes_nothing(encode, capsys: pytest.CaptureFixture[str]) -> None:
    hidden = encode(TEXTS, show_progress_bar=False)
    assert capsys.readouterr().err == ""
    assert encode(TEXTS, show_progress_bar=True) == hidden
    assert f"{len(TEXTS)}/{len(TEXTS)}" in capsys.readouterr().err
    assert encode(TEXTS) == hidden
    assert capsys.readouterr().err == ""  # no terminal


@pytest.mark.parametrize(
    "bad",
    [
        None,
        b"heart",
        bytearray(b"heart"),
        7,
        1.5,
        ["heart", None],
        ["heart", b"attack"],
        [["heart"]],
    ],
)
def test_other_types_are_refused(encode, bad: object) -> None:
    with pytest.raises(InvalidTypeError, match="expected a string"):
        encode(bad)


@pytest.mark.parametrize("bad", ["a\ud800", ["heart", "\udfff"]])
def test_lone_surrogates_are_refused(encode, bad: object) -> None:
    with pytest.raises(InvalidInputError, match="lone surrogate"):
        encode(bad)


def test_a_refused_text_is_named_by_its_position(encode) -> None:
    with pytest.raises(SpladeError, match=r"\[2\]"):
        encode(["heart", "attack", None])


@pytest.mark.parametrize("text", ["\x00", "🙂", "a" * 5000, "東京", "\u200b\u200d", "e\u0301"])
def test_odd_texts_are_encoded(encode, encoder: SparseEncoder, text: str) -> None:
    assert encode(text).dimensions == encoder.dimensions


def test_decode_is_heaviest_first_with_ties_by_term_id(encoder: SparseEncoder, encode) -> None:
    vector = encode(TEXTS[1])
    decoded = encoder.decode(vector)
    order = np.lexsort((vector.indices, -vector.values))
    assert [weight for _, weight in decoded] == vector.values[order].tolist()
    one_by_one = [
        encoder.decode(SparseVector(vector.indices[[at]], vector.values[[at]], vector.dimensions))
        for at in order
    ]
    assert decoded == list(itertools.chain(*one_by_one))
    assert all(isinstance(term, str) and isinstance(weight, float) for term, weight in decoded)


def test_decode_gives_the_top_terms(encoder: SparseEncoder, encode) -> None:
    vector = encode(TEXTS[1])
    assert (
        encoder.decode(vector, top_k=2) == encoder.decode(vector, 2) == encoder.decode(vector)[:2]
    )
    assert encoder.decode(SparseVector.empty(encoder.dimensions)) == []


def test_decode_names_each_term_once(encoder: SparseEncoder, encode) -> None:
    terms = [term for term, _ in encoder.decode(encode(TEXTS[1]))]
    assert len(set(terms)) == len(terms) == len(encode(TEXTS[1]))


def test_decode_refuses_another_space(encoder: SparseEncoder) -> None:
    with pytest.raises(InvalidVectorError, match="dimensions"):
        encoder.decode(SparseVector.empty(encoder.dimensions - 1))


def test_the_fingerprint_is_the_same_for_every_instance(make: MakeEncoder) -> None:
    one, other = make().fingerprint, make().fingerprint
    assert one == other
    assert one.dimensions == make().dimensions
    assert Fingerprint.model_validate_json(one.model_dump_json()) == one


def test_encoding_does_not_change_the_fingerprint(encoder: SparseEncoder, encode) -> None:
    before = encoder.fingerprint
    encode(TEXTS)
    assert encoder.fingerprint == before


def test_instances_agree(make: MakeEncoder, encoder: SparseEncoder) -> None:
    other = make()
    assert other.encode_document(TEXTS) == encoder.encode_document(TEXTS)
    assert other.encode_query(TEXTS) == encoder.encode_query(TEXTS)


def test_literal_terms_are_the_terms_of_the_tokens(encoder: SparseEncoder) -> None:
    terms = encoder.literal_terms("heart attack heart")  # type: ignore[attr-defined]
    tokens = encoder.tokenize("heart attack heart")  # type: ignore[attr-defined]
    vector = SparseVector.from_dict(dict.fromkeys(terms, 1.0), encoder.dimensions)
    assert {term for term, _ in encoder.decode(vector)} == set(tokens)
    assert encoder.literal_terms("") == set()  # type: ignore[attr-defined]


def test_texts_that_share_words_match(encoder: SparseEncoder) -> None:
    documents = encoder.encode_document([TEXTS[1], ""])
    query = encoder.encode_query("symptoms of a heart attack")
    assert query.dot(documents[0]) > 0
    assert query.dot(documents[1]) == 0
