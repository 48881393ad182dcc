"""Tiny tokenizers and masked language models with random weights, made in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    AlbertConfig,
    AutoModelForMaskedLM,
    BertConfig,
    BertTokenizer,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
)

TEXTS = [
    "what is a sparse vector?",
    "a sparse vector stores only the terms that are not zero",
    "heart",
    "the symptoms of a heart attack include chest pain, shortness of breath and nausea",
    "Cafés in Zürich serve naïve crème brûlée, 東京 ramen and 🙂 emoji",
    "inverted indexes keep, for each term, the documents that contain it; " * 3,
    "x",
    "Unbelievably, uncharacteristically long compound words are split into pieces!",
]
VOCABULARY = 331
WIDTH = 32
POSITIONS = 64


@cache
def _wordpieces() -> dict[str, int]:
    """Trained once: the trainer breaks ties differently each time."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    vocabulary = tokenizer.get_vocab()
    for at in range(len(vocabulary), VOCABULARY):
        vocabulary[f"filler{at}"] = at
    return vocabulary


def wordpiece() -> PreTrainedTokenizerFast:
    """Like BERT's: lower-cased WordPiece with [CLS] and [SEP]."""
    return BertTokenizer(vocab=_wordpieces(), model_max_length=POSITIONS)


def byte_bpe(positions: int = POSITIONS) -> PreTrainedTokenizerFast:
    """Like RoBERTa's: byte-level BPE with <s> and </s>."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=positions,
    )


_SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "initializer_range": 0.3,
}
_BERT_LIKE = {**_SIZES, "max_position_embeddings": POSITIONS}
# These two count positions from the padding id + 1.
_ROBERTA_LIKE = {
    **_SIZES,
    "max_position_embeddings": POSITIONS + 2,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}

CONFIGS: dict[str, Callable[[], PreTrainedConfig]] = {
    "bert": lambda: BertConfig(**_BERT_LIKE),
    "bert-untied": lambda: BertConfig(**_BERT_LIKE, tie_word_embeddings=False),
    "distilbert": lambda: DistilBertConfig(
        vocab_size=VOCABULARY,
        dim=WIDTH,
        n_layers=2,
        n_heads=4,
        hidden_dim=64,
        max_position_embeddings=POSITIONS,
        initializer_range=0.3,
    ),
    "roberta": lambda: RobertaConfig(**_ROBERTA_LIKE),
    "xlm-roberta": lambda: XLMRobertaConfig(**_ROBERTA_LIKE),
    "electra": lambda: ElectraConfig(**_BERT_LIKE, embedding_size=16),
    "albert": lambda: AlbertConfig(**_BERT_LIKE, embedding_size=16),
    "mpnet": lambda: MPNetConfig(**_ROBERTA_LIKE),
    "modernbert": lambda: ModernBertConfig(
        **_BERT_LIKE, pad_token_id=0, cls_token_id=2, sep_token_id=3, initializer_cutoff_factor=2.0
    ),
    "deberta-v2": lambda: DebertaV2Config(
        **_BERT_LIKE, relative_attention=True, pos_att_type=["c2p", "p2c"], type_vocab_size=0
    ),
}
BYTE_LEVEL = {"roberta", "xlm-roberta", "mpnet"}


def save_masked_lm(architecture: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a random masked LM and a tokenizer that fits it; about half the terms are active."""
    torch.manual_seed(seed)
    model = AutoModelForMaskedLM.from_config(CONFIGS[architecture]())
    with torch.no_grad():
        bias = model.get_output_embeddings().bias
        if bias is not None:
            bias.normal_(0, 1)
    model.save_pretrained(folder)
    (byte_bpe() if architecture in BYTE_LEVEL else wordpiece()).save_pretrained(folder)
    return folder


def textbook(
    logits: torch.Tensor,
    mask: torch.Tensor,
    *,
    pooling: str = "max",
    activation: str = "log1p_relu",
) -> torch.Tensor:
    """w = max (or sum) over the real tokens of log(1 + relu(logit)). Shape: (batch, vocabulary)."""
    weights = torch.log1p(torch.relu(logits))
    if activation == "log1p_log1p_relu":
        weights = torch.log1p(weights)
    weights = weights * mask[:, :, None]
    return weights.amax(dim=1) if pooling == "max" else weights.sum(dim=1)


def textbook_vectors(folder: Path, texts: list[str], max_length: int = POSITIONS) -> torch.Tensor:
    """The textbook's SPLADE-max vectors of texts, by transformers alone."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    batch = tokenizer(
        texts, padding=True, truncation=True, max_length=max_length, return_tensors="pt"
    )
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        return textbook(model(**inputs).logits, inputs["attention_mask"])
