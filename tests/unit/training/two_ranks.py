"""One data-parallel step on two processes, to be compared with one process."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from splade_sdk.training.losses import InfoNce, Mixture
from splade_sdk.training.regularizers import REGULARIZERS, active_dims, make_regularizer
from splade_sdk.training.scores import Targets, score_batch
from splade_sdk.training.vector_distillation import relative_squared_error

WIDTH, VOCABULARY = 6, 11
# Queries of the global batch, the columns of their documents, and the ranks they are split over.
# Document 2 is the positive of query 1 and a negative of query 3, on another rank.
LISTS = [[0, 1], [2, 3], [4, 5], [6, 2]]
RANKS = [[0, 1, 2], [3]]


def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(WIDTH, VOCABULARY), torch.nn.ReLU()).double()


def texts():
    generator = torch.Generator().manual_seed(1)
    queries = torch.randn(len(LISTS), WIDTH, generator=generator, dtype=torch.float64)
    documents = torch.randn(7, WIDTH, generator=generator, dtype=torch.float64)
    return queries, documents


def loss_of(encoder, rows):
    queries, documents = texts()
    columns = sorted({column for row in rows for column in LISTS[row]})
    local = [[columns.index(column) for column in LISTS[row]] for row in rows]
    candidates = torch.tensor(local)
    ids = torch.tensor(columns) + 1000
    targets = Targets(candidates, ids, ids[candidates[:, :1]])
    n_queries = len(rows)
    weights = encoder(torch.cat([queries[rows], documents[columns]]))
    query_weights, document_weights = weights[:n_queries], weights[n_queries:]
    scores = score_batch(query_weights, document_weights, targets)
    ranking = Mixture([("infonce", InfoNce(), 1.0)])(scores)
    # Penalties count rows, and document 2 is a row on both ranks: they take the queries.
    penalties = [
        make_regularizer(name)(query_weights, query_weights.square())
        for name in sorted(REGULARIZERS)
    ]
    # A teacher without a term for query 1: one rank counts two of its texts, the other its one.
    wanted = torch.cat([torch.ones(1, VOCABULARY), torch.zeros(1, VOCABULARY)]).double()
    wanted = torch.cat([wanted, torch.full((2, VOCABULARY), 2.0).double()])
    vectors = relative_squared_error(query_weights, wanted[rows])
    return ranking.total, [*penalties, vectors], active_dims(query_weights)


def backward(encoder, rows):
    ranking, penalties, dims = loss_of(encoder, rows)
    (ranking + 0.1 * sum(penalties)).backward()
    module = getattr(encoder, "module", encoder)
    return {
        "ranking": ranking.detach(),
        "penalties": torch.stack(penalties).detach(),
        "active_dims": dims,
        **{name: parameter.grad for name, parameter in module.named_parameters()},
    }


def run(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=len(RANKS)
    )
    result = backward(DistributedDataParallel(model()), RANKS[rank])
    torch.save(result, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    run(int(sys.argv[1]), sys.argv[2])
