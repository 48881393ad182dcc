"""qdrant-client whose calls raise our errors, and are tried again where that does no harm."""

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
    client: QdrantClient, policy: RetryPolicy | None, doing: str, secret: str | None = None
) -> QdrantClient:
    """Return a client whose methods raise our errors; idempotent ones are retried.

    Each request is retried for itself: those that succeeded before it are not sent again.

    Args:
        client: What to call.
        policy: Decides what is retried; None for nothing.
        doing: What is tried, and where; begins every message.
        secret: An API key, which is blotted out should a message repeat it.
    """
    return cast(QdrantClient, _RetryingClient(client, policy, doing, secret))


class _RetryingClient:
    def __init__(
        self, client: QdrantClient, policy: RetryPolicy | None, doing: str, secret: str | None
    ) -> None:
        self._client = client
        self._policy = policy
        self._doing = doing
        self._secret = secret

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        once = partial(self._once, method)
        if self._policy is None or name not in IDEMPOTENT:
            return once
        return partial(self._again, self._policy, once)

    @staticmethod
    def _again(policy: RetryPolicy, once: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return policy(partial(once, *args, **kwargs))

    def _once(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with engine_errors(self._doing, self._secret):
            return method(*args, **kwargs)
