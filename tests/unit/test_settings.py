"""What settings tell of values that they refuse; more is in training/test_training_config.py."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field, ValidationError, model_validator
from typing_extensions import Self

from splade_sdk.errors import ConfigError
from splade_sdk.settings import Settings, config_error


class Inner(Settings):
    size: int = Field(default=1, ge=1)


class Outer(Settings):
    name: str
    inner: Inner = Inner()
    others: tuple[Inner, ...] = ()

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if not self.name:
            raise ValueError("it has no name")
        return self


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "Outer: no key 'name': it is needed"),
        ({"name": 3}, "Outer: name is 3: Input should be a valid string"),
        ({"nmae": "x", "name": "x"}, "Outer: no key 'nmae': did you mean 'name'?"),
        ({"name": "x", "zzz": 1}, "Outer: no key 'zzz': expected one of inner, name, others"),
        ({"name": "x", "inner": {"size": 0}}, "Outer: inner.size is 0: Input should be greater"),
        ({"name": "x", "inner": {"siz": 1}}, "no key 'inner.siz': did you mean 'inner.size'?"),
        ({"name": "x", "others": [{"siz": 1}]}, "'others.0.siz': did you mean 'others.0.size'?"),
        ({"name": ""}, "Outer: it has no name"),
        ({"nmae": "x", "inner": {"size": 0}}, "; "),
    ],
)
def test_what_is_wrong_is_told(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Outer(**values)
    assert told in str(caught.value)


def test_settings_within_settings_leave_it_to_the_outer_ones() -> None:
    # Their own ConfigError would hide where they stand.
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"name": "x", "inner": {"size": 0}})
    told = str(config_error(caught.value, Outer, where="run.yaml"))
    assert told.startswith("run.yaml: inner.size is 0: ")


def test_valid_ones_are_made() -> None:
    made = Outer(name="x", inner=Inner(size=2), others=(Inner(),))
    assert made.model_dump() == {"name": "x", "inner": {"size": 2}, "others": ({"size": 1},)}
    assert Outer.model_validate_json(made.model_dump_json()) == made
