"""Where the time of encoding goes: wall time of each stage, measured around its function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from splade_sdk.encoders import head, model_side
from splade_sdk.encoders.bert import Bert
from splade_sdk.encoders.head import Screen, VocabularyHead
from splade_sdk.encoders.masked_lm import MaskedLM
from splade_sdk.encoders.tokenization import TextTokenizer

# A stage contains those that are indented below it in the results.
STAGES: dict[str, list[tuple[Any, str]]] = {
    "tokenisation": [(TextTokenizer, "pieces")],
    "backbone": [(Bert, "forward"), (MaskedLM, "forward")],
    "head": [(VocabularyHead, "active_terms")],
    "head: screen": [(Screen, "candidates")],
    "head: screen, integer products": [(head, "max_over_tokens")],
    "head: exact weights": [(VocabularyHead, "_weights_of")],
    "head: whole vocabulary": [(head, "pool_logits")],
    "assembly": [(model_side, "_assemble")],
}


@contextmanager
def timed_stages() -> Iterator[dict[str, float]]:
    """Yield seconds by stage, which grow as texts are encoded inside the block."""
    seconds = dict.fromkeys(STAGES, 0.0)

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                seconds[name] += time.perf_counter() - start

        return call

    with ExitStack() as stack:
        for name, places in STAGES.items():
            for owner, attribute in places:
                function = getattr(owner, attribute)
                stack.enter_context(patch.object(owner, attribute, timed(name, function)))
        yield seconds
