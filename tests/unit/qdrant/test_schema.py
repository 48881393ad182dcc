from __future__ import annotations

import json
from typing import Any

import pytest
from qdrant_client import models

from splade_sdk.config import (
    CollectionSettings,
    DenseFingerprint,
    DenseSettings,
    Fingerprint,
    PrunedSettings,
)
from splade_sdk.errors import CollectionMismatchError, ConfigError, IndexDamagedError
from splade_sdk.qdrant.schema import (
    CollectionContract,
    dense_params,
    require_contract,
    sparse_params,
)

FINGERPRINT = Fingerprint(
    kind="splade", model="m", revision="r", vocabulary_sha256="v", dimensions=100
)
CONTRACT = CollectionContract(
    fingerprint=FINGERPRINT,
    settings=CollectionSettings(indexed_fields={"year": "integer"}, datatype="float16"),
)


DENSE = DenseFingerprint(model="d", dimensions=3, probe=(0.6, 0.8, 0.0))
BOTH = CollectionContract.make(FINGERPRINT, None, DENSE)


@pytest.mark.parametrize(
    "contract",
    [
        CONTRACT,
        BOTH,
        CollectionContract.make(FINGERPRINT, CollectionSettings(pruned=PrunedSettings()), None),
    ],
)
def test_a_contract_comes_back(contract: CollectionContract) -> None:
    text = json.dumps(contract.to_json())
    assert CollectionContract.from_json(text, where="it") == contract


def test_a_contract_of_one_sparse_vector_is_written_as_before_there_were_others() -> None:
    assert CONTRACT.to_json() == {
        "format": 1,
        "engine": None,
        "fingerprint": FINGERPRINT.model_dump(),
        "settings": {
            "sparse_vector": "splade",
            "datatype": "float16",
            "on_disk": False,
            "indexed_fields": {"year": "integer"},
        },
    }
    assert (BOTH.format, BOTH.to_json()["format"]) == (2, 2)


def test_a_newer_format_is_refused() -> None:
    newer = json.dumps({**CONTRACT.to_json(), "format": 3})
    with pytest.raises(CollectionMismatchError, match="docs has another format than 1 or 2"):
        CollectionContract.from_json(newer, where="docs")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1, "fingerprint": 3}'])
def test_what_is_no_contract_is_damage(text: str) -> None:
    with pytest.raises(IndexDamagedError, match=r"contract of docs cannot be read .* backup"):
        CollectionContract.from_json(text, where="docs")


def test_settings_are_compared_where_they_are_given() -> None:
    require_contract(CONTRACT, FINGERPRINT, None, None, where="docs")
    same = CollectionSettings(datatype="float16", dense=DenseSettings(distance="dot"))
    require_contract(CONTRACT, FINGERPRINT, same, None, where="docs")
    with pytest.raises(CollectionMismatchError, match="datatype 'float16' != 'float32'"):
        require_contract(CONTRACT, FINGERPRINT, CollectionSettings(), None, where="docs")


def test_the_model_is_always_compared() -> None:
    other = FINGERPRINT.model_copy(update={"revision": "r2", "model": "n"})
    with pytest.raises(CollectionMismatchError, match=r"docs was made by the model 'm'.* 'n'"):
        require_contract(CONTRACT, other, None, None, where="docs")


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"dimensions": 4}, "dimensions 3 != 4"),
        ({"probe": (0.8, 0.6, 0.0)}, "cosine 0.96"),
        ({"probe": (0.0, 0.0, 0.0)}, "cosine 0.00"),
    ],
)
def test_another_dense_model_is_refused_with_both_named(other: dict[str, Any], told: str) -> None:
    used = DENSE.model_copy(update={"model": "e", **other})
    with pytest.raises(CollectionMismatchError, match=rf"of docs were made .* 'd'.* 'e' .*{told}"):
        require_contract(BOTH, FINGERPRINT, None, used, where="docs")


def test_the_same_dense_model_from_elsewhere_is_the_same() -> None:
    # cos((.6, .8, 0), (.61, .79, .01)) = (.366 + .632) / (1 * .99815) = 0.99985
    used = DENSE.model_copy(update={"model": "e", "probe": (0.61, 0.79, 0.01)})
    require_contract(BOTH, FINGERPRINT, None, used, where="docs")


def test_dense_models_are_compared_only_where_both_sides_have_one() -> None:
    require_contract(BOTH, FINGERPRINT, None, None, where="docs")
    require_contract(CONTRACT, FINGERPRINT, None, DENSE, where="docs")


def test_the_dense_layout_counts_only_where_there_are_dense_vectors() -> None:
    asked = CollectionSettings(dense=DenseSettings(distance="dot"))
    with pytest.raises(CollectionMismatchError, match=r"dense .*'cosine'.* != .*'dot'"):
        require_contract(BOTH, FINGERPRINT, asked, DENSE, where="docs")


def test_dense_storage_is_passed_on() -> None:
    settings = CollectionSettings(
        dense=DenseSettings(name="x", distance="dot", datatype="float16", on_disk=True)
    )
    contract = CollectionContract.make(FINGERPRINT, settings, DENSE)
    assert dense_params(contract) == {
        "x": models.VectorParams(
            size=3, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16, on_disk=True
        )
    }
    assert dense_params(CONTRACT) == {}


def test_vectors_need_names_of_their_own() -> None:
    with pytest.raises(ConfigError, match="expected distinct names"):
        CollectionSettings(sparse_vector="dense")
    with pytest.raises(ConfigError, match="expected distinct names"):
        CollectionSettings(pruned=PrunedSettings(name="splade"))


@pytest.mark.parametrize("idf", [False, True])
def test_the_idf_modifier_is_on_only_where_the_encoder_asks_for_it(idf: bool) -> None:
    contract = CollectionContract(fingerprint=FINGERPRINT.model_copy(update={"idf": idf}))
    assert sparse_params(contract)["splade"].modifier == (models.Modifier.IDF if idf else None)


def test_storage_is_passed_on() -> None:
    index = sparse_params(CONTRACT)["splade"].index
    assert index is not None
    assert (index.datatype, index.on_disk) == (models.Datatype.FLOAT16, False)
