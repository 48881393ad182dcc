"""qdrant-client with every call that may be repeated tried again, and every error ours."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from qdrant_client import QdrantClient

from splade_sdk.qdrant.errors import engine_errors
from splade_sdk.retry import RetryPolicy

__all__ = ["IDEMPOTENT", "retrying_client"]

IDEMPOTENT = frozenset(
    {
        "batch_update_points",
        "clear_payload",
        "collection_exists",
        "count",
        "create_collection",  # the second time is refused as "already exists"
        "create_payload_index",
        "delete",
        "delete_payload",
        "delete_payload_index",
        "delete_vectors",
        "facet",
        "get_collection",
        "get_collections",
        "info",
        "overwrite_payload",
        "query_batch_points",
        "query_points",
        "query_points_groups",
        "retrieve",
        "scroll",
        "set_payload",
        "update_collection",
        "update_vectors",
        "upsert",
    }
)
"""Methods that do no more when they are carried out twice (points have explicit ids)."""


def retrying_client(
    client: QdrantClient, policy: RetryPolicy, doing: str, secret: str | None = None
) -> QdrantClient:
    """Return a client whose idempotent methods are tried again under the policy.

    Each request is tried for itself: those that succeeded before it are not sent again.

    Args:
        client: What to call.
        policy: Decides what is tried again.
        doing: What is tried, and where; begins every message.
        secret: An API key, which is blotted out should a message repeat it.
    """
    return cast(QdrantClient, _RetryingClient(client, policy, doing, secret))


class _RetryingClient:
    def __init__(
        self, client: QdrantClient, policy: RetryPolicy, doing: str, secret: str | None
    ) -> None:
        self._client = client
        self._policy = policy
        self._doing = doing
        self._secret = secret

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name not in IDEMPOTENT:
            return method

        def again(*args: Any, **kwargs: Any) -> Any:
            return self._policy(partial(self._once, method, *args, **kwargs))

        return again

    def _once(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with engine_errors(self._doing, self._secret):
            return method(*args, **kwargs)
