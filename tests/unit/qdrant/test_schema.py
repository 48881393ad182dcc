from __future__ import annotations

import pytest
from qdrant_client import models

from splade_sdk.config import CollectionSettings, Fingerprint
from splade_sdk.errors import CollectionMismatchError, IndexDamagedError
from splade_sdk.qdrant.schema import CollectionContract, require_contract, sparse_params

FINGERPRINT = Fingerprint(
    kind="splade", model="m", revision="r", vocabulary_sha256="v", dimensions=100
)
CONTRACT = CollectionContract(
    fingerprint=FINGERPRINT,
    settings=CollectionSettings(indexed_fields={"year": "integer"}, datatype="float16"),
)


def test_a_contract_comes_back() -> None:
    assert CollectionContract.from_json(CONTRACT.model_dump_json(), where="it") == CONTRACT


def test_a_newer_format_is_refused() -> None:
    newer = CONTRACT.model_dump_json().replace('"format":1', '"format":2')
    with pytest.raises(CollectionMismatchError, match="docs has another format than version 1"):
        CollectionContract.from_json(newer, where="docs")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1, "fingerprint": 3}'])
def test_what_is_no_contract_is_damage(text: str) -> None:
    with pytest.raises(IndexDamagedError, match=r"contract of docs cannot be read .* backup"):
        CollectionContract.from_json(text, where="docs")


def test_settings_are_compared_where_they_are_given() -> None:
    require_contract(CONTRACT, FINGERPRINT, None, where="docs")
    require_contract(CONTRACT, FINGERPRINT, CollectionSettings(datatype="float16"), where="docs")
    with pytest.raises(CollectionMismatchError, match="datatype 'float16' != 'float32'"):
        require_contract(CONTRACT, FINGERPRINT, CollectionSettings(), where="docs")


def test_the_model_is_always_compared() -> None:
    other = FINGERPRINT.model_copy(update={"revision": "r2", "model": "n"})
    with pytest.raises(CollectionMismatchError, match=r"docs was made by the model 'm'.* 'n'"):
        require_contract(CONTRACT, other, None, where="docs")


@pytest.mark.parametrize("idf", [False, True])
def test_the_idf_modifier_is_on_only_where_the_encoder_asks_for_it(idf: bool) -> None:
    contract = CollectionContract(fingerprint=FINGERPRINT.model_copy(update={"idf": idf}))
    assert sparse_params(contract).modifier == (models.Modifier.IDF if idf else None)


def test_storage_is_passed_on() -> None:
    index = sparse_params(CONTRACT).index
    assert index is not None
    assert (index.datatype, index.on_disk) == (models.Datatype.FLOAT16, False)
