"""A Qdrant server's REST front over qdrant-client's local mode, with faults on demand.

It speaks the wire format through qdrant-client's own models, so that what the adapter sends and
reads is tested without a server.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, TypeAdapter
from qdrant_client import QdrantClient, models

_ROUTE = re.compile(r"/collections/(?P<name>[^/?]+)(?P<rest>[^?]*)")
_VERSION = {"title": "a fake qdrant", "version": version("qdrant-client")}
_SELECTOR: TypeAdapter[Any] = TypeAdapter(models.PointsSelector)


class Fault:
    """An answer to give instead: status, body and headers; or a delay; or a closed connection.

    With ``carry_out`` the request is carried out first, and only its answer is lost; with
    ``slow`` the true answer is given, after the delay.
    """

    def __init__(
        self,
        status: int = 200,
        body: str = "",
        headers: dict[str, str] | None = None,
        *,
        wait_s: float = 0.0,
        drop: bool = False,
        carry_out: bool = False,
        slow: bool = False,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers or {}
        self.wait_s = wait_s
        self.drop = drop
        self.carry_out = carry_out
        self.slow = slow


# Chooses the fault of a request by method, path and body; None answers truly.
Plan = Callable[[str, str, bytes], Fault | None]


def failing_share(share: float, faults: Sequence[Fault], seed: int) -> Plan:
    """Let a share of the requests fail, in each way in turn."""
    draw = random.Random(seed)
    ways = itertools.cycle(faults)
    return lambda *_: next(ways) if draw.random() < share else None


class FakeServer:
    """Runs in threads of this process; ``fault`` is given until it is set to None.

    ``plan`` chooses a fault for each request instead; ``asked`` lists the requests that came, as
    method and path, and ``faults`` those that were given.
    """

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.plan: Plan = lambda *_: self.fault
        self.asked: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.bodies: list[bytes] = []
        self.shard_keys: list[str] = []
        self.thresholds: list[int] = [20_000]
        self._engine: Any = QdrantClient(":memory:")  # its types want less than requests may hold
        self._lock = threading.Lock()
        self._http = _Front(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._engine.close()

    def answer(self, method: str, path: str, body: bytes) -> Any:
        """Return the result of one request, as models or plain values."""
        if path == "/":
            return None
        found = _ROUTE.match(path)
        assert found, path
        name, rest = found["name"], found["rest"]
        if method == "PUT" and rest.startswith("/vectors/"):
            return self._add_vector(name, rest.removeprefix("/vectors/"), body)
        return getattr(self, f"_{method}{rest.replace('/', '_')}".lower())(name, body)

    def _get_exists(self, name: str, _: bytes) -> Any:
        return {"exists": self._engine.collection_exists(name)}

    def _get(self, name: str, _: bytes) -> Any:
        info = self._engine.get_collection(name)
        info.config.optimizer_config.indexing_threshold = self.thresholds[-1]
        return info

    def _put(self, name: str, body: bytes) -> Any:
        given = models.CreateCollection.model_validate_json(body)
        return self._engine.create_collection(
            name,
            vectors_config=given.vectors,
            sparse_vectors_config=given.sparse_vectors,
            metadata=given.metadata,
        )

    def _patch(self, name: str, body: bytes) -> Any:
        given = models.UpdateCollection.model_validate_json(body)
        if given.optimizers_config and given.optimizers_config.indexing_threshold is not None:
            self.thresholds.append(given.optimizers_config.indexing_threshold)
        return self._engine.update_collection(name, metadata=given.metadata)

    def _add_vector(self, name: str, vector: str, body: bytes) -> Any:
        """Make the collection anew with one more vector, as local mode cannot add any."""
        added = models.DenseVectorNameConfig.model_validate_json(body).dense
        config = self._engine.get_collection(name).config
        points, _ = self._engine.scroll(name, limit=1_000_000, with_vectors=True)
        self._engine.delete_collection(name)
        self._engine.create_collection(
            name,
            vectors_config={
                **(config.params.vectors or {}),
                vector: models.VectorParams(size=added.size, distance=added.distance),
            },
            sparse_vectors_config=config.params.sparse_vectors,
            metadata=config.metadata,
        )
        structs = [
            models.PointStruct(id=each.id, vector=each.vector, payload=each.payload)
            for each in points
        ]
        if structs:
            self._engine.upsert(name, structs)
        return models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED)

    def _delete(self, name: str, _: bytes) -> Any:
        return self._engine.delete_collection(name)

    def _get_shards(self, _name: str, _: bytes) -> Any:
        return {"shard_keys": [{"key": key} for key in self.shard_keys]}

    def _put_shards(self, _name: str, body: bytes) -> Any:
        self.shard_keys.append(json.loads(body)["shard_key"])
        return True

    def _put_index(self, name: str, body: bytes) -> Any:
        given = models.CreateFieldIndex.model_validate_json(body)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._engine.create_payload_index(name, given.field_name, given.field_schema)

    def _put_points(self, name: str, body: bytes) -> Any:
        given = models.PointsList.model_validate_json(body)
        points = given.points
        if given.update_mode == models.UpdateMode.UPDATE_ONLY:  # local mode before 1.20 inserts
            found = self._engine.retrieve(name, [point.id for point in points], with_payload=False)
            there = {str(record.id) for record in found}
            points = [point for point in points if str(point.id) in there]
        return self._engine.upsert(
            name,
            points,
            update_filter=given.update_filter,
            update_mode=given.update_mode,
        )

    def _post_points(self, name: str, body: bytes) -> Any:
        given = models.PointRequest.model_validate_json(body)
        return self._engine.retrieve(
            name, given.ids, with_payload=given.with_payload, with_vectors=given.with_vector
        )

    def _post_points_delete(self, name: str, body: bytes) -> Any:
        return self._engine.delete(name, _SELECTOR.validate_json(body))

    def _post_points_count(self, name: str, body: bytes) -> Any:
        return self._engine.count(name, models.CountRequest.model_validate_json(body).filter)

    def _post_points_scroll(self, name: str, body: bytes) -> Any:
        given = models.ScrollRequest.model_validate_json(body)
        points, following = self._engine.scroll(
            name,
            given.filter,
            given.limit,
            offset=None if given.offset is None else str(given.offset),  # a UUID there
            with_payload=given.with_payload,
            with_vectors=given.with_vector,
        )
        return {"points": points, "next_page_offset": following}

    def _post_points_query(self, name: str, body: bytes) -> Any:
        given = models.QueryRequestBatch(searches=[models.QueryRequest.model_validate_json(body)])
        return self._engine.query_batch_points(name, given.searches)[0]

    def _post_points_query_batch(self, name: str, body: bytes) -> Any:
        given = models.QueryRequestBatch.model_validate_json(body)
        return self._engine.query_batch_points(name, given.searches)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with server._lock:
                    server.asked.append((self.command, self.path))
                    fault = server.plan(self.command, self.path, body)
                    server.faults += [] if fault is None else [fault]
                if fault is None:
                    self.reply(*self.carry_out(body), {})
                    return
                time.sleep(fault.wait_s)
                true_answer = self.carry_out(body) if fault.carry_out or fault.slow else None
                if fault.drop:
                    self.close_connection = True
                elif fault.slow and true_answer:
                    self.reply(*true_answer, {})
                else:
                    self.reply(fault.status, fault.body, fault.headers)

            def carry_out(self, body: bytes) -> tuple[int, str]:
                with server._lock:
                    server.bodies.append(body)
                    try:
                        result = server.answer(self.command, self.path, body)
                    except ValueError as error:
                        return _status(str(error)), json.dumps({"status": {"error": str(error)}})
                    told = {"status": "ok", "time": 0.0, "result": _plain(result)}
                    return 200, json.dumps({**told, **(_VERSION if self.path == "/" else {})})

            do_GET = do_PUT = do_POST = handle_any  # noqa: N815 - http.server's names
            do_PATCH = do_DELETE = handle_any  # noqa: N815 - the same

            def reply(self, status: int, text: str, headers: dict[str, str]) -> None:
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name, value)
                with suppress(ConnectionError):  # a client that did not want to wait so long
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


class _Front(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with five, some systems refuse a burst of connections


def _status(told: str) -> int:
    if "already exists" in told:
        return 409
    return 404 if "not found" in told else 400


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value
