from math import exp, log

import pytest
import torch

from splade_sdk.errors import ConfigError, InvalidDataError
from splade_sdk.training.losses import LOSSES, InfoNce, KlDivergence, MarginMse, Mixture, make_loss
from splade_sdk.training.scores import Scores, Targets, score_batch

NAN = float("nan")


def scores_of(matrix, candidates, *, negatives=None, teacher=None):
    matrix = torch.tensor(matrix, dtype=torch.float64, requires_grad=True)
    candidates = torch.tensor(candidates)
    if negatives is None:
        allowed = torch.ones(matrix.shape, dtype=torch.bool)
        allowed[torch.arange(len(matrix)), candidates[:, 0]] = False
    else:
        allowed = torch.tensor(negatives)
    given = None if teacher is None else torch.tensor(teacher, dtype=torch.float64)
    return Scores(matrix, candidates, allowed, given)


class TestInfoNce:
    def test_is_the_cross_entropy_of_the_positive_among_all_documents(self):
        scores = scores_of([[2.0, 1.0, 0.0], [1.0, 3.0, 2.0]], [[0], [1]])

        losses = InfoNce()(scores)

        expected = [
            -log(exp(2) / (exp(2) + exp(1) + exp(0))),
            -log(exp(3) / (exp(1) + exp(3) + exp(2))),
        ]
        assert losses.values.tolist() == pytest.approx(expected)
        assert losses.mean().item() == pytest.approx(sum(expected) / 2)

    def test_divides_scores_by_the_temperature(self):
        scores = scores_of([[2.0, 1.0]], [[0]])

        value = InfoNce(temperature=0.5)(scores).values.item()

        assert value == pytest.approx(-log(exp(4) / (exp(4) + exp(2))))

    def test_leaves_out_documents_known_to_answer_the_query(self):
        # The document in column 1 is another query's positive, and answers this one too.
        scores = scores_of([[2.0, 9.0, 0.0]], [[0]], negatives=[[False, False, True]])

        assert InfoNce()(scores).values.item() == pytest.approx(-log(exp(2) / (exp(2) + exp(0))))

    def test_without_in_batch_only_its_own_negatives_count(self):
        scores = scores_of([[2.0, 1.0, 5.0], [4.0, 3.0, 0.0]], [[0, 1], [2, -1]])

        losses = InfoNce(in_batch=False)(scores)

        assert losses.values.tolist() == pytest.approx([-log(exp(2) / (exp(2) + exp(1))), 0.0])

    def test_gradient_is_softmax_minus_one_hot(self):
        scores = scores_of([[2.0, 1.0]], [[0]])

        InfoNce()(scores).mean().backward()

        p = exp(2) / (exp(2) + exp(1))
        assert scores.matrix.grad[0].tolist() == pytest.approx([p - 1, 1 - p])

    def test_huge_scores_stay_finite(self):
        scores = scores_of([[1e6, 2e6]], [[0]])

        assert InfoNce()(scores).values.item() == pytest.approx(1e6)


class TestMarginMse:
    def test_warns_once_of_a_teacher_on_another_scale(self):
        # student margin 10, teacher margin 0.1: a hundred times smaller
        scores = scores_of([[12.0, 2.0]], [[0, 1]], teacher=[[0.9, 0.8]])
        loss = MarginMse()

        with pytest.warns(UserWarning, match=r"teacher_scale to about 100"):
            loss(scores)
        loss(scores)  # warnings are errors here

    def test_a_teacher_without_margins_has_no_scale_to_advise(self):
        scores = scores_of([[5.0, 2.0]], [[0, 1]], teacher=[[0.7, 0.7]])

        assert MarginMse()(scores).values.item() == pytest.approx((3 - 0) ** 2)

    def test_is_the_squared_difference_of_margins(self):
        scores = scores_of([[5.0, 2.0, 1.0]], [[0, 1, 2]], teacher=[[10.0, 6.0, 5.0]])

        # student margins 3 and 4, teacher margins 4 and 5
        assert MarginMse()(scores).values.item() == pytest.approx(((3 - 4) ** 2 + (4 - 5) ** 2) / 2)

    def test_scales_the_teacher(self):
        scores = scores_of([[5.0, 2.0]], [[0, 1]], teacher=[[0.9, 0.5]])

        value = MarginMse(teacher_scale=20.0)(scores).values.item()

        assert value == pytest.approx((3 - 20 * 0.4) ** 2)

    def test_leaves_out_padding_and_unscored_documents(self):
        scores = scores_of(
            [[5.0, 2.0, 1.0], [1.0, 1.0, 1.0]],
            [[0, 1, 2], [1, 2, -1]],
            teacher=[[10.0, 6.0, NAN], [NAN, NAN, NAN]],
        )

        losses = MarginMse()(scores)
        losses.mean().backward()

        assert losses.values.tolist() == pytest.approx([(3 - 4) ** 2, 0.0])
        assert losses.counted.tolist() == [True, False]
        assert losses.mean().item() == pytest.approx(1.0)  # the second query is not counted
        assert scores.matrix.grad.isfinite().all()

    def test_needs_a_teacher(self):
        with pytest.raises(InvalidDataError, match="'margin_mse' learns from a teacher"):
            MarginMse()(scores_of([[1.0, 0.0]], [[0, 1]]))


class TestKlDivergence:
    def test_is_the_divergence_of_two_softmaxes(self):
        scores = scores_of([[1.0, 0.0]], [[0, 1]], teacher=[[2.0, 0.0]])

        p = exp(2) / (exp(2) + 1)
        q = exp(1) / (exp(1) + 1)
        expected = p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))
        assert KlDivergence()(scores).values.item() == pytest.approx(expected)

    def test_is_zero_where_the_teacher_is_matched(self):
        scores = scores_of([[2.0, 4.0, 1.0]], [[0, 1, 2]], teacher=[[1.0, 2.0, 0.5]])

        losses = KlDivergence(temperature=2.0)(scores)

        assert losses.values.item() == pytest.approx(0.0, abs=1e-12)

    def test_sharpens_the_teacher(self):
        scores = scores_of([[0.0, 0.0]], [[0, 1]], teacher=[[0.9, 0.5]])

        value = KlDivergence(teacher_temperature=0.1)(scores).values.item()

        p = exp(9) / (exp(9) + exp(5))
        assert value == pytest.approx(p * log(p / 0.5) + (1 - p) * log((1 - p) / 0.5))

    def test_lists_may_differ_in_length(self):
        scores = scores_of(
            [[1.0, 0.0, 7.0], [3.0, 1.0, 2.0], [0.0, 0.0, 0.0]],
            [[0, 1, -1], [0, 2, 1], [2, -1, -1]],
            teacher=[[2.0, 0.0, NAN], [NAN, NAN, NAN], [1.0, NAN, NAN]],
        )

        losses = KlDivergence()(scores)
        losses.mean().backward()

        p, q = exp(2) / (exp(2) + 1), exp(1) / (exp(1) + 1)
        expected = p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))
        assert losses.values.tolist() == pytest.approx([expected, 0.0, 0.0])
        assert losses.counted.tolist() == [True, False, False]
        assert losses.mean().item() == pytest.approx(expected)
        assert scores.matrix.grad.isfinite().all()
        assert scores.matrix.grad[1:].abs().sum() == 0


class TestMixture:
    def test_is_the_weighted_sum(self):
        scores = scores_of([[5.0, 2.0]], [[0, 1]], teacher=[[10.0, 6.0]])
        mixture = Mixture([("infonce", InfoNce(), 1.0), ("margin_mse", MarginMse(), 0.05)])

        value = mixture(scores)

        infonce = -log(exp(5) / (exp(5) + exp(2)))
        assert value.total.item() == pytest.approx(1.0 * infonce + 0.05 * (3 - 4) ** 2)
        assert {name: part.item() for name, part in value.parts.items()} == pytest.approx(
            {"infonce": infonce, "margin_mse": 1.0}
        )
        assert not value.parts["infonce"].requires_grad

    @pytest.mark.parametrize(
        "terms", [[], [("a", InfoNce(), 1.0), ("a", InfoNce(), 1.0)], [("a", InfoNce(), 0.0)]]
    )
    def test_refuses_what_cannot_be_added(self, terms):
        with pytest.raises(ConfigError):
            Mixture(terms)


class TestRegistry:
    def test_an_unknown_name_lists_the_valid_ones(self):
        with pytest.raises(ConfigError, match="'nce': expected one of infonce, kl, margin_mse"):
            make_loss("nce")

    def test_an_unknown_option_is_named(self):
        with pytest.raises(ConfigError, match="'infonce' has no option 'temprature'"):
            make_loss("infonce", temprature=1.0)

    @pytest.mark.parametrize("name", sorted(LOSSES))
    def test_all_are_made_without_options(self, name):
        make_loss(name)

    @pytest.mark.parametrize(
        ("name", "option"),
        [
            ("infonce", "temperature"),
            ("kl", "temperature"),
            ("kl", "teacher_temperature"),
            ("margin_mse", "teacher_scale"),
        ],
    )
    def test_factors_must_be_greater_than_zero(self, name, option):
        with pytest.raises(ConfigError, match=f"{option} is 0: expected"):
            make_loss(name, **{option: 0})


class TestScoreBatch:
    def test_scores_every_pair_once(self):
        queries = torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
        documents = torch.tensor([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 4.0]])
        targets = Targets(
            candidates=torch.tensor([[0, 2], [1, -1]]),
            document_ids=torch.tensor([100, 101, 102]),
            relevant_ids=torch.tensor([[100, 101], [101, 101]]),
        )

        scores = score_batch(queries, documents, targets)

        assert scores.matrix.tolist() == [[1.0, 2.0, 8.0], [3.0, 6.0, 0.0]]
        assert scores.of_candidates()[0].tolist() == [1.0, 8.0]
        assert scores.positive.tolist() == [0, 1]
        assert scores.is_candidate.tolist() == [[True, True], [True, False]]
        # document 1 answers query 0 as well: it is no negative of it
        assert scores.negatives.tolist() == [[False, False, True], [True, False, True]]
