"""What cannot be loaded is refused with an error that says why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from transformers import BertConfig, BertModel

from splade_sdk import SpladeEncoder
from splade_sdk.encoders.side import read_token_weights
from splade_sdk.errors import (
    ConfigError,
    InvalidTypeError,
    ModelFormatError,
    ModelNotFoundError,
    SpladeError,
    UnsafeModelError,
)
from tests.unit.encoders.tiny import TEXTS, VOCABULARY, wordpiece


@pytest.fixture
def folder(bert_folder: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(bert_folder, tmp_path / "model"))


def test_a_model_without_a_masked_lm_head(bert_folder: Path, tmp_path: Path) -> None:
    BertModel(BertConfig.from_pretrained(bert_folder)).save_pretrained(tmp_path)
    wordpiece().save_pretrained(tmp_path)
    with pytest.raises(ModelFormatError, match=r"no masked-LM head \(missing cls\.predictions"):
        SpladeEncoder(tmp_path)


def test_a_model_of_another_kind(folder: Path) -> None:
    config = {"model_type": "vit", "architectures": ["ViTModel"]}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFormatError, match="cannot be loaded as a masked language model"):
        SpladeEncoder(folder)


def test_pickled_weights_only_where_allowed(bert_folder: Path, folder: Path) -> None:
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UnsafeModelError, match=r"pytorch_model\.bin.*allow_pickle=True"):
        SpladeEncoder(folder)
    allowed = SpladeEncoder(folder, device="cpu", allow_pickle=True)
    assert allowed.encode(TEXTS) == SpladeEncoder(bert_folder, device="cpu").encode(TEXTS)
    assert len(allowed.fingerprint.revision) == 64


def test_remote_code_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "made-up",
        "auto_map": {
            "AutoConfig": "code.MadeUpConfig",
            "AutoModelForMaskedLM": "code.MadeUpForMaskedLM",
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('this must never run')\n")
    with pytest.raises(UnsafeModelError, match="trust_remote_code=True"):
        SpladeEncoder(folder)


@pytest.mark.parametrize(
    "name", ["no/such-model", "./no/such/folder", "/no/such/folder", "no such model"]
)
def test_no_such_model(name: str) -> None:
    with pytest.raises(ModelNotFoundError, match="no model"):
        SpladeEncoder(name)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"no config\.json in"):
        SpladeEncoder(tmp_path)


def test_a_folder_without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelNotFoundError, match=r"no \*\.safetensors"):
        SpladeEncoder(folder)


def test_a_folder_without_a_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ModelFormatError):
        SpladeEncoder(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", ["", "{", "[1, 2]"])
def test_damaged_json(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(ModelFormatError):
        SpladeEncoder(folder)


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_damaged_weights(folder: Path, keep: int) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(ModelFormatError, match="cannot be loaded"):
        SpladeEncoder(folder)


def test_weights_of_another_size(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))
    with pytest.raises(ModelFormatError):
        SpladeEncoder(folder)


def test_a_tokenizer_with_more_tokens_than_the_model_has(folder: Path) -> None:
    tokenizer = wordpiece()
    tokenizer.add_tokens([f"extra{n}" for n in range(VOCABULARY)])
    tokenizer.save_pretrained(folder)
    with pytest.raises(ModelFormatError, match=f"the model has only {VOCABULARY} embeddings"):
        SpladeEncoder(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_length": 65}, "max_length is 65, but the model has 64 positions"),
        ({"max_length": 2}, "special tokens alone take 2"),
        ({"max_length": 0}, "max_length is 0: expected 1 or more"),
        ({"max_length": -1}, "max_length is -1"),
        ({"pooling": "mean"}, "pooling is 'mean': expected 'max' or 'sum'"),
        ({"activation": "gelu"}, "activation is 'gelu': expected 'log1p_relu'"),
        ({"dtype": "int8"}, "dtype is 'int8'"),
        ({"dtype": "float33"}, "dtype is 'float33'"),
        ({"dtype": torch.int32}, r"dtype is torch\.int32"),
        ({"device": "tpu9"}, "device is 'tpu9'"),
        ({"device": "cuda:99"}, "device is 'cuda:99'"),
        ({"long_documents": "split"}, "long_documents is 'split'"),
        ({"long_documents": "windows", "window_overlap": 62}, "window_overlap is 62"),
        ({"query_token_weights": "idf"}, "query_token_weights is 'idf'"),
        ({"query_token_weights": {"nowhere-to-be-found": 1.0}}, "'nowhere-to-be-found'"),
        ({"query_token_weights": "ones", "query_model": "x"}, "exclude each other"),
        ({"window_overlap": 8}, "window_overlap is 8, but long documents are cut: pass long_doc"),
        ({"long_documents": "windows", "window_overlap": -1}, "window_overlap is -1: expected 0"),
        ({"query_token_weights": {"heart": float("nan")}}, "'heart' is nan: expected a finite"),
        ({"query_token_weights": {"heart": float("inf")}}, "'heart' is inf: expected a finite"),
        ({"query_token_weights": {"heart": -0.5}}, r"'heart' is -0\.5: .* at least 0"),
        ({"max_active_dims": 0}, "max_active_dims is 0"),
        ({"query_max_active_dims": -3}, "query_max_active_dims is -3"),
    ],
)
def test_settings_out_of_range(bert_folder: Path, settings: dict[str, object], message) -> None:
    with pytest.raises(ConfigError, match=message):
        SpladeEncoder(bert_folder, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": 5}, "model is int: expected a folder, or a name such as 'naver/splade-v3'"),
        ({"query_model": 5}, "model is int"),
        ({"max_length": "64"}, r"max_length is '64' \(str\): expected a whole number, 1 or more"),
        ({"max_length": 8.5}, r"max_length is 8\.5 \(float\)"),
        ({"max_active_dims": True}, r"max_active_dims is True \(bool\)"),
        ({"query_max_active_dims": 2.5}, r"query_max_active_dims is 2\.5"),
        ({"long_documents": "windows", "window_overlap": "8"}, "window_overlap is '8'"),
        ({"query_token_weights": {"heart": "2"}}, r"'heart' is '2' \(str\): expected a number"),
        ({"query_token_weights": {"heart": None}}, "'heart' is None"),
    ],
)
def test_settings_of_the_wrong_type(bert_folder: Path, settings: dict[str, Any], message) -> None:
    with pytest.raises(InvalidTypeError, match=message):
        SpladeEncoder(settings.pop("model", bert_folder), **settings)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("idf.json", b"{"),
        ("idf.json", b"[1]"),
        ("idf.json", b'{"nowhere-to-be-found": 1}'),
        ("idf.json", b'{"heart": "1"}'),
        ("idf.json", b'{"heart": NaN}'),
        ("model.safetensors", b"damaged"),
        ("model.safetensors", save({})),
        ("model.safetensors", save({"weight": np.ones((2, 2), np.float32)})),
        ("model.safetensors", save({"weight": np.full(3, np.nan, np.float32)})),
    ],
)
def test_token_weights_that_cannot_be_used(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFormatError, match=f"{name}.* has|{name} cannot be used: "):
        read_token_weights(tmp_path / name, {"heart": 1}, 3)


def test_a_query_model_of_another_vocabulary(bert_folder: Path, folder: Path) -> None:
    from transformers import BertForMaskedLM

    config = BertConfig.from_pretrained(bert_folder, vocab_size=VOCABULARY + 8)
    BertForMaskedLM(config).save_pretrained(folder)
    with pytest.raises(ConfigError, match=f"{VOCABULARY + 8} dimensions"):
        SpladeEncoder(bert_folder, query_model=folder)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", torch.bfloat16, "float64"])
def test_other_types_stay_close(bert_folder: Path, dtype: str | torch.dtype) -> None:
    full = SpladeEncoder(bert_folder, device="cpu").encode(TEXTS).to_scipy().toarray()
    other = SpladeEncoder(bert_folder, device="cpu", dtype=dtype).encode(TEXTS)
    assert other.values.dtype == np.float32
    difference = np.abs(other.to_scipy().toarray() - full)
    assert difference.max() < (1e-5 if dtype == "float64" else 0.15)
    assert difference.mean() < 0.01


def test_max_length_is_the_smallest_limit(folder: Path) -> None:
    assert SpladeEncoder(folder).max_length == 64  # the model's positions
    wordpiece_with_limit = wordpiece()
    wordpiece_with_limit.model_max_length = 20
    wordpiece_with_limit.save_pretrained(folder)
    assert SpladeEncoder(folder).max_length == 20  # the tokenizer's
    assert SpladeEncoder(folder, max_length=30).max_length == 30  # the caller's


def test_every_error_is_one_of_ours(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_bytes(b"\x80\x04\x95")
    with pytest.raises(SpladeError):
        SpladeEncoder(folder)
