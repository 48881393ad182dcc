from __future__ import annotations

import numpy as np
import pytest

from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.types.arguments import lone_surrogate, require_whole


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_come_back_as_ints(value: object) -> None:
    found = require_whole(value, "n", 3)
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        (2, ConfigError, "n is 2: expected 3 or more, or None for all"),
        ("3", InvalidTypeError, r"n is '3' \(str\): expected a whole number, 3 or more, or None"),
        (3.0, InvalidTypeError, r"n is 3\.0 \(float\)"),
        (True, InvalidTypeError, r"n is True \(bool\)"),
        (None, InvalidTypeError, r"n is None \(NoneType\)"),
    ],
)
def test_other_values_are_refused(value: object, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        require_whole(value, "n", 3, unset="or None for all")


@pytest.mark.parametrize(
    ("text", "at"), [("", None), ("ascii", None), ("ü🙂", None), ("ab\ud800", 2), ("\udfff", 0)]
)
def test_lone_surrogates_are_found(text: str, at: int | None) -> None:
    assert lone_surrogate(text) == at
