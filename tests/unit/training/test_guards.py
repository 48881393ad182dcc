import json
from math import log

import pytest
import torch

from splade_sdk.errors import CollapseError, ConfigError, TrainingError
from splade_sdk.training.controller import Strengths
from splade_sdk.training.guards import CollapseGuard, StartGuard, bias_shift
from splade_sdk.training.regularizers import Flops, active_dims

STRENGTHS = Strengths(0.25, 0.5)


class TestBiasShift:
    def test_leaves_the_terms_above_the_shift(self):
        logits = torch.tensor([[5.0, 1.0, 3.0, 2.0], [4.0, 2.5, 0.5, -1.0]])

        shift = bias_shift(logits.relu().log1p(), active_dims=2)

        # The four largest are 5, 4, 3 and 2.5; the next, 2, is what is subtracted.
        assert shift == pytest.approx(2.0)
        assert active_dims((logits - shift).relu().log1p()).item() == pytest.approx(2.0)

    def test_is_zero_where_rows_are_sparse_already(self):
        assert bias_shift(torch.tensor([[0.0, 1.0, 0.0]]), active_dims=2) == 0.0

    def test_keeps_all_where_all_are_wanted(self):
        assert bias_shift(torch.tensor([[3.0, 1.0]]), active_dims=2) == 0.0

    @pytest.mark.parametrize("active_dims", [0, 4])
    def test_refuses_what_is_out_of_range(self, active_dims):
        with pytest.raises(
            ConfigError, match=f"active_dims is {active_dims}: expected from 1 to 3"
        ):
            bias_shift(torch.ones(2, 3), active_dims)


class TestStartGuard:
    def test_ramps_in_after_both_sides_are_sparse(self):
        guard = StartGuard(max_active_dims=100, ramp_steps=4)

        factors = [
            guard.update(*dims)
            for dims in [
                (30_000, 30_000),
                (50, 200),
                (90, 100),
                (90, 90),
                (500, 90),
                (9, 9),
                (9, 9),
            ]
        ]

        assert factors == [0.0, 0.0, 1 / 4, 2 / 4, 3 / 4, 1.0, 1.0]

    def test_trusts_a_sparse_start_at_once(self):
        guard = StartGuard(max_active_dims=100)

        assert guard.update(30, 90) == 1.0
        assert guard.update(30, 900) == 1.0

    def test_gives_up(self):
        guard = StartGuard(max_active_dims=100, patience_steps=3)
        for _ in range(3):
            guard.update(200, 300)

        with pytest.raises(
            TrainingError, match=r"after 3 steps .* queries have 200 and documents 3"
        ):
            guard.update(200, 300)

    def test_goes_on_from_its_state(self):
        guard, resumed = StartGuard(100, ramp_steps=5), StartGuard(100, ramp_steps=5)
        for dims in (200, 90, 90):
            guard.update(dims, dims)

        resumed.load_state_dict(json.loads(json.dumps(guard.state_dict())))

        assert resumed.update(90, 90) == guard.update(90, 90) == pytest.approx(3 / 5)

    def test_a_dense_start_comes_down_before_the_ranking_loss_is_trusted(self):
        torch.manual_seed(0)
        encoder = torch.nn.Linear(8, 500)
        torch.nn.init.constant_(encoder.bias, 5.0)
        optimizer = torch.optim.Adam(encoder.parameters(), lr=0.1)
        guard = StartGuard(max_active_dims=100, ramp_steps=5)
        losses, factor = [], 0.0
        for _ in range(200):
            queries = encoder(torch.randn(16, 8)).relu().log1p()
            documents = encoder(torch.randn(16, 8)).relu().log1p()
            dims = active_dims(queries).item(), active_dims(documents).item()
            factor = guard.update(*dims)
            ranking = (queries @ documents.t()).square().mean()
            losses.append(factor * ranking.item())
            loss = factor * ranking + Flops()(documents, queries)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if factor == 1.0:
                break

        assert (500 * log(6) ** 2) ** 2 > 1e6  # what the first loss would have been
        assert factor == 1.0
        assert max(losses) < 1e4

    def test_refuses_what_is_out_of_range(self):
        with pytest.raises(ConfigError, match="ramp_steps is 0"):
            StartGuard(100, ramp_steps=0)


class TestCollapseGuard:
    def test_names_step_side_and_strengths(self):
        guard = CollapseGuard(patience_steps=2)
        guard.update(7, 30.0, 0.0, STRENGTHS)

        with pytest.raises(CollapseError, match=r"step 8: document .* query 0.25 and document 0.5"):
            guard.update(8, 30.0, 0.1, STRENGTHS)

    def test_a_recovery_starts_the_count_again(self):
        guard = CollapseGuard(patience_steps=2)
        for step, dims in enumerate([0.0, 5.0, 0.0, 5.0]):
            guard.update(step, dims, 30.0, STRENGTHS)

    def test_goes_on_from_its_state(self):
        guard, resumed = CollapseGuard(patience_steps=2), CollapseGuard(patience_steps=2)
        guard.update(1, 0.0, 30.0, STRENGTHS)
        resumed.load_state_dict(json.loads(json.dumps(guard.state_dict())))

        with pytest.raises(CollapseError, match="query vectors have been empty"):
            resumed.update(2, 0.0, 30.0, STRENGTHS)

    def test_refuses_what_is_out_of_range(self):
        with pytest.raises(ConfigError, match="patience_steps is 0"):
            CollapseGuard(patience_steps=0)
