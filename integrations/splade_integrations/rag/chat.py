"""Types of a chat model: a function from messages to a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from typing_extensions import TypedDict

__all__ = ["Chat", "Message"]


class Message(TypedDict):
    """One message, as the OpenAI chat protocol writes it."""

    role: Literal["system", "user", "assistant"]
    content: str


Chat: TypeAlias = Callable[[list[Message]], str]
"""Any chat model: takes the messages so far, returns the next one's text."""
