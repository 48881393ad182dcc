"""OpenAiChat: chat models behind the OpenAI chat protocol, local or hosted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from splade_integrations.rag.chat import Message
from splade_integrations.rag.chat_errors import raise_for_status, transport_errors
from splade_sdk.errors import EngineError
from splade_sdk.retry import DEFAULT_RETRY, RetryPolicy, RetrySettings
from splade_sdk.types.arguments import without_credentials

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["OpenAiChat"]


class OpenAiChat:
    """Calls a chat model by ``POST {base_url}/chat/completions``.

    vLLM, Ollama, llama.cpp and most hosted services speak this protocol. It may be used from
    several threads.

    Args:
        base_url: Such as ``http://localhost:11434/v1``.
        model: Name of the model.
        api_key: Key of the service.
        temperature: 0 for the likeliest answer; None for the service's default.
        max_tokens: Longest answer, in tokens; None for the service's default.
        timeout_s: Seconds to wait for an answer.
        retry: Retries of failed requests; None for no retries.
        transport: Transport of httpx, for proxies and Unix sockets.

    Example:
        >>> chat = OpenAiChat("http://localhost:11434/v1", "llama3.2")  # doctest: +SKIP
        >>> chat([{"role": "user", "content": "What is a sparse vector?"}])
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        temperature: float | None = 0.0,
        max_tokens: int | None = None,
        timeout_s: float = 60.0,
        retry: RetrySettings | None = DEFAULT_RETRY,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._shown = without_credentials(base_url)
        self._where = f"the chat model {model!r} at {self._shown}"
        self._api_key = api_key
        options = {"temperature": temperature, "max_tokens": max_tokens}
        self._options: dict[str, Any] = {
            "model": model,
            **{name: value for name, value in options.items() if value is not None},
        }
        self._retry = RetryPolicy(retry if retry is not None else RetrySettings(attempts=1))
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=timeout_s,
            transport=transport,
        )

    def __call__(self, messages: list[Message]) -> str:
        """Return the text of the model's answer.

        Raises:
            EngineError: if the service cannot be reached, refuses the request or fails, or the
                model answers without a text.
        """
        return self._retry(lambda: self._post(messages))

    def close(self) -> None:
        """Close the connections; doing it twice is harmless."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"OpenAiChat({self._shown!r}, {self._options['model']!r})"

    def _post(self, messages: list[Message]) -> str:
        with transport_errors(self._where):
            response = self._client.post(self._url, json={**self._options, "messages": messages})
        raise_for_status(response, self._where, self._api_key)
        return self._text(response)

    def _text(self, response: httpx.Response) -> str:
        try:
            choice = response.json()["choices"][0]
            text = choice["message"]["content"]
        except (ValueError, LookupError, TypeError) as error:
            raise EngineError(
                f"{self._where} sent {response.text[:200]!r}: expected a chat completion; does "
                "base_url end in /v1?"
            ) from error
        if not isinstance(text, str):
            raise EngineError(
                f"{self._where} answered without a text (finish_reason "
                f"{choice.get('finish_reason')!r}): raise max_tokens, or ask another model"
            )
        return text
