"""An encoder of two members is enough, and its methods show their options."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from splade_sdk import Bm25Encoder, Document, Retriever
from splade_sdk.config import Fingerprint
from splade_sdk.encoders.base import (
    BaseEncoder,
    EncodeKeywords,
    EncodeOptions,
    SideName,
    SparseEncoder,
    decode,
)
from splade_sdk.encoders.remote_async import AsyncRemoteEncoder
from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.types import SparseBatch, SparseVector


class Least:
    """The least that an encoder has to have: the length of a text is its only term."""

    fingerprint = Fingerprint(
        kind="other", model="least", revision="1", vocabulary_sha256="1", dimensions=100
    )

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        del side, options
        rows = [{len(text): 1.0} if text else {} for text in texts]
        return SparseBatch.from_vectors([SparseVector.from_dict(row, 100) for row in rows], 100)


class Old:
    """What the protocol of version 0.1 asked for."""

    fingerprint = Least.fingerprint

    def encode_document(self, texts: object) -> None: ...

    def encode_query(self, texts: object) -> None: ...


def test_two_members_are_enough() -> None:
    encoder: SparseEncoder = Least()
    assert isinstance(encoder, SparseEncoder)
    with Retriever(":memory:", encoder=encoder) as retriever:
        retriever.upsert([Document("three", "abc"), Document("four", "abcd")])
        (hit,) = retriever.search("xyz")
        assert hit.id == "three"
        assert [match.term for match in hit.explain().terms] == ["#3"]


def test_an_encoder_without_names_is_decoded_by_ids() -> None:
    vector = SparseVector.from_dict({3: 1.0, 5: 2.0}, 100)
    assert decode(Least(), vector) == [("#5", 2.0), ("#3", 1.0)]
    assert decode(Least(), vector, 1) == [("#5", 2.0)]


def test_the_former_protocol_is_refused_with_the_method_to_implement() -> None:
    old: object = Old()
    with pytest.raises(InvalidTypeError, match=r"implement encode_texts\(texts, \*, side, options"):
        Retriever(":memory:", encoder=old)  # type: ignore[arg-type]  # what is refused


def test_keywords_are_the_fields_of_the_options() -> None:
    named = {each.name for each in fields(EncodeOptions)} - {"advance"}
    assert EncodeKeywords.__annotations__.keys() == named


@pytest.mark.parametrize("encoder", [BaseEncoder, Bm25Encoder, AsyncRemoteEncoder])
@pytest.mark.parametrize("method", ["encode", "encode_document", "encode_query"])
def test_each_option_is_shown_with_its_default(encoder: type, method: str) -> None:
    shown = inspect.signature(getattr(encoder, method)).parameters
    for name in EncodeKeywords.__annotations__:
        assert shown[name].default is None
    assert "advance" not in shown
    assert "options" not in shown


def test_a_misspelt_option_names_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"encode_query\(\) got .* 'batchsize'.*'batch_size'"):
        Bm25Encoder().encode_query("heart", batchsize=3)  # type: ignore[call-overload]  # refused


def test_an_encoder_without_a_dense_head_says_so() -> None:
    with pytest.raises(ConfigError, match="no dense head"):
        Bm25Encoder().encode("heart", dense=True)
