"""A masked language model, cut open just before its output embeddings.

Works through the model's own ``get_output_embeddings()``, so that any architecture's head
(BERT, DistilBERT, RoBERTa, ELECTRA, ModernBERT, ...) keeps its own transform, whatever its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from splade_sdk.errors import ModelFormatError, ModelNotFoundError, UnsafeModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["MaskedLM", "load_masked_lm", "quiet_transformers"]


class MaskedLM(nn.Module):
    """A masked language model that stops at the inputs of its output embeddings.

    Attributes:
        model: The transformers model; its ``forward`` now ends before the vocabulary.

    Args:
        model: A model with ``get_output_embeddings()``.

    Raises:
        ModelFormatError: if the model's logits are not a linear map of one hidden state.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        decoder = model.get_output_embeddings()
        if not isinstance(decoder, nn.Linear):
            raise ModelFormatError(
                f"{type(model).__name__} has no linear output embeddings (got "
                f"{type(decoder).__name__}): expected a masked language model such as "
                "BertForMaskedLM"
            )
        self.model = model
        # Not registered again: it is part of the model already, often tied to its input side.
        self._decoder = [decoder]
        probe = torch.tensor([[0, 1, 2]], device=decoder.weight.device)
        with torch.no_grad():
            training = model.training
            model.eval()
            expected = model(input_ids=probe).logits
            decoder.forward = _identity  # type: ignore[assignment, method-assign]
            ours = nn.functional.linear(model(input_ids=probe).logits, self.weight, self.bias)
            model.train(training)
        if ours.shape != expected.shape or not torch.allclose(ours, expected, atol=1e-3):
            del decoder.forward
            raise ModelFormatError(
                f"the head of {type(model).__name__} does more than a linear map after its "
                "transform, which the fused head cannot reproduce"
            )

    @property
    def weight(self) -> Tensor:
        """Output embeddings. Shape: ``(vocabulary, width)``."""
        return self._decoder[0].weight

    @property
    def bias(self) -> Tensor | None:
        """Shape: ``(vocabulary,)``."""
        return self._decoder[0].bias

    @property
    def hidden_size(self) -> int:
        """Width of the last hidden states, which the head starts from."""
        return int(self.model.config.hidden_size)

    @property
    def max_positions(self) -> int | None:
        """Tokens the position embeddings allow, or None if the model sets no limit."""
        config = self.model.config
        positions = getattr(config, "max_position_embeddings", None)
        if positions is None or positions <= 0:
            return None
        # RoBERTa counts positions from padding_idx + 1.
        embeddings = getattr(self.model.base_model, "embeddings", None)
        table = getattr(embeddings, "position_embeddings", None)
        offset = getattr(table, "padding_idx", None)
        return int(positions) - (offset + 1 if offset is not None else 0)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return what the output embeddings would be applied to.

        Args:
            input_ids: Shape: ``(batch, longest)``.
            attention_mask: 1 for real tokens, 0 for padding; None where there is no padding.
                Shape: ``(batch, longest)``.

        Returns:
            Shape: ``(batch, longest, width)``.
        """
        hidden: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return hidden

    def forward_with_states(
        self, input_ids: Tensor, attention_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return what ``forward`` does, and the last hidden states, which the head starts from.

        Args:
            input_ids: Shape: ``(batch, longest)``.
            attention_mask: As in ``forward``.

        Returns:
            Both of shape: ``(batch, longest, width)``.
        """
        output = self.model(
            input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True
        )
        return output.logits, output.hidden_states[-1]

    def save_pretrained(self, folder: Path) -> None:
        """Write the whole model, its vocabulary part included, as transformers does."""
        with quiet_transformers():
            self.model.save_pretrained(folder)


def load_masked_lm(
    folder: Path,
    *,
    dtype: torch.dtype,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> MaskedLM:
    """Load a masked language model from a folder.

    Args:
        folder: Has ``config.json`` and the weights.
        dtype: Floating-point type of the weights in memory.
        trust_remote_code: Run code that comes with the model.
        allow_pickle: Accept weights in pickled files, which can run code when loaded.

    Raises:
        ModelNotFoundError: if there is no ``config.json``.
        ModelFormatError: if the model is no masked language model or its head is missing.
        UnsafeModelError: if it needs what is not allowed.
    """
    from transformers import AutoConfig, AutoModelForMaskedLM

    if not (folder / "config.json").is_file():
        raise ModelNotFoundError(
            f"no config.json in {folder}: expected the folder of a masked language model"
        )
    if not allow_pickle and not any(folder.glob("*.safetensors")):
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        if pickled:
            raise UnsafeModelError(
                f"{folder} has weights only in pickled files ({', '.join(pickled)}), which can run "
                "code when loaded; convert them to safetensors, or pass allow_pickle=True if you "
                "trust their source"
            )
        raise ModelNotFoundError(f"no *.safetensors weights in {folder}")
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        with quiet_transformers():
            model, info = AutoModelForMaskedLM.from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                trust_remote_code=trust_remote_code,
                use_safetensors=None if allow_pickle else True,
                output_loading_info=True,
            )
    except Exception as error:
        # Damaged files fail as OSError, SafetensorError, RuntimeError, ... in the libraries below.
        if "trust_remote_code" in str(error):
            raise UnsafeModelError(
                f"{folder} needs code of its own to run; pass trust_remote_code=True if you trust "
                "its source"
            ) from error
        raise ModelFormatError(
            f"{folder} cannot be loaded as a masked language model: {error}"
        ) from error
    _require_head(folder, info)
    return MaskedLM(model)


def _require_head(folder: Path, info: dict[str, Any]) -> None:
    missing = sorted(str(key) for key in info.get("missing_keys", ()))
    if missing:
        raise ModelFormatError(
            f"{folder} has no masked-LM head (missing {', '.join(missing[:4])}"
            f"{', ...' if len(missing) > 4 else ''}): SPLADE needs one; use a checkpoint saved "
            "from a ForMaskedLM class, or train one from this model"
        )


def _identity(hidden: Tensor) -> Tensor:
    return hidden


class quiet_transformers:  # noqa: N801 - used as a function
    """Silence transformers' loading bar and report: what matters arrives as an error of ours."""

    def __enter__(self) -> None:
        from transformers.utils import logging

        self._verbosity = logging.get_verbosity()
        self._bar = logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        from transformers.utils import logging

        logging.set_verbosity(self._verbosity)
        if self._bar:
            logging.enable_progress_bar()
