import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from math import log

import numpy as np
import pytest

from splade_sdk.encoders.analyzer import Analyzer, TermIds
from splade_sdk.encoders.bm25 import Bm25Encoder
from splade_sdk.errors import ConfigError, InvalidInputError, InvalidTypeError, InvalidVectorError
from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import MAX_DIMENSIONS


def weights(encoder: Bm25Encoder, vector: SparseVector) -> dict[str, float]:
    return dict(encoder.decode(vector))


def test_document_weight_is_bm25s_saturated_count() -> None:
    encoder = Bm25Encoder(k1=1.2, b=0.75, average_length=6)
    # "the" is a stop word, so the length is 3: heart, heart, attack.
    norm = 1 - 0.75 + 0.75 * 3 / 6
    assert weights(encoder, encoder.encode_document("The heart, the hearts' attacks")) == {
        "heart": pytest.approx(2 * 2.2 / (2 + 1.2 * norm)),
        "attack": pytest.approx(1 * 2.2 / (1 + 1.2 * norm)),
    }


def test_a_document_of_average_length_weighs_single_terms_one() -> None:
    # tf = 1, norm = 1: (k1 + 1) / (1 + k1) = 1
    encoder = Bm25Encoder(average_length=2)
    assert encoder.encode("heart attack").values.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("settings", "long", "short"),
    [
        ({"k1": 0.0}, 1.0, 1.0),  # k1 = 0: tf / tf
        ({"b": 0.0}, 4 * 2.2 / (4 + 1.2), 1.0),  # b = 0: norm = 1
    ],
)
def test_limits_of_the_parameters(settings: dict[str, float], long: float, short: float) -> None:
    encoder = Bm25Encoder(**settings)  # type: ignore[arg-type]
    assert encoder.encode("heart heart heart heart").values.tolist() == pytest.approx([long])
    assert encoder.encode("heart").values.tolist() == pytest.approx([short])


def test_query_weighs_each_distinct_term_one() -> None:
    encoder = Bm25Encoder()
    query = encoder.encode_query("heart attacks of the heart")
    assert weights(encoder, query) == {"heart": 1.0, "attack": 1.0}
    assert encoder.fingerprint.idf is True


def test_fit_measures_the_mean_number_of_words() -> None:
    # (2 + 1 + 0) / 3
    encoder = Bm25Encoder().fit(iter(["the heart attack", "heart", ""]))
    assert encoder.average_length == 1.0


def test_fit_with_idf_puts_it_on_the_query_side() -> None:
    encoder = Bm25Encoder().fit(["heart attack", "", "heart", "lung heart"], with_idf=True)
    query = encoder.encode_query("heart lung unseen")
    # n = 3, as the engine does not count empty vectors; df = 3, 1 and 0
    assert weights(encoder, query) == {
        "heart": pytest.approx(log((3 - 3 + 0.5) / (3 + 0.5) + 1)),
        "lung": pytest.approx(log((3 - 1 + 0.5) / (1 + 0.5) + 1)),
        "unseen": pytest.approx(log((3 - 0 + 0.5) / (0 + 0.5) + 1)),
    }
    assert encoder.fingerprint.idf is False
    assert encoder.fit(["heart"]).fingerprint.idf is True


def test_fit_refuses_what_has_no_words() -> None:
    with pytest.raises(InvalidInputError, match="none of the 2 texts"):
        Bm25Encoder().fit(["", "the"])
    with pytest.raises(InvalidTypeError, match="list of strings"):
        Bm25Encoder().fit("heart attack")
    with pytest.raises(InvalidTypeError, match=r"texts\[1\]"):
        Bm25Encoder().fit(["heart", None])  # type: ignore[list-item]


def test_term_ids_are_the_same_in_every_process() -> None:
    program = (
        "from splade_sdk.encoders.bm25 import Bm25Encoder;"
        "print(sorted(Bm25Encoder().literal_terms('heart attack')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    # The first 8 bytes of blake2b(stem, digest_size=8), modulo 2**31 - 1.
    assert run.stdout.strip() == "[123869506, 1118666283]"
    assert Bm25Encoder().literal_terms("heart attack") == {123869506, 1118666283}


def test_tokenize_keeps_order_and_repeats() -> None:
    assert Bm25Encoder().tokenize("The dogs chased the dog") == ["dog", "chase", "dog"]


def test_a_term_never_met_is_told_by_its_id() -> None:
    vector = Bm25Encoder().encode("heart")
    assert Bm25Encoder().decode(vector) == [(f"#{vector.indices[0]}", vector.values[0])]


def test_decode_refuses_vectors_of_another_space() -> None:
    with pytest.raises(InvalidVectorError, match="30522"):
        Bm25Encoder().decode(SparseVector.empty(30522))


def test_memory_of_words_is_bounded_and_does_not_change_ids() -> None:
    terms = TermIds(Analyzer(), remembered=3)
    words = [f"word{at}" for at in range(10)]
    ids = [terms.of(word)[0] for word in words]
    assert ids == [TermIds(Analyzer()).of(word)[0] for word in words]
    assert terms.stem_of(ids[-1]) == "word9"
    assert terms.stem_of(ids[0]) == f"#{ids[0]}"


@pytest.mark.parametrize(
    ("change", "revision_differs", "vocabulary_differs"),
    [
        ({"k1": 0.9}, True, False),
        ({"b": 0.4}, True, False),
        ({"average_length": 100.0}, True, False),
        ({"language": "german"}, True, True),
        ({"stopwords": ["heart"]}, True, True),
        ({}, False, False),
    ],
)
def test_fingerprint_follows_the_parameters(
    change: dict[str, object], revision_differs: bool, vocabulary_differs: bool
) -> None:
    usual = Bm25Encoder().fingerprint
    changed = Bm25Encoder(**change).fingerprint  # type: ignore[arg-type]
    assert (changed.revision != usual.revision) is revision_differs
    assert (changed.vocabulary_sha256 != usual.vocabulary_sha256) is vocabulary_differs
    assert usual.kind == "bm25"
    assert usual.dimensions == MAX_DIMENSIONS


def test_fit_changes_the_fingerprint() -> None:
    encoder = Bm25Encoder()
    before = encoder.fingerprint
    assert "average_length" in before.model
    assert encoder.fit(["heart attack"]).fingerprint.revision != before.revision


@pytest.mark.parametrize(
    "bad",
    [
        {"k1": -0.1},
        {"k1": float("nan")},
        {"k1": float("inf")},
        {"b": -0.1},
        {"b": 1.1},
        {"average_length": 0},
        {"average_length": -1},
    ],
)
def test_parameters_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(bad))} is"):
        Bm25Encoder(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [{"k1": "1.2"}, {"b": None}, {"average_length": True}])
def test_parameters_that_are_no_numbers_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InvalidTypeError, match=f"{next(iter(bad))} is"):
        Bm25Encoder(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch_size", [1, 2, 1000])
def test_batch_size_does_not_change_vectors(batch_size: int) -> None:
    texts = ["heart attack", "", "lung of the heart", "heart"]
    encoder = Bm25Encoder()
    assert encoder.encode(texts, batch_size=batch_size) == encoder.encode(texts)
    with pytest.raises(ConfigError, match="batch_size is 0"):
        encoder.encode(texts, batch_size=0)


def test_threads_share_an_encoder() -> None:
    texts = [[f"word{at} number{at % 7} running{block}" for at in range(200)] for block in range(8)]
    encoder = Bm25Encoder()
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(encoder.encode, texts))
    assert together == [Bm25Encoder().encode(block) for block in texts]


def test_scores_equal_bm25s() -> None:
    import bm25s

    documents = [
        "heart attack symptom heart pain",
        "lung cancer pain",
        "attack dog attack dog attack",
        "heart",
        "nothing here matches but lung",
    ]
    tokens = [text.split() for text in documents]
    query = ["heart", "pain", "attack"]
    peer = bm25s.BM25(k1=0.9, b=0.4, method="lucene")
    peer.index(tokens, show_progress=False)
    encoder = Bm25Encoder(k1=0.9, b=0.4, language=None).fit(documents, with_idf=True)
    vectors = encoder.encode(documents)
    ours = encoder.encode_query([" ".join(query)]).dot(vectors)[0]
    # Lucene's BM25 leaves out the constant factor k1 + 1.
    np.testing.assert_allclose(ours / 1.9, peer.get_scores(query), rtol=1e-5)
