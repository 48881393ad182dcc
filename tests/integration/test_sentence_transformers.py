"""The same folder gives the same vectors here and in sentence-transformers."""

# ruff: noqa: RUF001 - the texts are meant to be odd
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks._weights import two_layer_folder
from splade_sdk import SpladeEncoder
from splade_sdk.types import SparseBatch
from tests.unit.encoders.tiny import TEXTS, save_masked_lm

pytest.importorskip("sentence_transformers")
# sentence-transformers probes for optional audio and vision packages when it is imported.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
    "ignore::splade_sdk.errors.TruncationWarning",
)

MakeFolder = Callable[[str], Path]

REAL_TEXTS = [
    "what is a sparse vector?",
    "heart attack symptoms",
    "0",
    "a",
    "C++ vs. C# vs. F#",
    "Cafés in Zürich serve naïve crème brûlée",
    "東京は日本の首都です。",
    "Москва — столица России",
    "القاهرة عاصمة مصر",
    "नमस्ते दुनिया",
    "🙂🙃🚀 emoji only? not quite 👩‍👩‍👧‍👦",
    "🔥",
    "tabs\tand\nnew\r\nlines",
    "  surrounding space  ",
    "UPPER CASE SHOUTING AND lower case whispering",
    "email@example.com https://example.com/path?query=1&b=2#fragment",
    "def f(x: int) -> int:\n    return x ** 2 + 1",
    "E = mc²; ∑ᵢ xᵢ ≤ ∞; α → β",
    "ﬁne ligatures and ｆｕｌｌ ｗｉｄｔｈ letters",
    "zero\u200bwidth\u200dcharacters\ufeff",
    "combining: e\u0301 n\u0303 o\u0308",
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "x" * 300,
    "1234567890 " * 30,
    "[CLS] [SEP] [MASK] written out",
    "A myocardial infarction occurs when blood flow to the heart muscle is blocked. " * 4,
    "The quick brown fox jumps over the lazy dog. " * 60,
    "Sparse retrieval keeps an inverted index of terms; dense retrieval compares vectors. " * 50,
    "null None NaN undefined",
    "\u0000 control \u0007 characters \u001b",
]


def peer(folder: Path, **settings: object):
    from sentence_transformers import SparseEncoder

    return SparseEncoder(str(folder), device="cpu", **settings)


def rows(vectors: torch.Tensor | SparseBatch) -> NDArray[np.float32]:
    if isinstance(vectors, SparseBatch):
        return vectors.to_scipy().toarray()
    return vectors.to_dense().numpy()


def assert_same(ours: SparseBatch, theirs: torch.Tensor) -> None:
    mine, other = rows(ours), rows(theirs)
    assert mine.shape == other.shape
    assert (mine > 0).any(axis=1).all()
    assert np.abs(mine - other).max() < 1e-4
    assert ((mine > 1e-4) == (other > 1e-4))[np.abs(other - 1e-4) > 1e-5].all()


def assert_same_sides(folder: Path, texts: list[str] = TEXTS) -> None:
    ours, theirs = SpladeEncoder(folder, device="cpu"), peer(folder)
    assert_same(ours.encode_document(texts), theirs.encode_document(texts))
    assert_same(ours.encode_query(texts), theirs.encode_query(texts))


@pytest.fixture(scope="module")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> MakeFolder:
    return lambda architecture: save_masked_lm(architecture, tmp_path_factory.mktemp(architecture))


@pytest.fixture(scope="module")
def bert(make_folder: MakeFolder) -> Path:
    return make_folder("bert")


@pytest.fixture(scope="module")
def other_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_masked_lm("bert", tmp_path_factory.mktemp("other"), seed=9)


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta"])
def test_a_bare_masked_lm(architecture: str, make_folder: MakeFolder) -> None:
    assert_same_sides(make_folder(architecture))


@pytest.mark.real_model
def test_the_real_checkpoint() -> None:
    assert len(REAL_TEXTS) == 30
    ours, theirs = SpladeEncoder(two_layer_folder(), device="cpu"), peer(two_layer_folder())
    # Small batches: theirs holds every logit of a padded batch.
    assert_same(ours.encode(REAL_TEXTS), theirs.encode(REAL_TEXTS, batch_size=2))


@pytest.mark.parametrize("pooling", ["max", "sum"])
@pytest.mark.parametrize("activation", ["relu", "log1p_relu"])
def test_a_saved_model(bert: Path, tmp_path: Path, pooling: str, activation: str) -> None:
    save_theirs(tmp_path, theirs_plain(bert, pooling, activation))
    loaded = SpladeEncoder(tmp_path, device="cpu")
    assert loaded.fingerprint.pooling == pooling
    assert loaded.fingerprint.activation == f"log1p_{activation}"
    assert_same_sides(tmp_path)


def test_a_saved_length(bert: Path, tmp_path: Path) -> None:
    model = peer(bert)
    model.max_seq_length = 9
    model.save_pretrained(str(tmp_path))
    assert SpladeEncoder(tmp_path, device="cpu").max_length == 9
    assert_same_sides(tmp_path)


@pytest.mark.parametrize(
    ("prompts", "default"),
    [
        ({"query": "a question: ", "document": "a text: "}, None),
        ({"query": "a question: ", "document": "a text: "}, "query"),
        ({"query": "a question: "}, "query"),
        ({"passage": "a text: "}, "passage"),
        ({"corpus": "a text: ", "query": "a question: "}, None),
        ({"other": "another: "}, "other"),
    ],
)
def test_saved_prompts(
    bert: Path, tmp_path: Path, prompts: dict[str, str], default: str | None
) -> None:
    peer(bert, prompts=prompts, default_prompt_name=default).save_pretrained(str(tmp_path))
    assert_same_sides(tmp_path)


@pytest.mark.parametrize("weights", ["safetensors", "idf.json"])
def test_a_router_with_static_queries(bert: Path, tmp_path: Path, weights: str) -> None:
    save_theirs(tmp_path, [theirs_router(bert)])
    if weights == "idf.json":
        write_idf_json(tmp_path)
    assert_same_sides(tmp_path)


def test_a_router_with_two_models(bert: Path, other_bert: Path, tmp_path: Path) -> None:
    save_theirs(tmp_path, [theirs_router(bert, other_bert)])
    assert_same_sides(tmp_path)


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta"])
def test_what_we_save_loads_there(
    architecture: str, make_folder: MakeFolder, tmp_path: Path
) -> None:
    before = SpladeEncoder(make_folder(architecture), device="cpu", max_length=40)
    before.save_pretrained(tmp_path)
    assert_same_sides(tmp_path)
    assert SpladeEncoder(tmp_path, device="cpu").encode(TEXTS) == before.encode(TEXTS)
    assert peer(tmp_path).max_seq_length == 40


def test_what_we_save_with_settings_loads_there(bert: Path, tmp_path: Path) -> None:
    before = SpladeEncoder(
        bert, device="cpu", pooling="sum", activation="log1p_log1p_relu", max_length=30
    )
    before.save_pretrained(tmp_path)
    assert_same_sides(tmp_path)
    assert SpladeEncoder(tmp_path, device="cpu").encode(TEXTS) == before.encode(TEXTS)


def test_two_models_that_we_save_load_there(bert: Path, other_bert: Path, tmp_path: Path) -> None:
    before = SpladeEncoder(bert, device="cpu", query_model=other_bert)
    before.save_pretrained(tmp_path)
    assert_same_sides(tmp_path)
    again = SpladeEncoder(tmp_path, device="cpu")
    assert again.encode_query(TEXTS) == before.encode_query(TEXTS)
    assert again.encode_query(TEXTS) != again.encode_document(TEXTS)


@pytest.mark.parametrize("table", ["ones", {"sparse": 2.5, "vector": 0.5, "what": 1.0}])
def test_query_token_weights_that_we_save_load_there(bert: Path, tmp_path: Path, table) -> None:
    before = SpladeEncoder(bert, device="cpu", query_token_weights=table)
    before.save_pretrained(tmp_path)
    ours, theirs = SpladeEncoder(tmp_path, device="cpu"), peer(tmp_path)
    queries = ["what is a sparse vector?", "sparse sparse sparse"]
    assert ours.encode_query(queries) == before.encode_query(queries)
    assert_same(ours.encode_query(queries), theirs.encode_query(queries))
    assert_same(ours.encode_document(TEXTS), theirs.encode_document(TEXTS))


def test_a_router_saved_again_by_us(bert: Path, tmp_path: Path) -> None:
    save_theirs(tmp_path / "theirs", [theirs_router(bert)])
    SpladeEncoder(tmp_path / "theirs", device="cpu").save_pretrained(tmp_path / "ours")
    assert_same_sides(tmp_path / "ours")


def theirs_plain(folder: Path, pooling: str = "max", activation: str = "relu") -> list[object]:
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling

    return [MLMTransformer(str(folder)), SpladePooling(pooling, activation_function=activation)]


def theirs_router(folder: Path, query_folder: Path | None = None) -> object:
    from sentence_transformers.sentence_transformer.modules import Router
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

    document = theirs_plain(folder)
    if query_folder is not None:
        query = theirs_plain(query_folder, pooling="sum")
    else:
        tokenizer = document[0].tokenizer
        weight = torch.linspace(0.1, 3.0, len(tokenizer))
        query = [SparseStaticEmbedding(tokenizer=tokenizer, weight=weight)]
    return Router.for_query_document(query_modules=query, document_modules=document)


def save_theirs(folder: Path, modules: list[object]) -> None:
    from sentence_transformers import SparseEncoder

    SparseEncoder(modules=modules, device="cpu").save_pretrained(str(folder))


def write_idf_json(folder: Path) -> None:
    """Rewrite a static side: its config.json names a JSON table, whose path must be absolute."""
    from safetensors.torch import load_file
    from transformers import AutoTokenizer

    side = folder / "query_0_SparseStaticEmbedding"
    vocabulary = AutoTokenizer.from_pretrained(side).get_vocab()
    weight = load_file(side / "model.safetensors")["weight"].tolist()
    table = {token: weight[at] for token, at in vocabulary.items()}
    (side / "idf.json").write_text(json.dumps(table))
    (side / "config.json").write_text(json.dumps({"frozen": True, "path": str(side / "idf.json")}))
    (side / "model.safetensors").unlink()
