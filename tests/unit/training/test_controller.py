import json
from math import exp, log

import pytest
import torch

from splade_sdk.errors import ConfigError
from splade_sdk.training.controller import SparsityController, Strengths
from splade_sdk.training.losses import InfoNce
from splade_sdk.training.regularizers import active_dims, make_regularizer
from splade_sdk.training.schedules import get_schedule
from splade_sdk.training.scores import Targets, score_batch

VOCABULARY, BATCH = 300, 32


class BagOfWords(torch.nn.Module):
    """Weighs the words of a text, and expands it: w = log1p(relu(W x + b)) for its words x."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(VOCABULARY, VOCABULARY)
        torch.nn.init.normal_(self.linear.weight, std=0.05)
        self.linear.weight.data += torch.eye(VOCABULARY)
        torch.nn.init.constant_(self.linear.bias, 0.5)  # nearly every dimension starts active

    def forward(self, words):
        return self.linear(words).relu().log1p()


def texts():
    """Return documents of 10 random words, and queries of 4 of them."""
    words = torch.rand(BATCH, VOCABULARY).argsort(dim=1)
    documents = torch.zeros(BATCH, VOCABULARY).scatter(1, words[:, :10], 1.0)
    queries = torch.zeros(BATCH, VOCABULARY).scatter(1, words[:, :4], 1.0)
    return queries, documents


def train(target, *, steps, kind="flops", schedule="linear", lr=0.01, seed=0):
    """Train to find each query's document; return the active dims of each step."""
    torch.manual_seed(seed)
    encoders = torch.nn.ModuleList([BagOfWords(), BagOfWords()])
    optimizer = torch.optim.Adam(encoders.parameters(), lr=lr)
    decay = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    controller = SparsityController(target, total_steps=steps)
    regularizers = [make_regularizer(kind), make_regularizer(kind)]
    columns = torch.arange(BATCH)[:, None]
    targets = Targets(columns, columns[:, 0], columns)
    measured = []
    for step in range(steps):
        queries, documents = (encode(side) for encode, side in zip(encoders, texts(), strict=True))
        strengths = controller.strengths
        loss = (
            InfoNce()(score_batch(queries, documents, targets)).mean()
            + strengths.query * regularizers[0](queries, documents)
            + strengths.document * regularizers[1](documents, queries)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
        measured.append((active_dims(queries).item(), active_dims(documents).item()))
        controller.update(*measured[-1], get_schedule(schedule)(step, int(0.4 * steps)))
    return measured


def mean_of_last(measured, share=0.1):
    last = torch.tensor(measured[-int(share * len(measured)) :])
    return last.mean(dim=0).tolist()


class TestTrainedModel:
    @pytest.mark.parametrize(
        ("kind", "target"),
        [
            ("flops", (10.0, 40.0)),
            ("flops", (20.0, 90.0)),
            ("l1", (5.0, 20.0)),
            ("df_flops", (50.0, 60.0)),
        ],
    )
    def test_reaches_the_target(self, kind, target):
        measured = train(target, steps=1000, kind=kind)

        assert min(measured[0]) > 290  # of 300
        assert mean_of_last(measured) == pytest.approx(list(target), rel=0.1)

    def test_reaches_the_target_with_a_quadratic_schedule(self):
        measured = train((10.0, 40.0), steps=1000, schedule="quadratic")

        assert mean_of_last(measured) == pytest.approx([10.0, 40.0], rel=0.1)

    def test_without_control_the_same_strength_misses_it(self):
        """Guards the tests above: the target is not where the model goes by itself."""
        measured = train((1e9, 1e9), steps=1000)

        assert min(mean_of_last(measured)) > 100


class TestFormula:
    def controller(self, total_steps=100):
        return SparsityController((10.0, 10.0), total_steps, initial=Strengths(1.0, 1.0))

    def test_first_update_has_no_change_yet(self):
        strengths = self.controller().update(20.0, 10.0)

        # e = log(20 / 10), and the integral gain is 40 / 100; the document side is at its target
        assert strengths.query == pytest.approx(exp(0.4 * log(2)))
        assert strengths.document == 1.0

    def test_second_update_adds_the_change(self):
        controller = self.controller()
        controller.update(20.0, 10.0)

        strengths = controller.update(18.0, 10.0)

        smoothed = log(20) + 0.3 * (log(18) - log(20))
        first, second = log(2), smoothed - log(10)
        assert log(strengths.query) == pytest.approx(
            0.4 * first + 3 * (second - first) + 0.4 * second
        )

    def test_smooths_over_one_percent_of_the_run(self):
        controller = self.controller(total_steps=1000)
        controller.update(10.0, 10.0)

        strengths = controller.update(10.1, 10.0)

        error = (100 / 1000) * log(10.1 / 10)
        assert log(strengths.query) == pytest.approx(3 * error + 0.04 * error)

    def test_a_step_is_bounded(self):
        strengths = self.controller().update(30_000.0, 0.0)

        assert strengths.query == pytest.approx(exp(30 / 100))
        assert strengths.document == pytest.approx(exp(-60 / 100))

    def test_progress_moves_the_reference_from_the_start_to_the_target(self):
        controller = self.controller()

        still = controller.update(40.0, 40.0, progress=0.0)
        moved = controller.update(40.0, 40.0, progress=0.05)

        # The reference is 40^0.95 * 10^0.05, so that e = 0.05 * log(40 / 10).
        error = 0.05 * log(4)
        assert still.query == 1.0
        assert log(moved.query) == pytest.approx(3 * error + 0.4 * error)


def test_goes_on_exactly_from_a_saved_state():
    whole = SparsityController((10.0, 20.0), total_steps=50)
    for at in range(10):
        whole.update(100.0 - at, 200.0 - 3 * at, at / 20)
    resumed = SparsityController((10.0, 20.0), total_steps=50)
    resumed.load_state_dict(json.loads(json.dumps(whole.state_dict())))

    for at in range(10, 20):
        assert resumed.update(100.0 - at, 200.0 - 3 * at, at / 20) == whole.update(
            100.0 - at, 200.0 - 3 * at, at / 20
        )


@pytest.mark.parametrize(
    ("target", "steps", "initial"),
    [
        ((0.0, 10.0), 10, Strengths(1.0, 1.0)),
        ((10.0, 10.0), 0, Strengths(1.0, 1.0)),
        ((10.0, 10.0), 10, Strengths(0.0, 1.0)),
    ],
)
def test_refuses_what_is_out_of_range(target, steps, initial):
    with pytest.raises(ConfigError, match="expected"):
        SparsityController(target, steps, initial)
