import pytest
import torch

from splade_sdk.errors import ConfigError
from splade_sdk.training.regularizers import (
    L1,
    REGULARIZERS,
    DfFlops,
    Flops,
    JointFlops,
    active_dims,
    make_regularizer,
)

WEIGHTS = [[1.0, 0.0, 2.0], [3.0, 0.0, 0.0]]  # column means 2, 0, 1
OTHER = [[0.5, 4.0, 1.0], [0.5, 0.0, 2.0]]  # column means 0.5, 2, 1.5


@pytest.fixture
def weights():
    return torch.tensor(WEIGHTS, requires_grad=True)


@pytest.fixture
def other():
    return torch.tensor(OTHER, requires_grad=True)


def test_l1_is_the_mean_row_norm(weights, other):
    assert L1()(weights, other).item() == pytest.approx(((1 + 2) + 3) / 2)


def test_flops_squares_the_mean_of_each_term(weights, other):
    value = Flops()(weights, other)
    value.backward()

    assert value.item() == pytest.approx(2**2 + 0**2 + 1**2)
    # d/dw_ij = 2 * mean_j / N
    assert weights.grad.tolist() == [[2 * 2 / 2, 0.0, 2 * 1 / 2]] * 2


def test_joint_flops_multiplies_the_means_of_both_sides(weights, other):
    value = JointFlops()(weights, other)
    value.backward()

    assert value.item() == pytest.approx(2 * 0.5 + 0 * 2 + 1 * 1.5)
    assert weights.grad.tolist() == [[0.5 / 2, 2 / 2, 1.5 / 2]] * 2
    assert other.grad is None


def test_joint_flops_on_both_sides_has_the_gradients_of_the_product(weights, other):
    (JointFlops()(weights, other) + JointFlops()(other, weights)).backward()
    both = [weights.grad.clone(), other.grad.clone()]
    weights.grad = other.grad = None

    (weights.mean(dim=0) * other.mean(dim=0)).sum().backward()

    torch.testing.assert_close(both, [weights.grad, other.grad])


class TestDfFlops:
    def test_activation_is_half_at_alpha_and_one_at_one(self):
        values = DfFlops(alpha=0.1, beta=10.0).activation(torch.tensor([0.0, 0.1, 1.0]))

        # 0.1^(log 2 / log 0.1) = 2, and 1 / (1 + (2 - 1)^10) = 1/2
        assert values.tolist() == pytest.approx([0.0, 0.5, 1.0], abs=1e-6)

    def test_activation_by_hand(self):
        value = DfFlops(alpha=0.25, beta=2.0).activation(torch.tensor([1 / 16])).item()

        # log_0.25 2 = -1/2, (1/16)^(-1/2) = 4, and 1 / (1 + (4 - 1)^2) = 1/10
        assert value == pytest.approx(1 / 10)

    def test_weighs_each_term_by_its_document_frequency(self, weights, other):
        value = DfFlops(alpha=0.25, beta=2.0)(weights, other)

        # shares 1, 0, 1/2; 2^(1/2) = 1.41421, a(1/2) = 1 / (1 + 0.41421^2) = 0.853553
        assert value.item() == pytest.approx((1 * 2) ** 2 + 0 + (0.853553 * 1) ** 2, rel=1e-5)

    def test_keeps_a_running_mean(self, weights, other):
        regularizer = DfFlops(momentum=0.75)

        regularizer(weights, other)
        regularizer(other, weights)

        # batch shares (1, 0, 1/2), then (1, 1/2, 1)
        assert regularizer.document_frequency.tolist() == pytest.approx(
            [1.0, 0.25 * 0.5, 0.75 * 0.5 + 0.25 * 1.0]
        )

    def test_goes_on_from_its_state(self, weights, other):
        first, second = DfFlops(), DfFlops()
        second.load_state_dict(first.state_dict())
        first(weights, other)
        second.load_state_dict(first.state_dict())

        assert second(other, weights).item() == first(other, weights).item()

    def test_gradients_are_finite_where_a_term_never_occurs(self):
        weights = torch.zeros(2, 3, requires_grad=True)

        DfFlops()(weights, weights).backward()

        assert weights.grad.tolist() == [[0.0] * 3] * 2

    @pytest.mark.parametrize("options", [{"alpha": 1.0}, {"beta": 0.0}, {"momentum": 1.0}])
    def test_refuses_what_is_out_of_range(self, options):
        with pytest.raises(ConfigError, match="expected"):
            DfFlops(**options)


def test_active_dims_is_the_mean_count_of_a_row(weights):
    assert active_dims(weights).item() == (2 + 1) / 2


class TestRegistry:
    def test_an_unknown_name_lists_the_valid_ones(self):
        with pytest.raises(ConfigError, match="'l2': expected one of df_flops, flops, joint_flops"):
            make_regularizer("l2")

    def test_an_unknown_option_is_named(self):
        with pytest.raises(ConfigError, match="'l1' has no option 'alpha': expected one of none"):
            make_regularizer("l1", alpha=1)

    @pytest.mark.parametrize("name", sorted(REGULARIZERS))
    def test_each_shrinks_the_weights_when_descended(self, name):
        torch.manual_seed(0)
        logits = torch.randn(8, 30).requires_grad_()
        other = torch.rand(8, 30)
        regularizer = make_regularizer(name)
        before = logits.detach().relu().sum()
        optimizer = torch.optim.SGD([logits], lr=1.0)
        for _ in range(50):
            optimizer.zero_grad()
            regularizer(logits.relu(), other).backward()
            optimizer.step()

        assert logits.detach().relu().sum() < 0.5 * before
