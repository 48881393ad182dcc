"""Answers from documents, with citations: cut, store, search, and ask any chat model.

Nothing to install beside splade-sdk, and nothing leaves the machine unless the chat model does.
"""

from splade_integrations.rag.answer import Answer, Citation
from splade_integrations.rag.chat import Chat, Message
from splade_integrations.rag.chunking import ChunkSettings
from splade_integrations.rag.context import ContextSettings
from splade_integrations.rag.openai_chat import OpenAiChat
from splade_integrations.rag.passage import INDEXED_FIELDS, Passage
from splade_integrations.rag.pipeline import RagPipeline
from splade_integrations.rag.quoting_chat import QuotingChat

__all__ = [
    "INDEXED_FIELDS",
    "Answer",
    "Chat",
    "ChunkSettings",
    "Citation",
    "ContextSettings",
    "Message",
    "OpenAiChat",
    "Passage",
    "QuotingChat",
    "RagPipeline",
]
