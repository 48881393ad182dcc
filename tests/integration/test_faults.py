"""Documents through a server that fails: nothing is lost, nothing twice, and the report is true."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from splade_sdk import Document, Retriever, RetrySettings
from splade_sdk.errors import (
    AuthenticationError,
    CollectionNotFoundError,
    DiskFullError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    RateLimitedError,
    RequestRejectedError,
)
from splade_sdk.qdrant import server as adapter
from splade_sdk.retry import RetryPolicy
from tests.contracts.fake_server import FakeServer, Fault, failing_share
from tests.unit.fakes import WordEncoder

AT_ONCE = RetrySettings(first_wait_s=0, attempts=10)
HTML = "<html><body>Bad gateway</body></html>"

TRANSIENT = {
    "408": Fault(408, '{"status": {"error": "timeout"}}'),
    "429": Fault(429, "{}"),
    "429 with Retry-After": Fault(429, "{}", {"Retry-After": "0"}),
    "500": Fault(500, '{"status": {"error": "internal"}}'),
    "502 as HTML": Fault(502, HTML),
    "503": Fault(503, '{"status": {"error": "shard unavailable"}}'),
    "504": Fault(504, ""),
    "504, carried out": Fault(504, "", carry_out=True),
    "HTML instead of JSON": Fault(200, HTML),
    "HTML instead of JSON, carried out": Fault(200, HTML, carry_out=True),
    "dropped before": Fault(drop=True),
    "dropped after": Fault(drop=True, carry_out=True),
    "timeout": Fault(wait_s=1.3),
    "timeout, carried out": Fault(wait_s=1.3, carry_out=True),
    "slow": Fault(wait_s=0.05, slow=True),
}
FOR_GOOD = {
    400: RequestRejectedError,
    401: AuthenticationError,
    403: AuthenticationError,
    404: CollectionNotFoundError,
    409: RequestRejectedError,
    422: RequestRejectedError,
    507: DiskFullError,
}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    made = FakeServer()
    yield made
    made.close()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between tries, in seconds; nobody waits for them."""
    times: list[float] = []
    monkeypatch.setattr(adapter, "RetryPolicy", partial(RetryPolicy, sleep=times.append))
    return times


def documents(count: int) -> list[Document]:
    return [Document(f"d{n:04}", f"word{n} common", {"n": n}) for n in range(count)]


def connect(server: FakeServer, retry: RetrySettings | None = AT_ONCE, **kw: Any) -> Retriever:
    return Retriever(server.url, encoder=WordEncoder(), retry=retry, timeout_s=1, **kw)


def stored(server: FakeServer) -> list[str]:
    server.plan = lambda *_: None
    with connect(server) as retriever:
        return sorted(document.id for document in retriever.documents())


def mentions(*ids: str) -> Callable[[bytes], bool]:
    return lambda body: any(f'"doc_id":"{each}"'.encode() in body for each in ids)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_fifth_of_all_requests_fails_and_everything_is_stored_once(
    server: FakeServer, seed: int
) -> None:
    server.plan = failing_share(0.2, list(TRANSIENT.values()), seed)
    with connect(server) as retriever:
        report = retriever.upsert(documents(1_000), batch_size=10)
        hits = [retriever.search(f"word{n}", limit=3) for n in range(0, 1_000, 50)]
    assert (report.failed, report.stored, report.empty) == ((), 1_000, 0)
    assert stored(server) == [document.id for document in documents(1_000)]
    assert [hit[0].id for hit in hits] == [f"d{n:04}" for n in range(0, 1_000, 50)]
    given = Counter(map(id, server.faults))
    assert {name for name, fault in TRANSIENT.items() if not given[id(fault)]} == set()


@pytest.mark.parametrize("seed", range(4))
def test_what_a_server_refuses_is_reported_and_the_rest_stored(
    server: FakeServer, seed: int
) -> None:
    refused = [f"d{n:04}" for n in (37, 38, 512, 999)]
    transient = failing_share(0.2, [TRANSIENT["503"], TRANSIENT["dropped after"]], seed)
    refuses = mentions(*refused)

    def plan(method: str, path: str, body: bytes) -> Fault | None:
        return Fault(400, "no room") if refuses(body) else transient(method, path, body)

    server.plan = plan
    with connect(server) as retriever:
        report = retriever.upsert(documents(1_000), batch_size=10)
    failed = [each for batch in report.failed for each in batch.ids]
    expected = [f"d{n:04}" for n in (*range(30, 40), *range(510, 520), *range(990, 1_000))]
    assert sorted(failed) == expected  # the whole batch of each
    assert report.stored == 970
    assert all(type(batch.cause) is RequestRejectedError for batch in report.failed)
    assert stored(server) == sorted({document.id for document in documents(1_000)} - set(failed))
    with connect(server) as retriever:  # what failed is handed in again
        again = [document for document in documents(1_000) if document.id in set(failed)]
        assert retriever.upsert(again).stored == 30
    assert stored(server) == [document.id for document in documents(1_000)]


def test_an_outage_in_the_middle_of_an_upload(server: FakeServer) -> None:
    away = mentions("d0020", "d0030")
    server.plan = lambda _m, _p, body: TRANSIENT["503"] if away(body) else None
    with connect(server, RetrySettings(first_wait_s=0, attempts=4)) as retriever:
        report = retriever.upsert(documents(60), batch_size=10)
    assert [batch.ids[0] for batch in report.failed] == ["d0020", "d0030"]
    assert [len(batch.ids) for batch in report.failed] == [10, 10]
    assert all("tried 4 times in" in str(batch.cause) for batch in report.failed)
    assert report.stored == 40
    assert len(stored(server)) == 40


def test_a_server_that_goes_away_for_good_is_raised_and_what_was_stored_stays(
    server: FakeServer,
) -> None:
    gone = mentions(*(f"d{n:04}" for n in range(20, 100)))
    server.plan = lambda _m, _p, body: Fault(drop=True) if gone(body) else None
    with (
        connect(server, RetrySettings(first_wait_s=0, attempts=2)) as retriever,
        pytest.raises(EngineConnectionError, match=r"tried 2 times.*run the same upsert again"),
    ):
        retriever.upsert(documents(100), batch_size=10)
    assert stored(server) == [f"d{n:04}" for n in range(20)]


def test_a_request_that_succeeded_is_not_sent_again_with_the_one_that_failed(
    server: FakeServer, slept: list[float]
) -> None:
    large = [Document(f"d{n}", "word", {"pad": "x" * 1_500_000}) for n in range(4)]
    with connect(server) as retriever:
        retriever.upsert([Document("first", "word")])
        server.asked.clear()
        failures = [TRANSIENT["503"]]
        second = mentions("d2")
        server.plan = lambda _m, _p, body: failures.pop() if failures and second(body) else None
        retriever.upsert(large, batch_size=4)
    puts = [path for method, path in server.asked if method == "PUT"]
    assert len(puts) == 3  # d0 and d1; d2 and d3, which fails; and those again


@pytest.mark.parametrize("status", FOR_GOOD)
def test_what_no_retry_cures_is_tried_once(
    server: FakeServer, slept: list[float], status: int
) -> None:
    with connect(server) as retriever:
        retriever.upsert(documents(1))
        server.fault = Fault(status, "no")
        for use in (
            lambda: retriever.search("common"),
            lambda: retriever.get("d0000"),
            lambda: retriever.delete("d0000"),
            lambda: retriever.count(),
            lambda: list(retriever.documents()),
        ):
            server.asked.clear()
            with pytest.raises(FOR_GOOD[status]) as raised:
                use()
            assert len(server.asked) == 1
            assert "tried" not in str(raised.value)
    assert slept == []


@pytest.mark.parametrize("name", TRANSIENT)
def test_each_transient_fault_is_survived_by_each_call(
    server: FakeServer, slept: list[float], name: str
) -> None:
    with connect(server, RetrySettings()) as retriever:
        server.plan = _first_of_each_path(TRANSIENT[name])
        retriever.upsert(documents(3))  # opens, creates and stores
        retriever.delete("d0002")
        assert [hit.id for hit in retriever.search("word1 common")] == ["d0001", "d0000"]
        assert retriever.count() == 2
        assert [each.id for each in retriever.get(["d0001", "d0002"])] == ["d0001"]
        assert {each.id for each in retriever.documents()} == {"d0000", "d0001"}
    assert len(server.faults) >= 8
    assert len(slept) == (0 if name == "slow" else len(server.faults))


def _first_of_each_path(fault: Fault) -> Callable[[str, str, bytes], Fault | None]:
    seen: set[tuple[str, str]] = set()

    def plan(method: str, path: str, _: bytes) -> Fault | None:
        if (method, path) in seen:
            return None
        seen.add((method, path))
        return fault

    return plan


def test_off_means_one_try(server: FakeServer) -> None:
    server.fault = TRANSIENT["503"]
    with connect(server, None) as retriever, pytest.raises(EngineConnectionError):
        retriever.count()
    assert len(server.asked) == 1


def test_retry_after_is_honoured(server: FakeServer, slept: list[float]) -> None:
    answers = [Fault(429, "{}", {"Retry-After": "7"}), Fault(429, "{}", {"Retry-After": "31"})]
    with connect(server, RetrySettings(first_wait_s=0)) as retriever:
        retriever.upsert(documents(1))
        server.plan = lambda *_: answers.pop(0) if answers else None
        assert retriever.count() == 1
    assert slept == [7, 31]


def test_retry_after_is_bounded(server: FakeServer, slept: list[float]) -> None:
    with connect(server, RetrySettings(max_retry_after_s=60)) as retriever:
        retriever.upsert(documents(1))
        server.asked.clear()
        server.fault = Fault(429, "{}", {"Retry-After": "61"})
        with pytest.raises(RateLimitedError, match="wait 61 s") as raised:
            retriever.count()
    assert raised.value.retry_after_s == 61
    assert slept == []
    assert len(server.asked) == 1


def test_a_date_to_retry_after_backs_off(server: FakeServer, slept: list[float]) -> None:
    answers = [Fault(429, "{}", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})]
    with connect(server, RetrySettings()) as retriever:
        retriever.upsert(documents(1))
        server.plan = lambda *_: answers.pop() if answers else None
        assert retriever.count() == 1
    assert len(slept) == 1


def test_the_total_time_is_kept(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]

    def sleep(seconds: float) -> None:
        now_s[0] += seconds

    policy = partial(RetryPolicy, sleep=sleep, clock=lambda: now_s[0])
    monkeypatch.setattr(adapter, "RetryPolicy", policy)
    server.fault = Fault(429, "{}", {"Retry-After": "10"})
    settings = RetrySettings(attempts=99, first_wait_s=0, total_s=45)
    with (
        connect(server, settings) as retriever,
        pytest.raises(RateLimitedError, match=r"tried 5 times in 40\.0 s"),
    ):
        retriever.count()
    assert now_s == [40.0]  # 4 waits of 10 s; the fifth would end after 50 s


@pytest.mark.parametrize("status", [*FOR_GOOD, 408, 429, 500, 503, 504, 418])
def test_the_key_is_in_no_message(server: FakeServer, slept: list[float], status: int) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
        retriever = connect(server, api_key="s3cret")
        retriever.upsert(documents(20), batch_size=10)
        server.fault = Fault(status, '{"status": {"error": "key s3cret cannot do this"}}')
        with retriever, pytest.raises(EngineError, match=r"key \*\*\* cannot") as raised:
            retriever.count()
    assert "s3cret" not in str(raised.value)
    assert "s3cret" not in repr(raised.value)


def test_a_creation_whose_answer_is_lost_is_no_error(
    server: FakeServer, slept: list[float]
) -> None:
    lost = [Fault(drop=True, carry_out=True)]
    server.plan = lambda method, path, _: (
        lost.pop() if lost and (method, path) == ("PUT", "/collections/documents") else None
    )
    with connect(server) as retriever:
        assert retriever.upsert(documents(2)).stored == 2
    creations = [path for method, path in server.asked if method == "PUT"]
    assert creations[:2] == ["/collections/documents"] * 2  # the second is told: exists already


def test_a_timeout_says_how_long_it_was_tried(server: FakeServer, slept: list[float]) -> None:
    server.fault = Fault(wait_s=1.2)
    with (
        connect(server, RetrySettings(attempts=2)) as retriever,
        pytest.raises(EngineTimeoutError, match="raise timeout_s; tried 2 times in"),
    ):
        retriever.count()
