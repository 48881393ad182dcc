"""Where in a text each active term comes from.

With max pooling the weight of a term is its weight at one token: the arg-max of the fused head (see
``head``). It is computed again here, for the active terms of a single text only; with windows it is
the strongest token of all windows. With sum pooling it is the token that adds most.
"""

from __future__ import annotations

import torch

from splade_sdk.encoders.model_side import ModelSide
from splade_sdk.encoders.side import Side
from splade_sdk.encoders.token_places import TokenPlaces
from splade_sdk.types import SparseVector, TermActivation

__all__ = ["activations"]


def activations(side: Side, text: str, max_active_dims: int | None = None) -> list[TermActivation]:
    """Return the active terms of a text, heaviest first, with the tokens they come from.

    Args:
        side: What encodes it.
        text: Any text; a blank one has no terms.
        max_active_dims: Terms kept, the heaviest first; None for all.
    """
    batch = side.encode([text], batch_size=None, advance=lambda _: None).vectors
    vector = (batch if max_active_dims is None else batch.prune(max_active_dims))[0]
    terms = vector.indices.tolist()
    tokens = TokenPlaces.of(text, side.text_tokenizer)
    if isinstance(side, ModelSide):
        found = [tokens.places([at]) for at in _strongest(side, text, vector)]
    else:
        found = [tokens.places(tokens.occurrences(term)) for term in terms]
    names = side.text_tokenizer.tokenizer.convert_ids_to_tokens(terms)
    literal = set(tokens.ids)
    made = [
        TermActivation(term, name, weight, term in literal, places, tokens.word_of_piece(term))
        for term, name, weight, places in zip(
            terms, names, vector.values.tolist(), found, strict=True
        )
    ]
    return sorted(made, key=lambda each: (-each.weight, each.index))


def _strongest(side: ModelSide, text: str, vector: SparseVector) -> list[int | None]:
    """Return the token with the largest logit of each term, by its position in the whole text.

    None stands for special tokens.
    """
    masked_lm, text_tokenizer = side.masked_lm, side.text_tokenizer
    device = masked_lm.weight.device
    terms = torch.tensor(vector.indices.tolist(), dtype=torch.int64, device=device)
    highest = [float("-inf")] * len(vector)
    found: list[int | None] = [None] * len(vector)
    with torch.inference_mode():
        embeddings = masked_lm.weight[terms]  # (active, width)
        for piece, ids in enumerate(text_tokenizer.pieces([text]).ids):
            positions = text_tokenizer.positions(piece, len(ids))
            hidden = masked_lm(torch.tensor([ids], device=device))[0]  # (tokens, width)
            # The bias is the same at every token, so it does not move the maximum.
            logits, at = (hidden @ embeddings.t()).max(dim=0)
            for term, (logit, token) in enumerate(zip(logits.tolist(), at.tolist(), strict=True)):
                if logit > highest[term]:
                    highest[term], found[term] = logit, positions[token]
    return found
