from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch

from splade_sdk.encoders.masked_lm import load_masked_lm
from splade_sdk.training.data import collate
from splade_sdk.training.data.example import parse_example
from splade_sdk.training.gradient_cache import cached_backward
from splade_sdk.training.losses import InfoNce, Mixture
from splade_sdk.training.model import SpladeModel, TokenBatch
from splade_sdk.training.regularizers import Flops
from splade_sdk.training.scores import score_batch
from tests.unit.training import tiny_training as tiny


@pytest.fixture(scope="module")
def batch():
    made = collate([parse_example(row, "row") for row in tiny.examples(7)])
    ids = [
        TokenBatch.from_ids(tiny.tokenizer()(texts)["input_ids"])
        for texts in (made.queries, made.documents)
    ]
    return (*ids, made.targets)


def model(tmp_path, *, dropout=0.0, query_expansion=True, has_dense=False):
    folder = tiny.save_base(tmp_path / "base", dropout=dropout, bias=-6.0)
    weights = None if query_expansion else torch.ones(len(tiny.VOCABULARY))
    made = SpladeModel(
        load_masked_lm(folder, dtype=torch.float32).train(),
        query_token_weights=weights,
        has_dense=has_dense,
    )
    return made.train()


def loss_over(targets):
    """InfoNCE and FLOPS: both need the whole batch at once."""

    def loss_of(query, document, *dense):
        ranking = Mixture([("infonce", InfoNce(4.0), 1.0)])
        loss = ranking(score_batch(query, document, targets)).total
        if dense:
            loss = loss + ranking(score_batch(*dense, targets)).total
        return loss + 0.01 * (Flops()(query, document) + Flops()(document, query))

    return loss_of


def gradients(trained):
    found = {name: each.grad for name, each in trained.named_parameters() if each.grad is not None}
    trained.zero_grad(set_to_none=True)
    return found


@pytest.mark.parametrize("chunk_size", [1, 3, 100])
@pytest.mark.parametrize(
    "shape",
    [{}, {"query_expansion": False}, {"has_dense": True}],
    ids=["splade", "splade-doc", "with-dense"],
)
def test_gradients_are_those_of_the_whole_batch(batch, tmp_path, chunk_size, shape):
    query, document, targets = batch
    trained = model(tmp_path, **shape)
    expected = loss_over(targets)(*trained(query, document))
    expected.backward()
    whole = gradients(trained)

    loss = cached_backward(trained, query, document, loss_over(targets), chunk_size=chunk_size)

    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    cached = gradients(trained)
    assert cached.keys() == whole.keys()
    for name, gradient in whole.items():
        assert (cached[name] - gradient).abs().max() <= 1e-6 * max(1.0, gradient.abs().max()), name


def test_dropout_is_the_same_in_both_passes(batch, tmp_path):
    query, document, targets = batch
    trained = model(tmp_path, dropout=0.3)
    seen = []
    trained.register_forward_hook(
        lambda module, given, out: seen.append([None if w is None else w.detach() for w in out])
    )

    cached_backward(trained, query, document, loss_over(targets), chunk_size=3)

    half = len(seen) // 2
    assert len(seen) == 2 * half
    for first, second in zip(seen[:half], seen[half:], strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert not torch.equal(seen[0][0], trained(query[:3], None)[0])  # dropout does something


def test_random_numbers_go_on_as_after_the_first_pass(batch, tmp_path):
    query, document, targets = batch
    trained = model(tmp_path, dropout=0.3)
    torch.manual_seed(3)
    with torch.no_grad():
        trained(query[:4], None)
        for start in (0, 4, 8):
            trained(None, document[start : start + 4])
        trained(query[4:], document[12:])
    expected = torch.rand(1)
    torch.manual_seed(3)

    cached_backward(trained, query, document, loss_over(targets), chunk_size=4)

    assert (len(query), len(document)) == (7, 14)
    assert torch.equal(torch.rand(1), expected)


def test_only_the_last_backward_pass_synchronises_and_it_reaches_all_parameters(batch, tmp_path):
    query, document, targets = batch
    trained = model(tmp_path, query_expansion=False)
    local = {"now": False}
    reached: list[tuple[bool, set[str]]] = []

    @contextmanager
    def no_sync():
        local["now"] = True
        yield
        local["now"] = False

    def backward(loss):
        before = {name: each.grad for name, each in trained.named_parameters()}
        trained.zero_grad(set_to_none=True)
        loss.backward()
        touched = {name for name, each in trained.named_parameters() if each.grad is not None}
        reached.append((local["now"], touched))
        for name, each in trained.named_parameters():
            if before[name] is not None:
                each.grad = before[name] if each.grad is None else each.grad + before[name]

    cached_backward(
        trained,
        query,
        document,
        loss_over(targets),
        chunk_size=4,
        backward=backward,
        no_sync=no_sync,
    )

    assert [is_local for is_local, _ in reached] == [True] * (len(reached) - 1) + [False]
    assert reached[-1][1] == set.union(*(touched for _, touched in reached))
