"""Torch's work keeps to few threads, so that its teams do not outnumber the cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from splade_sdk import SpladeEncoder
from splade_sdk.encoders.bert import Bert
from splade_sdk.encoders.torch_threads import in_one_thread, in_passing_thread
from tests.unit.encoders.tiny import TEXTS


def elsewhere(work: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as other:
        return other.submit(work).result(60)


def test_the_main_thread_works_itself() -> None:
    assert in_one_thread(threading.current_thread) is threading.main_thread()


def test_all_other_threads_share_one() -> None:
    used = {elsewhere(lambda: in_one_thread(threading.current_thread)) for _ in range(3)}
    assert len(used) == 1
    assert threading.main_thread() not in used


def test_the_shared_thread_uses_as_many_threads_as_the_asking_one() -> None:
    def with_threads(count: int) -> int:
        before = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            return in_one_thread(torch.get_num_threads)
        finally:
            torch.set_num_threads(before)

    assert [elsewhere(lambda n=n: with_threads(n)) for n in (1, 2, 1)] == [1, 2, 1]


def test_errors_arrive() -> None:
    with pytest.raises(ZeroDivisionError):
        elsewhere(lambda: in_one_thread(lambda: 1 // 0))
    with pytest.raises(ZeroDivisionError):
        in_passing_thread(lambda: 1 // 0)


def test_a_passing_thread_has_ended() -> None:
    thread = in_passing_thread(threading.current_thread)
    assert thread is not threading.current_thread()
    assert not thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_gets_a_thread_of_its_own() -> None:
    elsewhere(lambda: in_one_thread(threading.get_ident))
    child = os.fork()
    if child == 0:
        os._exit(0 if elsewhere(lambda: in_one_thread(lambda: 7)) == 7 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_models_are_loaded_and_used_in_those_threads(
    bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[threading.Thread] = []
    forward, init = Bert.forward, Bert.__init__

    def noted(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            seen.append(threading.current_thread())
            return method(*args)

        return call

    monkeypatch.setattr(Bert, "forward", noted(forward))
    monkeypatch.setattr(Bert, "__init__", noted(init))
    encoder = SpladeEncoder(bert_folder, device="cpu")
    expected = encoder.encode(TEXTS)
    found = [elsewhere(lambda: encoder.encode(TEXTS)) for _ in range(2)]
    for each in found:
        assert (each.to_scipy() != expected.to_scipy()).nnz == 0
    loading, here, *others = seen
    assert not loading.is_alive()
    assert here is threading.main_thread()
    assert len(set(others)) == 1
    assert others[0].name.startswith("splade-encode")
