"""How a document lies in a point's payload: ``{"doc_id", "text", "metadata"}``; pure.

An ingest adds ``content_hash`` (see ``content_hash.py``); documents and hits do not show it. Values
are those of JSON, the same for what is stored and what is filtered by.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np

from splade_sdk.errors import InvalidDocumentError, InvalidInputError
from splade_sdk.qdrant.base import PayloadFields
from splade_sdk.qdrant.content_hash import ContentHasher
from splade_sdk.types import Document
from splade_sdk.types.arguments import lone_surrogate

if TYPE_CHECKING:
    from qdrant_client import models

__all__ = [
    "CONTENT_HASH",
    "DOCUMENT_ID",
    "EXACT",
    "document_id",
    "document_ids",
    "document_parts",
    "fits_64_bits",
    "from_payload",
    "has_content_hash",
    "included",
    "iso_datetime",
    "metadata_path",
    "payload_path",
    "plain",
    "to_payload",
    "values_at",
]

CONTENT_HASH = "content_hash"
"""Field of the payload that holds the hash of the document."""

DOCUMENT_ID = "doc_id"
"""Field of the payload that holds the document's id."""

EXACT = 2**53
"""Whole numbers up to this size are exact as floats, and ranges compare floats."""

_ID, _TEXT, _METADATA = DOCUMENT_ID, "text", "metadata"
_MAX_DEPTH = 64
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_-]+(\[\d*\])*")
_SEGMENT = r'([A-Za-z0-9_-]+|"[^"]+")(\[\d*\])*'
_QUOTED_PATH = re.compile(rf"{_SEGMENT}(\.{_SEGMENT})*")

_STEP = re.compile(r'"([^"]+)"|([^."\[\]]+)|\[(\d*)\]')


def to_payload(document: Document, hasher: ContentHasher | None = None) -> dict[str, Any]:
    """Return what is stored of a document beside its vector.

    Dates become ISO 8601 strings, tuples become lists, numpy scalars become plain numbers, and a
    whole float becomes an int: JSON knows one kind of number, but filters tell 2024.0 from 2024.

    Args:
        document: The document.
        hasher: Makes the content hash; None leaves it out.

    Raises:
        InvalidDocumentError: if the metadata holds what JSON cannot; the message names the key.
    """
    metadata = _mapping(document.metadata, document.id, ()) if document.metadata else {}
    payload: dict[str, Any] = {_ID: document.id, _TEXT: document.text, _METADATA: metadata}
    if hasher is not None:
        payload[CONTENT_HASH] = hasher(document.text, metadata, document.vector, document.dense)
    return payload


def from_payload(payload: Mapping[str, Any]) -> Document:
    """Return the document that a payload holds.

    Args:
        payload: What is stored beside the vectors.

    Raises:
        InvalidDocumentError: if the point was not written by this package.
    """
    [parts] = document_parts([payload])
    return Document(*parts)


def document_parts(
    payloads: Sequence[Mapping[str, Any]], *, partial: bool = False
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return id, text and metadata of the document that each payload holds.

    Args:
        payloads: What is stored beside the vectors.
        partial: Whether only parts of it were read: what is missing is then left empty.

    Raises:
        InvalidDocumentError: if a point was not written by this package.
    """
    try:
        if partial:
            return [(each[_ID], each.get(_TEXT, ""), each.get(_METADATA, {})) for each in payloads]
        return [(each[_ID], each[_TEXT], each[_METADATA]) for each in payloads]
    except KeyError as error:
        lacking = next(sorted(each) for each in payloads if error.args[0] not in each)
        raise InvalidDocumentError(
            f"a stored point has no {error} in its payload (it has {lacking}): it was not "
            "written by this package; delete it, or keep such points in a collection of their own"
        ) from error


def document_ids(payloads: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the id of the document that each payload holds; ``""`` of a foreign point."""
    return [str(each.get(_ID, "")) for each in payloads]


def has_content_hash(hashes: Sequence[str]) -> models.Filter:
    """Return the filter of points that have one of some content hashes."""
    from qdrant_client import models

    matches = models.MatchAny(any=list(hashes))
    return models.Filter(must=[models.FieldCondition(key=CONTENT_HASH, match=matches)])


def document_id(payload: Mapping[str, Any]) -> str:
    """Return the id of the document that a payload holds; ``""`` of a foreign point."""
    return str(payload.get(_ID, ""))


def included(fields: PayloadFields) -> bool | list[str]:
    """Return which fields to request of an engine; of a payload in parts, the document's id too."""
    return fields if isinstance(fields, bool) else [_ID, *fields]


def payload_path(name: str) -> str:
    """Return the payload path of ``text``, or of a metadata field as in ``metadata_path``."""
    return _TEXT if name == _TEXT else metadata_path(name)


def metadata_path(key: str) -> str:
    """Return the payload path of a metadata field.

    Args:
        key: Name of the field; dots lead into nested objects, as in ``author.name``; a part in
            double quotes is taken as it is, as in ``"a.b".c``.

    Raises:
        InvalidInputError: if the key is no such path.
    """
    if '"' in key:
        if not _QUOTED_PATH.fullmatch(key):
            raise InvalidInputError(
                f"field {key!r}: double quotes enclose whole parts of a path, as in "
                '\'"a.b"."two words"\'; a name that has a quote in it can be stored, but not '
                "filtered by"
            )
        return f"{_METADATA}.{key}"
    if not all(key.split(".")):
        raise InvalidInputError(
            f"field {key!r} has an empty part: dots lead into nested objects, as in 'author.name'; "
            "a name that has dots in it goes in double quotes, as in '\"a.b\"'"
        )
    parts = (part if _PLAIN_SEGMENT.fullmatch(part) else f'"{part}"' for part in key.split("."))
    return ".".join([_METADATA, *parts])


def values_at(payload: Mapping[str, Any], path: str) -> list[Any]:
    """Return the values at a payload path, those of a list one by one, as Qdrant's filters do.

    Args:
        payload: What is stored beside the vectors.
        path: As ``metadata_path`` returns it: keys, quoted keys, ``[]`` and ``[0]``.
    """
    found: list[Any] = [payload]
    for quoted, plain_key, index in _STEP.findall(path):
        if quoted or plain_key:
            key = quoted or plain_key
            found = [each[key] for each in found if isinstance(each, Mapping) and key in each]
            continue
        lists = (each for each in found if isinstance(each, list))
        if index:
            found = [each[int(index)] for each in lists if int(index) < len(each)]
        else:
            found = [item for each in lists for item in each]
    return [item for each in found for item in (each if isinstance(each, list) else [each])]


def _mapping(given: Mapping[Any, Any], document: str, path: tuple[str, ...]) -> dict[str, Any]:
    made = {}
    for key, value in given.items():
        if not isinstance(key, str):
            raise _refused(document, path, f"has the key {key!r}: expected strings as keys")
        _check_text(key, document, (*path, repr(key)))
        kind = type(value)
        if kind is int or kind is str or kind is float:
            made[key] = _scalar(value, document, (*path, key))
        else:
            made[key] = _value(value, document, (*path, key))
    return made


def _value(value: Any, document: str, path: tuple[str, ...]) -> Any:
    if len(path) > _MAX_DEPTH:
        raise _refused(document, path[:3], f"is nested deeper than {_MAX_DEPTH} levels")
    if value is None or isinstance(value, bool):
        return value
    value = plain(value)
    if isinstance(value, int | float | str):
        return _scalar(value, document, path)
    if isinstance(value, date):
        return iso_datetime(value)
    if isinstance(value, Mapping):
        return _mapping(value, document, path)
    if isinstance(value, list | tuple):
        return [_value(each, document, (*path, str(at))) for at, each in enumerate(value)]
    raise _refused(
        document,
        path,
        f"is of type {type(value).__name__}: expected None, bool, int, float, str, date, or a "
        "list or dict of those",
    )


def _scalar(value: int | float | str, document: str, path: tuple[str, ...]) -> int | float | str:
    if isinstance(value, str):
        _check_text(value, document, path)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _refused(document, path, f"is {value}: JSON has no such number; use None")
        whole: int | float = plain(value)
        return whole
    elif not fits_64_bits(value):
        raise _refused(document, path, f"is {value}: it does not fit in 64 bits; use a string")
    return value


def _check_text(text: str, document: str, path: tuple[str, ...]) -> None:
    if lone_surrogate(text) is not None:
        raise _refused(document, path, "has a lone surrogate: it is not valid Unicode")


def _refused(document: str, path: tuple[str, ...], what: str) -> InvalidDocumentError:
    return InvalidDocumentError(f"metadata {'.'.join(path)!r} of document {document!r} {what}")


def fits_64_bits(value: int) -> bool:
    """Return whether Qdrant can hold a whole number."""
    return -(2**63) <= value < 2**63


def plain(value: Any) -> Any:
    """Return a value without numpy's types, and a whole float as an int; others as they are.

    JSON knows one kind of number, but Qdrant tells 2024.0 from 2024 in a match: both are 2024
    here. Times of numpy become datetimes, to the microsecond, which is as much as Qdrant compares;
    what is not a time (NaT) becomes NaN.
    """
    if isinstance(value, np.datetime64):
        return _moment(value)
    if isinstance(value, np.generic) and not isinstance(value, np.timedelta64):
        value = value.item()
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        return int(value)
    if isinstance(value, date) and value != value:
        return math.nan  # pandas' NaT
    return value


def _moment(value: np.datetime64) -> Any:
    if np.isnat(value):
        return math.nan
    days = np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D")
    moment = value.astype("datetime64[D]" if days else "datetime64[us]").item()
    return moment if isinstance(moment, date) else value  # datetime ends with the year 9999


def iso_datetime(value: date) -> str:
    """Return a date as an ISO 8601 string; one without a time zone is taken as UTC."""
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    return value.isoformat()
