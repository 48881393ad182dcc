"""Turns examples into a batch of texts and what they are to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from splade_sdk.training.data.example import Example
from splade_sdk.training.scores import Targets

__all__ = ["Batch", "collate", "text_id"]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch before tokenisation.

    Attributes:
        queries: Texts, one an example.
        documents: Texts of all examples' documents, each once.
        targets: What the documents are to the queries.
    """

    queries: list[str]
    documents: list[str]
    targets: Targets


def collate(examples: Sequence[Example]) -> Batch:
    """Make a batch; a text that several examples share becomes one document.

    Two examples with the same query know each other's positives, so that neither becomes a
    negative of the other.

    Args:
        examples: At least one.
    """
    documents = list(dict.fromkeys(text for example in examples for text in example.documents))
    column = {text: at for at, text in enumerate(documents)}
    answers: dict[str, set[int]] = {}
    for example in examples:
        texts = (example.documents[0], *example.also_relevant)
        answers.setdefault(example.query, set()).update(map(text_id, texts))
    return Batch(
        queries=[example.query for example in examples],
        documents=documents,
        targets=Targets(
            candidates=_padded([[column[text] for text in each.documents] for each in examples]),
            document_ids=torch.tensor([text_id(text) for text in documents]),
            relevant_ids=_padded([sorted(answers[example.query]) for example in examples]),
            teacher=_teacher(examples),
        ),
    )


def text_id(text: str) -> int:
    """Return a number from 0 to 2^63 - 1 that is the same for a text in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def _teacher(examples: Sequence[Example]) -> Tensor | None:
    if all(example.scores is None for example in examples):
        return None
    rows = [
        torch.tensor([float("nan")] if example.scores is None else example.scores)
        for example in examples
    ]
    return pad_sequence(rows, batch_first=True, padding_value=float("nan"))


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    tensors = [torch.tensor(row, dtype=torch.int64) for row in rows]
    return pad_sequence(tensors, batch_first=True, padding_value=-1)
