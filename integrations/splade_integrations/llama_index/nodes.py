"""LlamaIndex's nodes <-> our documents; pure."""

from __future__ import annotations

from llama_index.core.schema import BaseNode, MetadataMode, TextNode
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from splade_sdk.types import Document, Hit

__all__ = ["REF_DOC_ID", "from_node", "to_node"]

REF_DOC_ID = "ref_doc_id"
"""Field of the metadata that holds the id of the document a node was cut from."""

_CONTENT = "_node_content"


def from_node(node: BaseNode) -> Document:
    """Return what is stored of a node: all of it, so that relationships come back.

    What is encoded is the node's content as LlamaIndex embeds it, with the metadata that is not
    excluded. The metadata can be filtered by.
    """
    return Document(
        node.node_id,
        node.get_content(metadata_mode=MetadataMode.EMBED),
        node_to_metadata_dict(node, remove_text=False),
    )


def to_node(found: Document | Hit) -> BaseNode:
    """Return the node of a stored document, also of one that was not stored from a node."""
    if _CONTENT in found.metadata:
        return metadata_dict_to_node(dict(found.metadata))
    return TextNode(id_=found.id, text=found.text, metadata=dict(found.metadata))
