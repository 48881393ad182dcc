"""A Qdrant server's gRPC front with faults on demand, from the stubs of qdrant-client."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
from qdrant_client import grpc as messages
from qdrant_client.grpc.points_service_pb2_grpc import PointsServicer, add_PointsServicer_to_server


@dataclass(frozen=True)
class GrpcFault:
    """A status to end the call with, after it was carried out or before."""

    code: grpc.StatusCode
    retry_after_s: int | None = None
    carry_out: bool = False


class FakeGrpcServer(PointsServicer):  # type: ignore[misc]
    """Stores and counts points; ``plan`` chooses a fault for each call by its method's name."""

    def __init__(self) -> None:
        self.plan: Callable[[str], GrpcFault | None] = lambda _: None
        self.asked: list[str] = []
        self.stored: dict[str, Any] = {}
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4))
        add_PointsServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def close(self) -> None:
        self._server.stop(grace=None).wait()

    def Upsert(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name
        def carry_out() -> Any:
            self.stored.update((point.id.uuid, point) for point in request.points)
            done = messages.UpdateResult(status=messages.UpdateStatus.Completed)
            return messages.PointsOperationResponse(result=done)

        return self._answer("upsert", carry_out, context)

    def Count(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name
        def carry_out() -> Any:
            return messages.CountResponse(result=messages.CountResult(count=len(self.stored)))

        return self._answer("count", carry_out, context)

    def _answer(self, name: str, carry_out: Callable[[], Any], context: Any) -> Any:
        self.asked.append(name)
        fault = self.plan(name)
        if fault is None:
            return carry_out()
        if fault.carry_out:
            carry_out()
        if fault.retry_after_s is not None:
            context.set_trailing_metadata([("retry-after", str(fault.retry_after_s))])
        context.abort(fault.code, "because")
        raise AssertionError  # abort raises
