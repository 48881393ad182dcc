from math import log

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    BertTokenizerFast,
)

from splade_sdk.encoders.base import DenseEncoder
from splade_sdk.errors import ConfigError, InvalidDataError, ModelFormatError, ModelNotFoundError
from splade_sdk.training.data import Example
from splade_sdk.training.teachers import (
    BiEncoderTeacher,
    CrossEncoderTeacher,
    EnsembleTeacher,
    GivenTeacher,
    SparseTeacher,
    TransformerEmbedder,
)
from splade_sdk.training.teachers.cache import TextCache
from tests.unit.fakes import WordEncoder

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "e"]
QUERIES = ["a b", "c"]
DOCUMENTS = [["a", "b c d e", "d"], ["c c"]]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "vocab.txt"
    path.write_text("\n".join(WORDS))
    return BertTokenizerFast(vocab={word: at for at, word in enumerate(WORDS)})


def bert_config(**changes):
    return BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        **changes,
    )


def make(kind, **changes):
    torch.manual_seed(0)
    return kind(bert_config(**changes)).eval()


class Lookup:
    """A teacher with a score for each document."""

    def __init__(self, scores):
        self.scores = scores
        self.calls = []

    def score(self, queries, documents):
        self.calls.append(list(queries))
        return [
            np.array([self.scores[text] for text in texts], dtype=np.float32) for texts in documents
        ]


class TestGiven:
    def test_gives_back_what_the_data_says(self):
        teacher = GivenTeacher(
            [
                Example("q", ("a", "b"), (2.0, 1.0)),
                Example("r", ("a",), (7.0,)),
                Example("s", ("a",)),
            ]
        )

        scores = teacher.score(["r", "q"], [["a"], ["b", "a"]])

        assert [each.tolist() for each in scores] == [[7.0], [1.0, 2.0]]

    def test_names_a_pair_without_score(self):
        teacher = GivenTeacher([Example("q", ("a",), (2.0,))])

        with pytest.raises(InvalidDataError, match="the query 'q' and the document 'z'"):
            teacher.score(["q"], [["z"]])

    def test_refuses_data_without_scores(self):
        with pytest.raises(InvalidDataError, match="no example has scores"):
            GivenTeacher([Example("q", ("a",))])


class TestCrossEncoder:
    def test_scores_are_the_models_logits_one_pair_at_a_time(self, tokenizer):
        model = make(BertForSequenceClassification, num_labels=1)
        teacher = CrossEncoderTeacher(model, tokenizer, batch_size=2)

        scores = teacher.score(QUERIES, DOCUMENTS)

        for query, texts, given in zip(QUERIES, DOCUMENTS, scores, strict=True):
            for text, score in zip(texts, given, strict=True):
                with torch.no_grad():
                    expected = model(**tokenizer(query, text, return_tensors="pt")).logits.item()
                assert score == pytest.approx(expected, abs=1e-5)

    def test_two_labels_give_the_difference(self, tokenizer):
        model = make(BertForSequenceClassification, num_labels=2)

        score = CrossEncoderTeacher(model, tokenizer).score(["a"], [["b"]])[0].item()

        with torch.no_grad():
            logits = model(**tokenizer("a", "b", return_tensors="pt")).logits[0]
        assert score == pytest.approx((logits[1] - logits[0]).item(), abs=1e-6)

    def test_refuses_other_numbers_of_labels(self, tokenizer):
        with pytest.raises(ModelFormatError, match="3 labels: expected 1"):
            CrossEncoderTeacher(make(BertForSequenceClassification, num_labels=3), tokenizer)

    def test_loads_a_folder(self, tokenizer, tmp_path):
        model = make(BertForSequenceClassification, num_labels=1)
        model.save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)

        loaded = CrossEncoderTeacher.from_pretrained(str(tmp_path)).score(QUERIES, DOCUMENTS)

        expected = CrossEncoderTeacher(model, tokenizer).score(QUERIES, DOCUMENTS)
        assert [each.tolist() for each in loaded] == [
            pytest.approx(each.tolist(), abs=1e-6) for each in expected
        ]

    def test_names_a_folder_without_weights(self, tmp_path):
        bert_config().save_pretrained(tmp_path)

        with pytest.raises(ModelNotFoundError, match="no teacher at"):
            CrossEncoderTeacher.from_pretrained(str(tmp_path))

    def test_names_a_folder_without_a_model(self, tmp_path):
        with pytest.raises(ModelFormatError, match="cannot be loaded"):
            CrossEncoderTeacher.from_pretrained(str(tmp_path))


class TestBiEncoder:
    class Table:
        """Embeds the texts a, b and c."""

        def __init__(self):
            self.calls = []

        def encode(self, texts):
            self.calls.append(texts)
            table = {"a": [3.0, 4.0], "b": [1.0, 0.0], "c": [0.0, 2.0], "q: a": [0.0, 1.0]}
            return np.array([table[text] for text in texts])

    def test_cosine_and_inner_product(self):
        cosine = BiEncoderTeacher(self.Table()).score(["a"], [["b", "c"]])[0]
        dot = BiEncoderTeacher(self.Table(), similarity="dot").score(["a"], [["b", "c"]])[0]

        assert cosine.tolist() == pytest.approx([3 / 5, 4 / 5])
        assert dot.tolist() == [3.0, 8.0]

    def test_prefixes_are_put_before_the_texts(self):
        teacher = BiEncoderTeacher(self.Table(), query_prefix="q: ", similarity="dot")

        assert teacher.score(["a"], [["c"]])[0].tolist() == [2.0]

    def test_embeds_a_repeated_document_once(self):
        encoder = self.Table()
        teacher = BiEncoderTeacher(encoder)

        teacher.score(["a", "b"], [["b", "c"], ["c"]])
        teacher.score(["a"], [["c", "b"]])

        assert encoder.calls == [["a", "b"], ["b", "c"], ["a"]]

    def test_refuses_an_array_of_another_shape(self):
        class Wrong:
            def encode(self, texts):
                return np.zeros(3)

        with pytest.raises(ModelFormatError, match=r"shape \(3,\) for 1 texts"):
            BiEncoderTeacher(Wrong()).score(["a"], [["b"]])

    @pytest.mark.parametrize("pooling", ["mean", "cls"])
    def test_transformer_embeddings_do_not_depend_on_the_batch(self, tokenizer, pooling):
        model = make(BertModel)
        embedder = TransformerEmbedder(model, tokenizer, pooling=pooling, batch_size=2)
        texts = ["a", "b c d e", "d d"]

        embeddings = embedder.encode(texts)

        assert isinstance(embedder, DenseEncoder)
        for text, embedding in zip(texts, embeddings, strict=True):
            with torch.no_grad():
                hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
            expected = hidden.mean(dim=0) if pooling == "mean" else hidden[0]
            assert embedding.tolist() == pytest.approx(expected.tolist(), abs=1e-5)

    def test_loads_a_folder(self, tokenizer, tmp_path):
        make(BertForMaskedLM).bert.save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)

        embeddings = TransformerEmbedder.from_pretrained(str(tmp_path), pooling="cls").encode(["a"])

        assert embeddings.shape == (1, 16)


class TestSparse:
    def test_scores_are_inner_products(self):
        scores = SparseTeacher(WordEncoder()).score(["red car"], [["red red", "a car", "bus"]])

        assert scores[0].tolist() == [2.0, 1.0, 0.0]

    def test_encodes_a_repeated_document_once(self):
        encoder = WordEncoder()
        teacher = SparseTeacher(encoder)

        teacher.score(["x"], [["a", "b"]])
        teacher.score(["x"], [["b", "c"]])

        assert encoder.calls == [["x"], ["a", "b"], ["x"], ["c"]]

    class Idf(WordEncoder):
        @property
        def fingerprint(self):
            return super().fingerprint.model_copy(update={"idf": True})

    def test_counts_document_frequencies_where_the_engine_would(self):
        teacher = SparseTeacher(self.Idf(), corpus=["red car", "red bus", "red"])

        scores = teacher.score(["red car plane"], [["red", "car", "plane"]])[0]

        # of 3 documents, 3 have red, 1 has car, 0 have plane
        expected = [log(1 + (3 - n + 0.5) / (n + 0.5)) for n in (3, 1, 0)]
        assert scores.tolist() == pytest.approx(expected)

    def test_asks_for_the_corpus(self):
        with pytest.raises(ConfigError, match="pass corpus="):
            SparseTeacher(self.Idf())


class TestEnsemble:
    A = Lookup({"x": 1.0, "y": 3.0, "z": 5.0})
    B = Lookup({"x": 300.0, "y": 100.0, "z": 100.0})

    def scores(self, **options):
        teacher = EnsembleTeacher([(self.A, 1.0), (self.B, 3.0)], **options)
        return teacher.score(["q"], [["x", "y", "z"]])[0].tolist()

    def test_min_max_by_list(self):
        # a: 0, 1/2, 1; b: 1, 0, 0
        assert self.scores(normalization="min_max") == pytest.approx(
            [(0 + 3 * 1) / 4, (1 / 2 + 0) / 4, (1 + 0) / 4]
        )

    def test_z_score_by_list(self):
        a, b = np.array([1.0, 3.0, 5.0]), np.array([300.0, 100.0, 100.0])
        expected = ((a - 3) / a.std() + 3 * (b - 500 / 3) / b.std()) / 4
        assert self.scores() == pytest.approx(expected.tolist(), rel=1e-5)

    def test_none_adds_raw_scores(self):
        assert self.scores(normalization="none") == pytest.approx(
            [(1 + 900) / 4, (3 + 300) / 4, (5 + 300) / 4]
        )

    def test_a_teacher_with_another_scale_does_not_drown_the_other(self):
        loud = Lookup({"x": 1e6, "y": 2e6, "z": 3e6})
        quiet = Lookup({"x": 0.3, "y": 0.2, "z": 0.1})

        scores = EnsembleTeacher([(loud, 1.0), (quiet, 1.0)]).score(["q"], [["x", "y", "z"]])[0]

        assert scores.tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-5)

    def test_a_list_of_equal_scores_becomes_zeros(self):
        teacher = EnsembleTeacher([(Lookup({"x": 7.0, "y": 7.0}), 1.0)])

        assert teacher.score(["q"], [["x", "y"]])[0].tolist() == [0.0, 0.0]

    def test_scope_sample_takes_shift_and_scale_once(self):
        teacher = EnsembleTeacher([(self.A, 1.0)], normalization="min_max", scope="sample")
        with pytest.raises(ConfigError, match=r"call fit\(\) before score"):
            teacher.score(["q"], [["x"]])

        teacher.fit(["q", "r"], [["x"], ["z"]])

        assert teacher.score(["q"], [["y"]])[0].tolist() == [(3 - 1) / (5 - 1)]

    def test_lists_may_be_empty(self):
        assert EnsembleTeacher([(self.A, 1.0)]).score(["q"], [[]])[0].tolist() == []

    @pytest.mark.parametrize("teachers", [[], [(A, 0.0)]])
    def test_refuses_no_teachers_or_weights(self, teachers):
        with pytest.raises(ConfigError, match="teacher weights are"):
            EnsembleTeacher(teachers)

    def test_an_unknown_normalization_lists_the_valid_ones(self):
        with pytest.raises(ConfigError, match="'l2': expected one of min_max, none, z_score"):
            EnsembleTeacher([(self.A, 1.0)], normalization="l2")


class TestTextCache:
    def test_forgets_what_was_asked_for_longest_ago(self):
        calls = []

        def compute(texts):
            calls.append(texts)
            return [text.upper() for text in texts]

        cache = TextCache(compute, max_texts=2)

        assert cache.get(["a", "b", "a"]) == ["A", "B", "A"]
        assert cache.get(["a", "c"]) == ["A", "C"]  # b is the one to go
        assert cache.get(["a", "b"]) == ["A", "B"]
        assert calls == [["a", "b"], ["c"], ["b"]]
        assert len(cache) == 2

    def test_more_texts_than_fit_are_still_answered(self):
        cache = TextCache(list, max_texts=0)

        assert cache.get(["a", "b"]) == ["a", "b"]
        assert len(cache) == 0

    def test_refuses_a_negative_size(self):
        with pytest.raises(ConfigError, match="max_texts is -1"):
            TextCache(list, max_texts=-1)
