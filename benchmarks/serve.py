"""What the service keeps of an encoder's throughput, when 16 clients use it over loopback.

    python -m benchmarks.serve                    # or --texts 500 --rounds 1 for a quick look

The service runs in a process of its own on the same machine. In each round the texts are encoded
directly in one call, and then through each load, so that what disturbs the machine disturbs all of
them; the ratio is the median over the rounds. Processor time is less noisy than time: it tells what
a text costs in the service, beside what it costs in the encoder alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import psutil

from benchmarks._common import (
    RESULTS,
    hardware,
    hardware_line,
    read_texts,
    table,
    versions,
    write_results,
)
from benchmarks._weights import TWO_LAYERS, two_layer_folder
from splade_sdk.encoders.remote import RemoteEncoder
from splade_sdk.encoders.remote_wire import embed_request, read_vectors
from splade_sdk.encoders.splade import SpladeEncoder
from splade_sdk.types import SparseBatch

CLIENTS = 16
WORDS = 70  # of a text: about 100 tokens, a passage
GOAL = 0.7


class Measured(NamedTuple):
    """One pass of all texts.

    Attributes:
        seconds: From the first request to the last answer.
        latencies_s: Of each request.
        failed: Requests with another status than 200, or with other vectors than the encoder's.
    """

    seconds: float
    latencies_s: list[float]
    failed: int


Check = Callable[[Sequence[str], bytes], bool]


async def _client(address: tuple[str, int], queue: list[list[str]], done: list[Any]) -> None:
    """Send requests over one connection until none is left; answers are read, not yet parsed."""
    reader, writer = await asyncio.open_connection(*address)
    while queue:
        texts = queue.pop()
        body = embed_request(texts, prompt_name=None, truncate=True)
        head = (
            "POST /embed_sparse HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        started = perf_counter()
        writer.write(head.encode() + body)
        told = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(told.partition(b"content-length:")[2].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        done.append((texts, told.split()[1] == b"200", answer, perf_counter() - started))
    writer.close()
    await writer.wait_closed()


def load_requests(
    address: tuple[str, int], texts: Sequence[str], size: int, check: Check
) -> Measured:
    """Send the texts from 16 connections, so many in a request."""
    queue = [list(texts[at : at + size]) for at in range(0, len(texts), size)][::-1]
    done: list[tuple[list[str], bool, bytes, float]] = []

    async def clients() -> None:
        await asyncio.gather(*(_client(address, queue, done) for _ in range(CLIENTS)))

    started = perf_counter()
    asyncio.run(clients())
    seconds = perf_counter() - started
    failed = sum(not (fine and check(sent, answer)) for sent, fine, answer, _ in done)
    return Measured(seconds, [latency for *_, latency in done], failed)


def load_library(
    address: tuple[str, int], texts: Sequence[str], size: int, check: Check
) -> Measured:
    """Encode the texts by 16 RemoteEncoders in threads; parsing the answers is part of it."""
    del check
    url = f"http://{address[0]}:{address[1]}"
    batches = [list(texts[at : at + size]) for at in range(0, len(texts), size)]
    latencies: list[float] = []

    def work(mine: list[list[str]]) -> int:
        failed = 0
        with RemoteEncoder(url, retry=None) as remote:
            for batch in mine:
                started = perf_counter()
                failed += len(remote.encode_document(batch, show_progress_bar=False)) != len(batch)
                latencies.append(perf_counter() - started)
        return failed

    started = perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        failed = sum(pool.map(work, [batches[n::CLIENTS] for n in range(CLIENTS)]))
    return Measured(perf_counter() - started, latencies, failed)


LOADS: dict[str, Callable[..., Measured]] = {
    "1 text a request": partial(load_requests, size=1),
    "8 texts a request": partial(load_requests, size=8),
    "RemoteEncoder, 8 texts a request": partial(load_library, size=8),
}


def same_as(vectors: SparseBatch, texts: Sequence[str]) -> Check:
    """Return what says whether an answer holds the encoder's vectors, up to rounding."""
    row_of = {text: row for row, text in enumerate(texts)}

    def check(sent: Sequence[str], answer: bytes) -> bool:
        dimensions = vectors.dimensions
        made = read_vectors(answer, rows=len(sent), dimensions=dimensions, where="the service")
        expected = vectors[np.array([row_of[text] for text in sent])]
        difference = abs(made.to_scipy() - expected.to_scipy())
        return difference.nnz == 0 or bool(difference.max() < 1e-3)

    return check


@contextmanager
def service(model: str) -> Iterator[tuple[tuple[str, int], psutil.Process]]:
    """Run the service in a process of its own, and give its address."""
    command = [sys.executable, "-m", "benchmarks.serve", "--serve", "--model", model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield ("127.0.0.1", int(process.stdout.readline())), psutil.Process(process.pid)
        finally:
            process.terminate()


def serve(model: str) -> None:
    """Be that process: print the port, then serve until told to stop."""
    from splade_sdk.serving import create_app
    from splade_sdk.serving.server import make_server

    server = make_server(create_app(SpladeEncoder(model)), port=0)

    def tell() -> None:
        while not server.started:
            time.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)

    threading.Thread(target=tell, daemon=True).start()
    server.run()


def measure(model: str, texts: list[str], rounds: int) -> dict[str, Any]:
    """Encode the texts directly and through each load, in turn."""
    encoder = SpladeEncoder(model)
    vectors = encoder.encode_document(texts, show_progress_bar=False)
    check = same_as(vectors, texts)
    mine = psutil.Process()
    with service(model) as (address, its):
        for load in LOADS.values():  # warm up
            load(address, texts[: 8 * CLIENTS], check=check)
        direct_s: list[float] = []
        direct_cpu_s: list[float] = []
        loads: dict[str, list[Measured]] = {name: [] for name in LOADS}
        cpu_s: dict[str, list[float]] = {name: [] for name in LOADS}
        for _ in range(rounds):
            before, started = _cpu_s(mine), perf_counter()
            encoder.encode_document(texts, show_progress_bar=False)
            direct_s.append(perf_counter() - started)
            direct_cpu_s.append(_cpu_s(mine) - before)
            for name, load in LOADS.items():
                before = _cpu_s(its)
                loads[name].append(load(address, texts, check=check))
                cpu_s[name].append(_cpu_s(its) - before)
    return {
        "direct_texts_a_s": len(texts) / statistics.median(direct_s),
        "direct_cpu_ms": 1e3 * statistics.median(direct_cpu_s) / len(texts),
        "loads": {
            name: {
                "texts_a_s": len(texts) / statistics.median(each.seconds for each in passes),
                "ratio": statistics.median(
                    direct / each.seconds for direct, each in zip(direct_s, passes, strict=True)
                ),
                "cpu_ms": 1e3 * statistics.median(cpu_s[name]) / len(texts),
                "p50_ms": 1e3 * float(np.percentile(_latencies_s(passes), 50)),
                "p95_ms": 1e3 * float(np.percentile(_latencies_s(passes), 95)),
                "requests": len(_latencies_s(passes)),
                "failed": sum(each.failed for each in passes),
            }
            for name, passes in loads.items()
        },
    }


def _latencies_s(passes: Sequence[Measured]) -> list[float]:
    return [latency for each in passes for latency in each.latencies_s]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def report(result: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    rows = [
        [
            name,
            load["texts_a_s"],
            f"{load['ratio']:.0%}",
            load["cpu_ms"],
            load["p50_ms"],
            load["p95_ms"],
            load["requests"],
            load["failed"],
        ]
        for name, load in result["loads"].items()
    ]
    direct = [
        "direct, one call",
        result["direct_texts_a_s"],
        "100%",
        result["direct_cpu_ms"],
        *["-"] * 4,
    ]
    about = (
        f"Model: {result['model']}. {result['texts']:,} passages of {WORDS} words at most, "
        f"{CLIENTS} clients on loopback, on the same machine as the service; {result['rounds']} "
        f"rounds. Goal: {GOAL:.0%} of direct encoding, no failed request. Processor time is of the "
        "encoder's or the service's process, milliseconds a text; latencies are of a request."
    )
    header = ["", "texts/s", "of direct", "CPU ms", "p50 ms", "p95 ms", "requests", "failed"]
    return "\n\n".join(
        [
            "# What the service keeps of direct encoding",
            hardware_line(result["hardware"], result["versions"]),
            about,
            table(header, [direct, *rows]),
        ]
    )


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--collection", default="scifact")
    parser.add_argument("--model", help="name or folder; without it, a SPLADE model of 2 layers")
    parser.add_argument("--output", type=Path, default=RESULTS / "serve")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    model = given.model or str(two_layer_folder())
    if given.serve:
        serve(model)
        return
    whole = read_texts(given.collection, given.texts)
    texts = list(dict.fromkeys(" ".join(text.split()[:WORDS]) for text in whole))
    result: dict[str, Any] = {
        "hardware": hardware(),
        "versions": versions("splade-sdk", "fastapi", "uvicorn", "httptools", "httpx", "torch"),
        "model": Path(given.model).name if given.model else TWO_LAYERS,
        "texts": len(texts),
        "rounds": given.rounds,
        **measure(model, texts, given.rounds),
    }
    markdown = report(result)
    print(markdown)
    write_results(given.output, result, markdown)
    if any(load["failed"] for load in result["loads"].values()):
        raise SystemExit(json.dumps({name: x["failed"] for name, x in result["loads"].items()}))


if __name__ == "__main__":
    main()
