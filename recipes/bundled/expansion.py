"""How many of the strongest expansion terms are related to their text.

The judge is a dense model that took no part in making the terms. How near a term is to a text is
its cosine to the text or to the nearest of the text's words, whichever is larger; a term counts as
related where it is nearer than 95 of 100 terms drawn at random from the vocabulary. So a random
term passes with probability 0.05. Shares at other bars are told too.

    python -m recipes.bundled.expansion --model runs/bundled/settled/model --judge FOLDER
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np

from recipes.bundled.lines import read_lines
from splade_sdk import SpladeEncoder
from splade_sdk.encoders.model_side import unit_rows
from splade_sdk.training.teachers import TransformerEmbedder

_TERMS = 10
_WORDS = 100
_RANDOM_TERMS = 2000
_PERCENTILE = 95
_OTHER_PERCENTILES = (50, 80, 90, 99)


def is_word(token: str) -> bool:
    """True for whole words that a reader can judge."""
    return len(token) > 2 and token.isalpha()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--judge", required=True, help="folder or name of a dense model")
    parser.add_argument("--output", type=Path, default=Path("runs/bundled"))
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--examples", type=int, default=20)
    asked = parser.parse_args()
    passages = [row["text"] for row in read_lines(asked.output / "development" / "corpus.jsonl")]
    queries = [row["text"] for row in read_lines(asked.output / "development" / "queries.jsonl")]
    half = asked.texts // 2
    texts = passages[:: len(passages) // half][:half] + queries[:: len(queries) // half][:half]
    encoder = SpladeEncoder(asked.model, max_length=128)
    judge = TransformerEmbedder.from_pretrained(asked.judge, max_tokens=128)

    def embedded(listed: list[str]) -> np.ndarray:
        return unit_rows(judge.encode(listed))

    vocabulary = [token for token in sorted(encoder.tokenizer.get_vocab()) if is_word(token)]
    chosen = random.Random(0).sample(vocabulary, _RANDOM_TERMS)  # noqa: S311 - no secret
    by_chance = embedded(chosen)
    shares: list[float] = []
    told = []
    for text in texts:
        words = list(dict.fromkeys(word for word in text.lower().split() if is_word(word)))
        near = np.concatenate([embedded([text]), *([embedded(words[:_WORDS])] if words else [])]).T
        literal = encoder.literal_terms(text)
        ids = encoder.tokenizer.get_vocab()
        terms = [
            term
            for term, _ in encoder.decode(encoder.encode(text))
            if ids[term] not in literal and is_word(term)
        ][:_TERMS]
        if not terms:
            continue
        random_terms = np.sort((by_chance @ near).max(axis=1))
        nearer = np.searchsorted(random_terms, (embedded(terms) @ near).max(axis=1))
        found = (100 * nearer / _RANDOM_TERMS).tolist()
        shares += found
        related = [share > _PERCENTILE for share in found]
        told.append({"text": text[:160], "terms": terms, "related": related})
    for each in told[:: max(1, len(told) // asked.examples)][: asked.examples]:
        shown = (
            term if good else f"({term})"
            for term, good in zip(each["terms"], each["related"], strict=True)
        )
        print(f"- {each['text']!r}: {', '.join(shown)}")
    above = {bar: np.mean([share > bar for share in shares]) for bar in _OTHER_PERCENTILES}
    passed = np.mean([share > _PERCENTILE for share in shares])
    print(json.dumps({"texts": len(told), "terms": len(shares), "related": passed, **above}))


if __name__ == "__main__":
    main()
