from __future__ import annotations

import pytest
from pydantic import ValidationError

from splade_sdk.config import CollectionSettings, Fingerprint
from splade_sdk.errors import CollectionMismatchError, ConfigError

SPLADE = Fingerprint(
    kind="splade",
    model="splade-tiny",
    revision="r1",
    pooling="max",
    activation="log1p_relu",
    vocabulary_sha256="v1",
    dimensions=30522,
    document_prompt_sha256="d1",
    query_side_sha256="q1",
)


@pytest.mark.parametrize("settings", [SPLADE, CollectionSettings()])
def test_settings_are_frozen(settings: Fingerprint | CollectionSettings) -> None:
    for name in type(settings).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(settings, name, getattr(settings, name))


@pytest.mark.parametrize("settings", [SPLADE, CollectionSettings()])
def test_unknown_keys_are_refused(settings: Fingerprint | CollectionSettings) -> None:
    with pytest.raises(ConfigError, match="no key 'nonsense': "):
        type(settings)(**settings.model_dump(), nonsense=1)


@pytest.mark.parametrize(
    ("settings", "bad"),
    [
        (SPLADE, {"dimensions": 0}),
        (SPLADE, {"kind": "dense"}),
        (SPLADE, {"pooling": "mean"}),
        (SPLADE, {"activation": "gelu"}),
        (CollectionSettings(), {"sparse_vector": ""}),
        (CollectionSettings(), {"datatype": "int8"}),
        (CollectionSettings(), {"indexed_fields": {"year": "number"}}),
    ],
)
def test_values_out_of_range_are_refused(
    settings: Fingerprint | CollectionSettings, bad: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        type(settings)(**{**settings.model_dump(), **bad})


@pytest.mark.parametrize(
    "settings", [SPLADE, CollectionSettings(indexed_fields={"year": "integer"})]
)
def test_settings_survive_json(settings: Fingerprint | CollectionSettings) -> None:
    assert type(settings).model_validate_json(settings.model_dump_json()) == settings


CHANGES = {
    "kind": "other",
    "revision": "r2",
    "pooling": "sum",
    "activation": "log1p_log1p_relu",
    "vocabulary_sha256": "v2",
    "dimensions": 105879,
    "idf": True,
    "document_prompt_sha256": "d2",
    "query_side_sha256": "q2",
}


def test_every_field_but_the_name_is_compared() -> None:
    assert set(CHANGES) == set(Fingerprint.model_fields) - {"model"}


@pytest.mark.parametrize(("name", "value"), CHANGES.items())
def test_another_model_is_refused_with_both_named(name: str, value: object) -> None:
    other = SPLADE.model_copy(update={name: value, "model": "other-model"})
    assert SPLADE.differences(other) == {name: (getattr(SPLADE, name), value)}
    with pytest.raises(CollectionMismatchError) as caught:
        SPLADE.require_same(other, where="collection 'docs'")
    for told in ("collection 'docs'", "'splade-tiny'", "'other-model'", name, repr(value)):
        assert told in str(caught.value)


def test_the_same_model_under_another_name_is_the_same() -> None:
    SPLADE.require_same(SPLADE.model_copy(update={"model": "/elsewhere"}), where="docs")


@pytest.mark.parametrize("name", ["document_prompt_sha256", "query_side_sha256"])
def test_what_one_of_two_does_not_say_is_not_compared(name: str) -> None:
    stored = SPLADE.model_dump()
    del stored[name]  # as an earlier version stored it
    Fingerprint(**stored).require_same(SPLADE, where="docs")
    SPLADE.require_same(Fingerprint(**stored), where="docs")


def test_of_hashes_the_beginning_is_told() -> None:
    one = SPLADE.model_copy(update={"revision": "0123456789abcdef" * 4})
    other = SPLADE.model_copy(update={"revision": "fedcba9876543210" * 4})
    with pytest.raises(
        CollectionMismatchError, match=r"\(revision '0123456789ab\.\.\.' != 'fedcba987654\.\.\.'\)"
    ):
        one.require_same(other, where="docs")


def test_another_query_side_alone_is_told_so() -> None:
    other = SPLADE.model_copy(update={"query_side_sha256": "q2"})
    with pytest.raises(CollectionMismatchError, match=r"only their query sides differ: .* vectors"):
        SPLADE.require_same(other, where="docs")
