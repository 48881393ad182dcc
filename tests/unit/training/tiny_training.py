"""A tiny BERT, and a task that it learns in seconds.

A document is about one of TOPICS: it has the topic's two words, and noise. A query has one of the
topic's words, and noise of which other documents have as much: a model that has learnt which words
are noise ranks better.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertForMaskedLM, BertModel, BertTokenizer

from splade_sdk.encoders.masked_lm import quiet_transformers
from splade_sdk.training.config import TrainingConfig, parse_config

TOPICS = 32
_SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
_WORDS = [x + y for x, y in islice(product(_SYLLABLES, repeat=2), 2 * TOPICS + 40)]
TOPIC_WORDS = [_WORDS[2 * at : 2 * at + 2] for at in range(TOPICS)]
NOISE_WORDS = _WORDS[2 * TOPICS : 2 * TOPICS + 8]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = {word: at for at, word in enumerate([*SPECIAL, *_WORDS])}


def tokenizer() -> BertTokenizer:
    return BertTokenizer(vocab=VOCABULARY, model_max_length=32)


def bert_config(*, dropout: float = 0.1, width: int = 32) -> BertConfig:
    return BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        initializer_range=0.02,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )


def save_base(
    folder: Path,
    *,
    seed: int = 0,
    head: bool = True,
    dropout: float = 0.1,
    bias: float = -12.0,
    width: int = 32,
) -> Path:
    """Write a BERT that barely mixes words, so that each text has its own words and few others.

    Args:
        folder: Made.
        seed: Of the weights.
        head: With the masked-LM head; else the bare encoder.
        dropout: Of hidden states and attention.
        bias: Of each term: 0 makes half the vocabulary active.
        width: Of hidden states.
    """
    torch.manual_seed(seed)
    kind = BertForMaskedLM if head else BertModel
    model = kind(bert_config(dropout=dropout, width=width))
    with torch.no_grad():
        embeddings = model.base_model.embeddings
        embeddings.word_embeddings.weight.normal_(0, 1)
        if head:
            transform = model.cls.predictions.transform
            torch.nn.init.eye_(transform.dense.weight)
            transform.dense.bias.fill_(20.0)  # where GELU is linear
            model.get_output_embeddings().bias.fill_(bias)[: len(SPECIAL)] = -1e4
    with quiet_transformers():
        model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def texts(topic: int, random: np.random.Generator) -> tuple[str, str]:
    """A query and a document about a topic."""
    query = [random.choice(TOPIC_WORDS[topic]), *random.choice(NOISE_WORDS, 3, replace=False)]
    document = [*TOPIC_WORDS[topic], *random.choice(NOISE_WORDS, 3, replace=False)]
    return " ".join(random.permutation(query)), " ".join(random.permutation(document))


def examples(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of a JSONL file, each with one hard negative and the scores of a perfect teacher."""
    random = np.random.default_rng(seed)
    rows = []
    for at in range(count):
        query, positive = texts(at % TOPICS, random)
        _, negative = texts((at + 1) % TOPICS, random)
        rows.append(
            {"query": query, "positive": positive, "negatives": [negative], "scores": [6.0, 1.0]}
        )
    return rows


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_collection(folder: Path, *, seed: int = 7) -> Path:
    """Write a BEIR folder: a query for each topic, two documents that answer it."""
    random = np.random.default_rng(seed)
    (folder / "qrels").mkdir(parents=True)
    queries, documents, judgements = [], [], ["query-id\tcorpus-id\tscore"]
    for topic in range(TOPICS):
        queries.append({"_id": f"q{topic}", "text": texts(topic, random)[0]})
        for copy in range(2):
            documents.append({"_id": f"d{topic}-{copy}", "text": texts(topic, random)[1]})
            judgements.append(f"q{topic}\td{topic}-{copy}\t1")
    write_lines(folder / "queries.jsonl", queries)
    write_lines(folder / "corpus.jsonl", documents)
    (folder / "qrels" / "test.tsv").write_text("\n".join(judgements) + "\n")
    return folder


def config(folder: Path, **sections: Mapping[str, Any] | object) -> TrainingConfig:
    """A run in ``folder`` that takes seconds; sections are merged into it."""
    if not (folder / "base").exists():
        save_base(folder / "base")
    if not (folder / "data.jsonl").exists():
        write_lines(folder / "data.jsonl", examples(480))
    values: dict[str, Any] = {
        "model": {"base": str(folder / "base"), "max_query_tokens": 16, "max_document_tokens": 16},
        "data": [{"path": str(folder / "data.jsonl")}],
        "losses": [{"name": "infonce", "options": {"temperature": 4.0}}],
        "sparsity": {"max_start_active_dims": None},
        "optimizer": {"learning_rate": 5e-3, "max_steps": 60, "batch_size": 16},
        "checkpoints": {"every_steps": 1000},
        "output_dir": str(folder / "run"),
        "log_every_steps": 5,
    }
    for name, section in sections.items():
        if isinstance(section, Mapping) and isinstance(values.get(name), dict):
            values[name] = values[name] | dict(section)
        else:
            values[name] = section
    return parse_config(values)
