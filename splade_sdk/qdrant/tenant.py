"""One tenant's part of a collection: a collection that has nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from qdrant_client import models

from splade_sdk.errors import ConfigError, InvalidInputError, InvalidTypeError
from splade_sdk.qdrant.base import (
    Collection,
    CollectionStatus,
    PayloadFields,
    Point,
    Record,
    ScoredPoint,
    SearchRequest,
)
from splade_sdk.qdrant.schema import CollectionContract

__all__ = ["TENANT", "TenantCollection", "require_tenant"]

TENANT = "tenant"
"""Field of the payload that holds the tenant."""

_VERSION_AND_VARIANT = 0xF << 76 | 0x3 << 62  # bits of a UUID that say what kind it is

Found = TypeVar("Found", Record, ScoredPoint)


def require_tenant(tenant: object) -> str | None:
    """Return the name of a tenant, or None.

    Raises:
        InvalidTypeError: if it is neither.
        InvalidInputError: if it is empty.
    """
    if tenant is not None and not isinstance(tenant, str):
        raise InvalidTypeError(f"tenant is {type(tenant).__name__}: expected a string or None")
    if tenant is not None and not tenant.strip():
        raise InvalidInputError("tenant is empty: expected a name, or None for no tenant")
    return tenant


class TenantCollection:
    """Shows of a collection what one tenant stored; see the protocol ``Collection``.

    Every read carries the tenant as a filter, or goes by ids that only this tenant has: the bits of
    a point's id are those of the document's id, exclusive-or a hash of the tenant. Callers see ids
    without that, so that two tenants may have documents of the same id.

    Args:
        collection: Closed with this object.
        tenant: Whose part it is.
    """

    def __init__(self, collection: Collection, tenant: str) -> None:
        self._collection = collection
        self._tenant = tenant
        digest = hashlib.sha256(b"tenant\0" + tenant.encode()).digest()[:16]
        self._mask = int.from_bytes(digest, "big") & ~_VERSION_AND_VARIANT
        condition = models.FieldCondition(key=TENANT, match=models.MatchValue(value=tenant))
        self._own = models.Filter(must=[condition])
        self._indexed = False

    @property
    def contract(self) -> CollectionContract:
        """What is kept with the whole collection."""
        return self._collection.contract

    def upsert(self, points: Sequence[Point]) -> None:
        """Store points of the tenant; the first time, see to the index of the field."""
        if not self._indexed:
            self._collection.create_payload_index(TENANT, "keyword", is_tenant=True)
            self._indexed = True
        self._collection.upsert([self._stored(point) for point in points])

    def search(self, request: SearchRequest) -> list[ScoredPoint]:
        """Return the tenant's best points."""
        return self.search_batch([request])[0]

    def search_batch(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        """Answer several searches among the tenant's points."""
        own = [replace(each, filter=self._only(each.filter)) for each in requests]
        return [list(map(self._shown, found)) for found in self._collection.search_batch(own)]

    def get(
        self,
        ids: Sequence[str],
        *,
        with_payload: PayloadFields = True,
        with_vectors: bool = False,
    ) -> list[Record]:
        """Return those of the tenant's points that exist among ``ids``."""
        records = self._collection.get(
            list(map(self._moved, ids)), with_payload=with_payload, with_vectors=with_vectors
        )
        return list(map(self._shown, records))

    def content_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the content hashes of the tenant's points, by id."""
        found = self._collection.content_hashes(list(map(self._moved, ids)))
        return {self._moved(each): has for each, has in found.items()}

    def delete(self, ids: Sequence[str] | models.Filter) -> None:
        """Delete points of the tenant."""
        if isinstance(ids, models.Filter):
            self._collection.delete(self._only(ids))
        else:
            self._collection.delete(list(map(self._moved, ids)))

    def count(self, filter: models.Filter | None = None) -> int:  # noqa: A002 - Qdrant's name
        """Count the tenant's points that meet the filter."""
        return self._collection.count(self._only(filter))

    def scroll(
        self,
        *,
        filter: models.Filter | None = None,  # noqa: A002 - Qdrant's name
        limit: int = 256,
        offset: str | None = None,
        with_payload: bool = True,
        with_vectors: bool = False,
    ) -> tuple[list[Record], str | None]:
        """Return a page of the tenant's points; their order is that of the engine's ids."""
        records, following = self._collection.scroll(
            filter=self._only(filter),
            limit=limit,
            offset=offset,
            with_payload=with_payload,
            with_vectors=with_vectors,
        )
        return list(map(self._shown, records)), following

    def update(self, points: Sequence[Point], *, content_hashes: Sequence[str]) -> None:
        """Store points in place of the tenant's that have one of the hashes still."""
        own = [self._stored(point) for point in points]
        self._collection.update(own, content_hashes=content_hashes)

    def keep_contract(self, contract: CollectionContract) -> None:
        """Refuse to change what belongs to all tenants.

        Raises:
            ConfigError: always.
        """
        del contract
        raise ConfigError(
            f"this retriever is that of the tenant {self._tenant!r}, and the collection is that of "
            "all: upgrade it with a retriever without tenant"
        )

    def create_payload_index(self, field: str, schema: str, *, is_tenant: bool = False) -> None:
        """Index a payload field of the whole collection."""
        self._collection.create_payload_index(field, schema, is_tenant=is_tenant)

    def bulk(self) -> AbstractContextManager[None]:
        """Return what lets the engine build indexes when it is left, for all tenants."""
        return self._collection.bulk()

    def optimize(self) -> None:
        """Rebuild what the engine can make faster or smaller, for all tenants."""
        self._collection.optimize()

    def status(self) -> CollectionStatus:
        """Return what the engine says of the whole collection; points are the tenant's."""
        return replace(self._collection.status(), points=self.count())

    def close(self) -> None:
        """Release the engine."""
        self._collection.close()

    def _only(self, given: models.Filter | None) -> models.Filter:
        return self._own if given is None else models.Filter(must=[self._own, self._inner(given)])

    def _inner(self, given: models.Filter) -> models.Filter:
        """Return a filter with the engine's ids in the place of ours."""

        def inner(conditions: Any) -> Any:
            if isinstance(conditions, list):
                return [inner(each) for each in conditions]
            if isinstance(conditions, models.Filter):
                return self._inner(conditions)
            if isinstance(conditions, models.HasIdCondition):
                return models.HasIdCondition(has_id=list(map(self._engine_id, conditions.has_id)))
            return conditions

        some = given.min_should
        return models.Filter(
            must=inner(given.must),
            should=inner(given.should),
            must_not=inner(given.must_not),
            min_should=some and some.model_copy(update={"conditions": inner(some.conditions)}),
        )

    def _moved(self, point: str) -> str:
        """Return the engine's id of a point for ours, and ours for the engine's."""
        return str(UUID(int=UUID(point).int ^ self._mask))

    def _engine_id(self, given: int | str | UUID) -> int | str | UUID:
        try:
            return self._moved(str(given))
        except ValueError:  # not a UUID: no point of ours has it, and the engine may refuse it
            return given

    def _stored(self, point: Point) -> Point:
        payload = {**point.payload, TENANT: self._tenant}
        return replace(point, id=self._moved(point.id), payload=payload)

    def _shown(self, found: Found) -> Found:
        payload = {name: value for name, value in found.payload.items() if name != TENANT}
        return replace(found, id=self._moved(found.id), payload=payload)
