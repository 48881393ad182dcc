from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.unit.cli.conftest import Ran

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from splade_sdk.serving.server import CLOSE_S

Splade = Callable[..., Ran]
RUN = (
    "from splade_sdk.cli import opening\n"
    "from tests.unit.fakes import WordEncoder\n"
    "opening.open_encoder = lambda model, **_: WordEncoder()\n"
    "from splade_sdk.cli.main import run\n"
    "run()"
)
SLOW = (
    "import sys, time\n"
    "from tests.unit.fakes import WordEncoder\n"
    "def encode(self, texts, **options):\n"
    "    print('encoding', file=sys.stderr, flush=True)\n"
    "    time.sleep(1)\n"
    "    return made(self, texts, **options)\n"
    "made = WordEncoder.encode_texts\n"
    "WordEncoder.encode_texts = encode\n"
)
STUCK = (
    "import sys, time\n"
    "from splade_sdk import Retriever\n"
    "def search(self, query, **_):\n"
    "    print('searching', file=sys.stderr, flush=True)\n"
    "    while True: time.sleep(0.01)\n"
    "Retriever.search = search\n"
)
KEY = "not-for-everyone"


@contextmanager
def serving(
    *words: str, program: str = RUN, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``splade serve`` in a process of its own, and give its address."""
    with subprocess.Popen(
        [sys.executable, "-c", program, "serve", "--port", "0", *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1", **environment},
    ) as process:
        try:
            assert process.stderr is not None
            said = ""
            while not (found := re.search(r"running on (http://[\d.:]+)", said)):
                line = process.stderr.readline()
                assert line, said
                said += line
            yield process, found[1]
        finally:
            process.kill()


@pytest.fixture
def index(splade: Splade, tmp_path: Path) -> str:
    pytest.importorskip("qdrant_edge")
    rows = tmp_path / "docs.jsonl"
    rows.write_text(json.dumps({"id": "heart", "text": "heart attack"}) + "\n", encoding="utf-8")
    folder = str(tmp_path / "idx")
    assert splade("index", str(rows), "--index", folder, "--model", "words").code == 0
    return folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_index_is_served_until_told_to_stop(index: str, number: signal.Signals) -> None:
    with serving("--index", index) as (process, url):
        hits = httpx.post(f"{url}/search", json={"query": "attack"}).json()["hits"]
        assert [hit["id"] for hit in hits] == ["heart"]
        assert "splade search" in httpx.get(f"{url}/").text
        process.send_signal(number)
        assert process.wait(30) == {signal.SIGTERM: 0, signal.SIGINT: 130}[number]
    # The folder was let go: another process may have it.
    with serving("--index", index) as (_, url):
        assert httpx.get(f"{url}/health").status_code == 200


def test_a_request_under_way_is_answered_before_the_end() -> None:
    with serving(program=SLOW + RUN) as (process, url), ThreadPoolExecutor() as threads:
        asked = threads.submit(httpx.post, f"{url}/embed_sparse", json={"inputs": "a b"})
        assert process.stderr is not None
        while "encoding" not in process.stderr.readline():
            assert process.poll() is None
        process.terminate()
        assert asked.result().status_code == 200
        assert len(asked.result().json()[0]) == 2
        assert process.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_search_that_never_ends_does_not_keep_the_process(
    index: str, number: signal.Signals
) -> None:
    words = ("--index", index, "--stop-timeout", "1")
    with serving(*words, program=STUCK + RUN) as (process, url), ThreadPoolExecutor() as threads:
        threads.submit(httpx.post, f"{url}/search", json={"query": "a"}, timeout=60)
        assert process.stderr is not None
        while "searching" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(1 + CLOSE_S + 10) == 1
        assert "Timeout" in process.stderr.read()  # with the stacks of the threads
    with serving("--index", index) as (_, url):  # the lock is released
        assert httpx.post(f"{url}/search", json={"query": "attack"}).status_code == 200


def test_other_hosts_are_named(index: str) -> None:
    with serving("--index", index, "--allowed-host", "search.example") as (_, url):
        for host, status in (("search.example", 200), ("evil.example", 421)):
            assert httpx.get(f"{url}/info", headers={"Host": host}).status_code == status


def test_a_model_alone_is_served(index: str) -> None:
    with serving() as (_, url):
        assert len(httpx.post(f"{url}/embed_sparse", json={"inputs": ["a", "b"]}).json()) == 2
        assert httpx.post(f"{url}/search", json={"query": "a"}).status_code == 404


def test_the_key_comes_from_the_environment() -> None:
    with serving(SPLADE_SERVICE_KEY=KEY) as (process, url):
        assert httpx.get(f"{url}/info").status_code == 401
        headers = {"Authorization": f"Bearer {KEY}"}
        assert httpx.get(f"{url}/info", headers=headers).status_code == 200
        process.terminate()
        assert process.stderr is not None
        assert KEY not in process.stderr.read()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--index", "gone"), "gone"),
        (("--index", "x", "--url", "http://localhost"), "--index"),
        (("--port", "70000"), "port"),
    ],
)
def test_what_cannot_be_served(splade: Splade, words: tuple[str, ...], told: str) -> None:
    ran = splade("serve", *words)
    assert ran.code in (1, 2)
    assert told in ran.err


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = subprocess.run(
            [sys.executable, "-c", RUN, "serve", "--port", port],
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 1
    assert "address already in use" in ran.stderr
    assert "Traceback" not in ran.stderr
