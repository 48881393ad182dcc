"""The plain BERT gives what transformers gives, and leaves to it what is not plain."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertForMaskedLM

from splade_sdk.encoders.bert import Bert, load_bert
from splade_sdk.encoders.masked_lm import load_masked_lm
from tests.unit.encoders.conftest import FolderOf
from tests.unit.encoders.tiny import CONFIGS, TEXTS, VOCABULARY


@pytest.fixture
def folder(bert_folder: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(bert_folder, tmp_path / "model"))


def change_config(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **values}))


def change_tensors(folder: Path, change: Any) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file(change(tensors), folder / "model.safetensors", metadata={"format": "pt"})


def batches() -> list[tuple[torch.Tensor, torch.Tensor | None]]:
    draw = torch.Generator().manual_seed(0)
    whole = torch.randint(5, VOCABULARY, (3, 17), generator=draw)
    mask = (torch.arange(17) < torch.tensor([[17], [4], [1]])).long()
    return [(whole, None), (whole * mask, mask), (whole[:1, :1], None)]


def test_equal_to_transformers_to_the_bit(bert_folder: Path) -> None:
    ours = load_bert(bert_folder, dtype=torch.float32)
    theirs = load_masked_lm(bert_folder, dtype=torch.float32).eval()
    assert ours is not None
    assert (ours.hidden_size, ours.max_positions) == (theirs.hidden_size, theirs.max_positions)
    assert torch.equal(ours.weight, theirs.weight)
    assert torch.equal(ours.bias, theirs.bias)
    for ids, mask in batches():
        real = torch.ones_like(ids) if mask is None else mask
        for one, other in zip(
            ours.forward_with_states(ids, mask), theirs.forward_with_states(ids, mask), strict=True
        ):
            assert torch.equal(one[real.bool()], other[real.bool()])


def test_half_precision(bert_folder: Path) -> None:
    ours = load_bert(bert_folder, dtype=torch.bfloat16)
    assert ours is not None
    theirs = load_masked_lm(bert_folder, dtype=torch.bfloat16).eval()
    ids, _ = batches()[0]
    assert torch.equal(ours(ids), theirs(ids))


def test_checkpoints_of_old_names_and_with_copies(bert_folder: Path, folder: Path) -> None:
    def older(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        renamed = {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): tensor
            for name, tensor in tensors.items()
        }
        copy = tensors["bert.embeddings.word_embeddings.weight"].clone()
        renamed["cls.predictions.decoder.weight"] = copy
        renamed["bert.embeddings.position_ids"] = torch.arange(4)[None]
        renamed["bert.pooler.dense.weight"] = torch.zeros(2, 2)
        return renamed

    change_tensors(folder, older)
    old, new = (load_bert(each, dtype=torch.float32) for each in (folder, bert_folder))
    assert old is not None
    assert new is not None
    ids, mask = batches()[1]
    assert torch.equal(old(ids, mask), new(ids, mask))


@pytest.mark.parametrize("architecture", [name for name in CONFIGS if name != "bert"])
def test_other_architectures_are_left_to_transformers(
    architecture: str, folder_of: FolderOf
) -> None:
    assert load_bert(folder_of(architecture), dtype=torch.float32) is None


@pytest.mark.parametrize(
    "values",
    [
        {"hidden_act": "relu"},
        {"position_embedding_type": "relative_key"},
        {"is_decoder": True},
        {"tie_word_embeddings": False},
        {"auto_map": {"AutoModelForMaskedLM": "code.Model"}},
        {"quantization_config": {"bits": 4}},
        {"intermediate_size": 48},
        {"num_hidden_layers": 1},
        {"num_hidden_layers": 9},
        {"num_attention_heads": 5},
        {"vocab_size": 7},
        {"hidden_size": None},
    ],
    ids=str,
)
def test_what_is_not_plain_is_left_to_transformers(folder: Path, values: dict[str, Any]) -> None:
    change_config(folder, **values)
    assert load_bert(folder, dtype=torch.float32) is None


def test_damage_is_left_to_transformers(folder: Path) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert load_bert(folder, dtype=torch.float32) is None
    weights.unlink()
    assert load_bert(folder, dtype=torch.float32) is None
    weights.write_bytes(whole)
    change_tensors(folder, lambda tensors: {**tensors, "bert.more": torch.zeros(1)})
    assert load_bert(folder, dtype=torch.float32) is None
    (folder / "config.json").write_text("[]")
    assert load_bert(folder, dtype=torch.float32) is None


def test_it_is_saved_as_transformers_saves_it(bert_folder: Path, tmp_path: Path) -> None:
    ours = load_bert(bert_folder, dtype=torch.float32)
    assert isinstance(ours, Bert)
    ours.save_pretrained(tmp_path)
    again = BertForMaskedLM.from_pretrained(tmp_path).state_dict()
    for name, tensor in BertForMaskedLM.from_pretrained(bert_folder).state_dict().items():
        assert torch.equal(again[name], tensor), name


def test_a_vector_needs_none_of_transformers_modelling_code(bert_folder: Path) -> None:
    program = (
        "import sys; from splade_sdk import SpladeEncoder; "
        f"SpladeEncoder({str(bert_folder)!r}, device='cpu').encode({TEXTS[0]!r}); "
        "slow = ('transformers.modeling_utils', 'torch._dynamo', 'torch.distributed.tensor'); "
        "sys.exit(', '.join(each for each in slow if each in sys.modules) or None)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
