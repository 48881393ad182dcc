"""Requests and responses of an encoding service, which both remote encoders share; no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import httpx

from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.encoders.remote_errors import raise_for_status
from splade_sdk.encoders.remote_wire import (
    ServiceInfo,
    embed_request,
    plan_requests,
    read_info,
    read_vectors,
    with_empty_rows,
)
from splade_sdk.encoders.term_tokenizer import TermTokenizer
from splade_sdk.errors import ConfigError, ModelError
from splade_sdk.types import SparseBatch

__all__ = ["ClientOptions", "Job", "RemoteModel", "RemoteService"]


class ClientOptions(TypedDict):
    """Arguments of httpx.Client and httpx.AsyncClient."""

    base_url: httpx.URL
    headers: dict[str, str]
    auth: tuple[str, str] | None
    timeout: httpx.Timeout
    limits: httpx.Limits


@dataclass(frozen=True, slots=True)
class Job:
    """Texts to encode, cut into requests.

    Attributes:
        requests: Texts of each request; none is blank.
        kept: Position of each of these texts, ascending; the others are blank.
        rows: Number of texts, blank ones too.
        dimensions: Size of the sparse space.
        max_active_dims: Terms kept in each vector; None for all.
    """

    requests: list[list[str]]
    kept: list[int]
    rows: int
    dimensions: int
    max_active_dims: int | None

    def result(self, parts: list[SparseBatch]) -> SparseBatch:
        """Return the vectors of all texts, in order.

        Args:
            parts: The vectors of each request.
        """
        whole = SparseBatch.concat([SparseBatch.empty(self.dimensions), *parts])
        whole = with_empty_rows(whole, self.kept, self.rows)
        return whole if self.max_active_dims is None else whole.prune(self.max_active_dims)


class RemoteService:
    """The address of a service, its requests and its responses.

    Args:
        url: Such as ``http://localhost:8080``; may hold a path, and a user name and password.
        api_key: Sent as ``Authorization: Bearer``.
        truncate: Cut texts that are too long, instead of refusing them.
        prompt_names: Prompt of each side, for services that are not ours.
        batch_size: Texts of a request at most; None for what the service takes.
        max_connections: Requests under way at most.
        timeout_s: Seconds without a byte of the answer.
        connect_timeout_s: Seconds until the connection stands.

    Raises:
        ConfigError: if ``url`` is not an http(s) address, or a number is out of range.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None,
        truncate: bool,
        prompt_names: dict[SideName, str | None],
        batch_size: int | None,
        max_connections: int,
        timeout_s: float,
        connect_timeout_s: float,
    ) -> None:
        self._url = _require_url(url)
        self.shown_url = str(self._url.copy_with(userinfo=b""))
        self.where = f"encoding service at {self.shown_url}"
        if api_key is not None and self._url.userinfo:
            raise ConfigError("api_key and a user name in the url exclude each other: give one")
        _require_header(api_key)
        _require_positive("batch_size", batch_size)
        _require_positive("max_connections", max_connections)
        for name, seconds in (("timeout_s", timeout_s), ("connect_timeout_s", connect_timeout_s)):
            if not 0 < seconds < float("inf"):
                raise ConfigError(f"{name} is {seconds}: expected a finite number of seconds > 0")
        self._api_key = api_key
        self._truncate = truncate
        self._prompt_names = prompt_names
        self._batch_size = batch_size
        self.max_connections = max_connections
        self._timeout = httpx.Timeout(timeout_s, connect=connect_timeout_s, pool=None)

    def client_options(self) -> ClientOptions:
        """Return what to make httpx's client with; its log never shows a secret."""
        headers = {"Content-Type": "application/json"}
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {self._api_key}"
        url = self._url
        return {
            "base_url": url.copy_with(userinfo=b""),
            "headers": headers,
            "auth": (url.username, url.password) if url.userinfo else None,
            "timeout": self._timeout,
            "limits": httpx.Limits(
                max_connections=self.max_connections,
                max_keepalive_connections=self.max_connections,
            ),
        }

    def plan(self, texts: list[str], model: RemoteModel, options: EncodeOptions) -> Job:
        """Cut texts into requests.

        Args:
            texts: What to encode.
            model: Of the service.
            options: Its ``batch_size`` is the number of texts of a request at most; None for the
                encoder's setting.
        """
        most = model.info.max_client_batch_size
        wanted = options.batch_size or self._batch_size or most
        kept = [at for at, text in enumerate(texts) if text and not text.isspace()]
        requests = plan_requests([texts[at] for at in kept], min(wanted, most))
        return Job(list(requests), kept, len(texts), model.dimensions, options.max_active_dims)

    def body(self, texts: list[str], side: SideName, model: RemoteModel) -> bytes:
        """Return the body of ``POST /embed_sparse``."""
        prompt = side if model.info.splade_sdk is not None else self._prompt_names[side]
        return embed_request(texts, prompt_name=prompt, truncate=self._truncate)

    def settings(self, model: RemoteModel) -> str:
        """Return what the vectors of documents depend on beside the fingerprint."""
        if (ours := model.info.splade_sdk) is not None:
            return ours.document_settings
        document = self._prompt_names["document"]
        return f"{model.info.max_input_length} {self._truncate} {document}"

    def read(self, response: httpx.Response) -> bytes:
        """Return the body of an answer.

        Raises:
            EngineError: if the service failed or refused the request.
            ModelError: if its model failed.
        """
        raise_for_status(response, self.where, self._api_key)
        return response.content

    def vectors(self, body: bytes, rows: int, model: RemoteModel) -> SparseBatch:
        """Return what the answer of ``POST /embed_sparse`` for so many texts says."""
        return read_vectors(body, rows=rows, dimensions=model.dimensions, where=self.where)

    def info(self, body: bytes) -> ServiceInfo:
        """Return what the answer of ``GET /info`` says."""
        return read_info(body, self.where)


class RemoteModel:
    """The model of a service.

    Attributes:
        info: What the service says.
        dimensions: Size of the sparse space.

    Args:
        info: What the service says.
        dimensions: Size of the sparse space, as the user gave it.
        tokenizer: Of the model, as the user gave it.
        where: The service, for messages.

    Raises:
        ConfigError: if neither the service nor the user says how large the space is.
    """

    def __init__(
        self,
        info: ServiceInfo,
        *,
        dimensions: int | None,
        tokenizer: TermTokenizer | None,
        where: str,
    ) -> None:
        self.info = info
        self.tokenizer = tokenizer
        self._where = where
        if info.splade_sdk is not None:
            dimensions = info.splade_sdk.fingerprint.dimensions
        elif dimensions is None and tokenizer is not None:
            dimensions = len(tokenizer)
        if dimensions is None:
            raise ConfigError(
                f"{where} does not say how many dimensions its vectors have: pass dimensions=, or "
                "tokenizer= with the tokenizer.json of its model, which also names the terms"
            )
        self.dimensions = dimensions

    def require_tokenizer(self) -> None:
        """Check that the service gives its tokenizer.

        Raises:
            ModelError: if it does not.
        """
        if self.info.splade_sdk is None or not self.info.splade_sdk.has_tokenizer:
            raise ModelError(
                f"{self._where} does not name its terms: pass tokenizer= with the tokenizer.json "
                "of its model, or the folder it lies in"
            )


def _require_url(given: str) -> httpx.URL:
    try:
        url = httpx.URL(given)
    except (httpx.InvalidURL, TypeError) as error:
        raise ConfigError(f"the url is no address ({error}): expected http://host:port") from error
    if url.scheme not in ("http", "https") or not url.host:
        shown = str(url.copy_with(userinfo=b""))
        raise ConfigError(f"url is {shown!r}: expected an address such as 'http://localhost:8080'")
    return url


def _require_positive(name: str, given: int | None) -> None:
    if given is not None and given < 1:
        raise ConfigError(f"{name} is {given}: expected at least 1")


def _require_header(api_key: str | None) -> None:
    """Refuse what a header cannot hold, before a library shows it in a message."""
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key):
        raise ConfigError(
            "api_key is empty, or holds a line break or other than ASCII: check how it is read"
        )
