"""The limits of the service."""

from __future__ import annotations

from pydantic import Field, SecretStr

from splade_sdk.config import Settings

__all__ = ["ServiceSettings"]


class ServiceSettings(Settings):
    """What the service takes, and from whom.

    Names are text-embeddings-inference's, where it has one.

    Attributes:
        api_key: Key that clients must send; None lets everybody in. The page and ``/health`` are
            open in any case.
        max_client_batch_size: Texts of a request at most.
        max_text_characters: Characters of a text at most.
        max_body_bytes: Bytes of a request at most.
        read_timeout_s: Seconds in which the body of a request must have come.
        max_concurrent_requests: Requests at a time; more are told to come again later (429).
        max_waiting_texts: Texts that wait for the model at most; more are told to come again later.
        retry_after_s: Seconds after which they may.
        max_batch_texts: Texts, of any number of requests, encoded together at most. A request is
            never split.
        max_batch_characters: Characters encoded together at most; the encoder itself cuts a batch
            by tokens, so this bounds how long others wait, not memory.
        max_hits: Hits of a search at most.
    """

    api_key: SecretStr | None = Field(default=None, min_length=1)
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
