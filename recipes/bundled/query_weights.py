"""Query weights for the bundled model: one for each token, so that queries need no forward pass.

The document side stays as it is. Weights start from the inverse document frequency of tokens in
the pool, and learn the teachers' ranking of each query's candidates (KL divergence, as in
training); a token that few training queries hold stays near its start.

    python -m recipes.bundled.query_weights --model runs/bundled/settled/model
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import multimode
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from recipes.bundled.lines import read_lines
from recipes.bundled.pool import indexed_pool, pool_passages
from splade_sdk import Retriever, SpladeEncoder
from splade_sdk.encoders.checkpoint import LEARNED_WEIGHTS
from splade_sdk.idf import idf

_TEMPERATURE, _TEACHER_TEMPERATURE = 2.0, 0.3  # of train.yaml
_HELD_OUT = 20  # one query in so many


class Lists(NamedTuple):
    """Queries with the weights that candidates have for each of their tokens.

    Attributes:
        tokens: Token ids of each query, padded by the padding token. Shape: ``(queries, longest)``.
        weights: Shape: ``(queries, candidates, longest)``; 0 at padding.
        teacher: Shape: ``(queries, candidates)``.
    """

    tokens: Tensor
    weights: Tensor
    teacher: Tensor

    def loss(self, by_token: Tensor, rows: Tensor) -> Tensor:
        """Return the mean KL divergence of the scores from the teacher's.

        Args:
            by_token: The query weights. Shape: ``(vocabulary,)``.
            rows: Which queries.
        """
        of_query = by_token[self.tokens[rows]]
        scores = torch.einsum("ql,qcl->qc", of_query, self.weights[rows]) / _TEMPERATURE
        wanted = torch.log_softmax(self.teacher[rows] / _TEACHER_TEMPERATURE, dim=1)
        return torch.nn.functional.kl_div(
            torch.log_softmax(scores, dim=1), wanted, reduction="batchmean", log_target=True
        )


def read_lists(
    retriever: Retriever, tokenizer: PreTrainedTokenizerBase, scored: Path, queries: int
) -> Lists:
    """Look up the candidates of the first queries that have as many as most."""
    every = list(read_lines(scored))
    listed = multimode(len(row["negatives"]) for row in every)[0]
    rows = [row for row in every if len(row["negatives"]) == listed][:queries]
    wanted = {text for row in rows for text in (row["positive"], *row["negatives"])}
    vectors = {
        each.text: each.vector
        for each in retriever.documents(with_vectors=True)
        if each.text in wanted and each.vector is not None
    }
    ids = [sorted(set(tokenizer(row["query"]).input_ids[1:-1])) for row in rows]
    longest = max(map(len, ids))
    tokens = torch.full((len(rows), longest), tokenizer.pad_token_id)
    weights = torch.zeros(len(rows), 1 + listed, longest)
    for at, (row, own) in enumerate(zip(rows, ids, strict=True)):
        tokens[at, : len(own)] = torch.tensor(own)
        for place, text in enumerate((row["positive"], *row["negatives"])):
            found = vectors[text].to_dict()
            weights[at, place, : len(own)] = torch.tensor([found.get(each, 0.0) for each in own])
    return Lists(tokens, weights, torch.tensor([row["scores"] for row in rows]))


def inverse_document_frequency(encoder: SpladeEncoder, texts: Sequence[str]) -> Tensor:
    """Return BM25's IDF of each token, scaled to a mean of 1. Shape: ``(vocabulary,)``."""
    containing = np.zeros(encoder.dimensions)
    for text in texts:
        containing[list(encoder.literal_terms(text))] += 1
    weights = idf(len(texts), containing)
    return torch.from_numpy(weights / weights[containing > 0].mean()).float()


def learn(lists: Lists, start: Tensor, *, pull: float, epochs: int, seed: int = 0) -> Tensor:
    """Return the weights. Shape: that of ``start``.

    Args:
        lists: What to learn from.
        start: Weights to start from.
        pull: Strength of the pull to the start.
        epochs: Passes over the queries.
        seed: Of their order.
    """
    logs = start.clamp(min=1e-3).log().requires_grad_()
    fixed = logs.detach().clone()
    optimizer = torch.optim.Adam([logs], lr=0.01)
    order = torch.Generator().manual_seed(seed)
    held_out = torch.arange(0, len(lists.tokens), _HELD_OUT)
    trained = torch.tensor([at for at in range(len(lists.tokens)) if at % _HELD_OUT])
    for epoch in range(epochs):
        for rows in trained[torch.randperm(len(trained), generator=order)].split(256):
            loss = lists.loss(logs.exp(), rows) + pull * (logs - fixed).square().sum() / len(rows)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            losses = [float(lists.loss(w.exp(), held_out)) for w in (fixed, logs)]
        print(f"epoch {epoch}: held-out loss {losses[1]:.4f}, at the start {losses[0]:.4f}")
    return logs.detach().exp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path("runs/bundled"))
    parser.add_argument("--queries", type=int, default=8000)
    parser.add_argument("--pull", type=float, default=0.02)
    parser.add_argument("--epochs", type=int, default=2)
    asked = parser.parse_args()
    encoder = SpladeEncoder(asked.model, max_length=128)
    start = inverse_document_frequency(encoder, pool_passages(asked.data))
    with indexed_pool(asked.data, encoder) as pool:
        scored = asked.data / "scored.jsonl"
        lists = read_lists(pool, encoder.tokenizer, scored, asked.queries)
    weights = learn(lists, start, pull=asked.pull, epochs=asked.epochs)
    weights[encoder.tokenizer.all_special_ids] = 0
    save_file({"weights": weights.half()}, asked.model / LEARNED_WEIGHTS)


if __name__ == "__main__":
    main()
