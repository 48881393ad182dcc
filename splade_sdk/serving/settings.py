"""The limits of the service."""

from __future__ import annotations

from pydantic import Field, SecretStr

from splade_sdk.config import Settings

__all__ = ["ServiceSettings"]


class ServiceSettings(Settings):
    """Limits of the service, and who may use it.

    Names are text-embeddings-inference's, where it has one.

    Attributes:
        api_key: Key that clients must send; None lets everybody in. The page and ``/health`` are
            open in any case.
        allowed_hosts: Names under which the service may be addressed (the ``Host`` header, without
            port), besides ``localhost`` and any IP address; ``"*"`` for every name. Others are
            answered 421, so that a web page cannot reach a service without a key by DNS rebinding.
            None allows no more names, or every name where ``api_key`` is set.
        max_client_batch_size: Largest number of texts in a request.
        max_text_characters: Largest number of characters in a text.
        max_body_bytes: Largest request body, in bytes.
        read_timeout_s: Seconds within which the body of a request must arrive.
        max_concurrent_requests: Requests handled at a time; others are answered 429.
        max_waiting_texts: Texts that may wait for the model; requests beyond are answered 429.
        retry_after_s: Seconds after which clients that were answered 429 may try again.
        max_batch_texts: Largest number of texts, of any number of requests, encoded together. A
            request is never split.
        max_batch_characters: Largest number of characters encoded together. The encoder itself
            splits a batch by tokens, so this bounds the waiting time of others, not memory.
        max_hits: Largest ``limit`` of a search; a larger one is answered 413.
        max_depth: How far down its ranking a search may go: largest ``offset + limit``,
            ``prefetch_limit`` and number of candidates; beyond it, the answer is 422.
    """

    api_key: SecretStr | None = Field(default=None, min_length=1)
    allowed_hosts: tuple[str, ...] | None = None
    max_client_batch_size: int = Field(default=64, ge=1)
    max_text_characters: int = Field(default=200_000, ge=1)
    max_body_bytes: int = Field(default=2_000_000, ge=1)
    read_timeout_s: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    max_concurrent_requests: int = Field(default=512, ge=1)
    max_waiting_texts: int = Field(default=4096, ge=1)
    retry_after_s: int = Field(default=1, ge=1)
    max_batch_texts: int = Field(default=64, ge=1)
    max_batch_characters: int = Field(default=65_536, ge=1)
    max_hits: int = Field(default=100, ge=1)
    max_depth: int = Field(default=10_000, ge=1)
