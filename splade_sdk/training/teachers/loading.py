"""Loads a teacher's model from a name or a folder, safely."""

from __future__ import annotations

from typing import Any

from splade_sdk.errors import ModelFormatError, ModelNotFoundError

__all__ = ["load_pretrained"]


def load_pretrained(kind: Any, name: str) -> tuple[Any, Any]:
    """Return a model and its tokenizer; only safetensors are read, and no remote code is run.

    Args:
        kind: Auto class of transformers.
        name: Name or folder.

    Raises:
        ModelNotFoundError: if the files are not found.
        ModelFormatError: if they are not of this kind.
    """
    from transformers import AutoTokenizer

    try:
        model = kind.from_pretrained(name, use_safetensors=True, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except OSError as error:
        raise ModelNotFoundError(
            f"no teacher at {name!r}: expected the name or folder of a model with safetensors "
            f"weights ({error})"
        ) from error
    except (ValueError, KeyError) as error:
        raise ModelFormatError(
            f"the teacher {name!r} cannot be loaded: expected a model and tokenizer of "
            f"transformers ({error})"
        ) from error
    return model, tokenizer
