import pytest
import torch

from splade_sdk.errors import CollapseError, TrainingError
from splade_sdk.training.controller import SparsityController, Strengths
from splade_sdk.training.guards import CollapseGuard, StartGuard
from splade_sdk.training.losses import InfoNce, Mixture
from splade_sdk.training.objective import Objective
from splade_sdk.training.regularizers import L1, DfFlops, Flops
from splade_sdk.training.schedules import constant, linear
from splade_sdk.training.scores import Targets

# Two queries and their documents over four terms.
QUERIES = torch.tensor([[1.0, 0.0, 0.0, 2.0], [0.0, 1.0, 0.0, 0.0]])
DOCUMENTS = torch.tensor([[2.0, 0.0, 1.0, 0.0], [0.0, 3.0, 0.0, 0.0]])
TARGETS = Targets(torch.tensor([[0], [1]]), torch.tensor([7, 8]), torch.tensor([[7], [8]]))
# Scores are [[2, 0], [0, 3]], so InfoNCE is the mean of log(1 + e^-2) and log(1 + e^-3).
RANKING = (torch.log1p(torch.exp(torch.tensor([-2.0, -3.0])))).mean().item()
# FLOPS of queries: 0.5^2 + 0.5^2 + 0 + 1^2; L1 of documents: (3 + 3) / 2.
QUERY_FLOPS, DOCUMENT_L1 = 1.5, 3.0


def objective(**parts):
    settings = {
        "query_regularizer": Flops(),
        "document_regularizer": L1(),
        "strengths": Strengths(0.1, 0.2),
        "schedule": linear,
        "warmup_steps": 10,
        "controller": None,
        "start_guard": None,
        "collapse_guard": CollapseGuard(patience_steps=2),
    }
    return Objective(Mixture([("infonce", InfoNce(), 1.0)]), **(settings | parts))


def test_adds_ranking_and_scheduled_penalties():
    step = objective()(QUERIES, DOCUMENTS, TARGETS, 5)

    sparsity = 5 / 10 * (0.1 * QUERY_FLOPS + 0.2 * DOCUMENT_L1)
    assert step.total.item() == pytest.approx(RANKING + sparsity)
    assert step.parts == {
        "ranking_loss": pytest.approx(RANKING),
        "infonce_loss": pytest.approx(RANKING),
        "sparsity_loss": pytest.approx(sparsity),
        "query_penalty": pytest.approx(QUERY_FLOPS),
        "document_penalty": pytest.approx(DOCUMENT_L1),
        "query_active_dims": 1.5,  # (2 + 1) / 2
        "document_active_dims": 1.5,
        "query_strength": pytest.approx(0.05),
        "document_strength": pytest.approx(0.1),
    }


def test_dense_vectors_are_ranked_by_losses_of_their_own():
    dense = Mixture([("infonce", InfoNce(0.5), 2.0)])
    queries, documents = torch.eye(2), torch.tensor([[0.6, 0.8], [0.0, 1.0]])

    step = objective(dense_ranking=dense)(QUERIES, DOCUMENTS, TARGETS, 0, queries, documents)

    # Cosines are [[0.6, 0], [0.8, 1]]; over 0.5: log(1 + e^-1.2) and log(1 + e^-0.4).
    ranking = torch.log1p(torch.exp(torch.tensor([-1.2, -0.4]))).mean().item()
    assert step.total.item() == pytest.approx(RANKING + 2.0 * ranking)
    assert step.parts["dense_loss"] == pytest.approx(2.0 * ranking)
    assert step.parts["dense_infonce_loss"] == pytest.approx(ranking)


def test_a_side_without_regularizer_is_left_alone():
    step = objective(query_regularizer=None)(QUERIES, DOCUMENTS, TARGETS, 10)

    assert step.parts["query_penalty"] == 0.0
    assert step.total.item() == pytest.approx(RANKING + 0.2 * DOCUMENT_L1)


def test_dense_vectors_see_the_penalties_alone_at_full_strength():
    guarded = objective(start_guard=StartGuard(1))

    step = guarded(QUERIES, DOCUMENTS, TARGETS, 0)  # 1.5 active dims, above 1

    assert step.total.item() == pytest.approx(0.1 * QUERY_FLOPS + 0.2 * DOCUMENT_L1)


def test_ranking_comes_in_over_the_ramp_once_vectors_are_sparse():
    guarded = objective(start_guard=StartGuard(1, ramp_steps=4), schedule=constant)
    guarded(QUERIES, DOCUMENTS, TARGETS, 0)
    guarded.end_step(1)
    sparse = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])

    step = guarded(sparse, sparse, TARGETS, 1)

    # Scores are the identity. The constant schedule is still 0.
    assert step.total.item() == pytest.approx(1 / 4 * torch.log1p(torch.exp(-torch.ones(1))).item())


def test_batches_of_one_step_move_the_guard_once():
    """With accumulation, four batches make a step; the ramp counts steps."""
    guarded = objective(start_guard=StartGuard(1, ramp_steps=2))
    guarded(QUERIES, DOCUMENTS, TARGETS, 0)
    guarded.end_step(1)
    sparse = QUERIES.clamp(max=1) * torch.tensor([1.0, 1.0, 0.0, 0.0])
    factors = []
    for _ in range(4):
        step = guarded(sparse, sparse, TARGETS, 1)
        factors.append(step.total.item() - step.parts["sparsity_loss"])
    assert factors == pytest.approx([factors[0]] * 4)


def test_controller_moves_the_strengths_with_the_mean_over_the_step():
    start = Strengths(1e-3, 1e-3)
    controlled = objective(
        controller=SparsityController((1.0, 3.0), 100, start), schedule=constant, warmup_steps=0
    )
    for step in range(1, 30):
        controlled(QUERIES, DOCUMENTS, TARGETS, step - 1)
        controlled.end_step(step)

    assert controlled.strengths.query > start.query  # 1.5 is above 1
    assert controlled.strengths.document < start.document  # and below 3


def test_empty_vectors_stop_the_run_with_step_and_strengths():
    collapsing = objective()
    empty = torch.zeros_like(QUERIES)
    collapsing(empty, DOCUMENTS, TARGETS, 0)
    collapsing.end_step(1)
    collapsing(empty, DOCUMENTS, TARGETS, 1)

    with pytest.raises(
        CollapseError, match=r"step 2: query vectors .* query 0\.1 and document 0\.2"
    ):
        collapsing.end_step(2)


def test_a_loss_that_is_no_number_stops_the_run_after_ten_steps():
    lost = objective(collapse_guard=CollapseGuard())
    for step in range(1, 10):
        lost(QUERIES * float("nan"), DOCUMENTS, TARGETS, step - 1)
        lost.end_step(step)
    lost(QUERIES, DOCUMENTS, TARGETS, 9)
    lost.end_step(10)  # one that is starts the count again
    for step in range(11, 20):
        lost(QUERIES * float("inf"), DOCUMENTS, TARGETS, step - 1)
        lost.end_step(step)
    lost(QUERIES * float("nan"), DOCUMENTS, TARGETS, 19)

    with pytest.raises(TrainingError, match="step 20: the loss has not been a finite number for 1"):
        lost.end_step(20)


def test_goes_on_after_a_restart():
    def made():
        return objective(
            query_regularizer=DfFlops(),
            controller=SparsityController((1.0, 3.0), 100, Strengths(1e-3, 1e-3)),
            start_guard=StartGuard(1.4, ramp_steps=3),
        )

    def run(running, start, end):
        totals = []
        for step in range(start, end):
            queries = QUERIES if step < 2 else QUERIES * torch.tensor([1.0, 1.0, 0.0, 0.0])
            documents = DOCUMENTS if step < 2 else queries
            totals.append(running(queries, documents, TARGETS, step).total.item())
            running.end_step(step + 1)
        return totals

    whole = made()
    expected = run(whole, 0, 8)
    first, second = made(), made()
    totals = run(first, 0, 4)
    second.load_state_dict(first.state_dict())
    totals += run(second, 4, 8)

    assert totals == expected
    assert second.strengths == whole.strengths
