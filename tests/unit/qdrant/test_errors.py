from __future__ import annotations

import inspect
import json
import sqlite3
from typing import Any

import grpc
import httpx
import pytest
from pydantic import BaseModel, ValidationError
from qdrant_client.common import client_exceptions
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http import exceptions as http_exceptions
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from splade_sdk.errors import (
    AuthenticationError,
    CollectionNotFoundError,
    DiskFullError,
    EngineClosedError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    IndexDamagedError,
    IndexLockedError,
    RateLimitedError,
    RequestRejectedError,
)
from splade_sdk.qdrant.errors import engine_errors, translate


def status(code: int, body: str = '{"status": {"error": "because"}}') -> UnexpectedResponse:
    return UnexpectedResponse(code, "reason", body.encode(), httpx.Headers())


class Rpc(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "because"


def invalid() -> ValidationError:
    class Model(BaseModel):
        x: int

    try:
        Model(x="no")
    except ValidationError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("foreign", "ours", "told"),
    [
        (status(400), RequestRejectedError, r"refused the request \(status 400: because\)"),
        (status(401, "Invalid API key or JWT"), AuthenticationError, "check api_key.*Invalid API"),
        (status(403), AuthenticationError, "check api_key"),
        (status(404), CollectionNotFoundError, "upsert documents first"),
        (status(408), EngineTimeoutError, "raise timeout_s"),
        (status(409), RequestRejectedError, "because"),
        (status(413), RequestRejectedError, "too large"),
        (status(422), RequestRejectedError, "because"),
        (status(429), RateLimitedError, "slow down"),
        (status(500), EngineError, r"the server failed \(status 500: because\)"),
        (status(503), EngineConnectionError, "overloaded or restarting"),
        (status(504), EngineTimeoutError, "raise timeout_s"),
        (status(507), DiskFullError, "no space left"),
        (status(418, ""), EngineError, "status 418: no explanation"),
        (status(500, "<html>" + "x" * 1000), EngineError, r"<html>x+\.\.\."),
        (ResourceExhaustedResponse("slow", 7), RateLimitedError, "wait 7 s"),
        (httpx.ConnectError("refused"), EngineConnectionError, "refused; is the server running"),
        (httpx.RemoteProtocolError("Server disconnected"), EngineConnectionError, "disconnected"),
        (httpx.ReadTimeout("timed out"), EngineTimeoutError, "raise timeout_s"),
        (httpx.ReadTimeout(""), EngineTimeoutError, r"in time \(ReadTimeout\)"),
        (httpx.InvalidURL("bad"), EngineConnectionError, "is the address right"),
        (json.JSONDecodeError("no", "<", 0), EngineConnectionError, "not one of a Qdrant server"),
        (invalid(), EngineConnectionError, "not one of a Qdrant server"),
        (Rpc(grpc.StatusCode.UNAUTHENTICATED), AuthenticationError, "UNAUTHENTICATED: because"),
        (Rpc(grpc.StatusCode.UNAVAILABLE), EngineConnectionError, "is the server running"),
        (Rpc(grpc.StatusCode.DEADLINE_EXCEEDED), EngineTimeoutError, "because"),
        (Rpc(grpc.StatusCode.RESOURCE_EXHAUSTED), RateLimitedError, "slow down"),
        (Rpc(grpc.StatusCode.NOT_FOUND), CollectionNotFoundError, "because"),
        (Rpc(grpc.StatusCode.INTERNAL), EngineError, "INTERNAL: because"),
        (grpc.RpcError("bare"), EngineError, "no status"),
        (ValueError("Collection x not found"), CollectionNotFoundError, "upsert documents"),
        (ValueError("Indices must be unique"), RequestRejectedError, "must be unique"),
        (RuntimeError("already accessed by another instance"), IndexLockedError, "close the other"),
        (RuntimeError("QdrantLocal instance is closed."), EngineClosedError, "closed"),
        (RuntimeError("else"), EngineError, "RuntimeError: else"),
        (sqlite3.DatabaseError("file is not a database"), IndexDamagedError, "cannot be read"),
        (sqlite3.OperationalError("database or disk is full"), DiskFullError, "free some"),
        (NotImplementedError("Snapshots are not supported"), EngineError, "Snapshots"),
        (KeyError("x"), EngineError, "KeyError"),
    ],
    ids=lambda value: value.__name__ if inspect.isclass(value) else None,
)  # fmt: skip
def test_what_becomes_of_it(foreign: Exception, ours: type[EngineError], told: str) -> None:
    for raised in (foreign, ResponseHandlingException(foreign)):
        made = translate(raised, "collection 'docs' at http://h: cannot search")
        assert type(made) is ours
        assert str(made).startswith("collection 'docs' at http://h: cannot search: ")
        with pytest.raises(ours, match=told):
            raise made


def _classes(module: Any, base: type) -> list[type]:
    return [
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, base) and each.__module__.startswith(module.__name__.split(".")[0])
    ]


@pytest.mark.parametrize(
    "foreign",
    [
        *_classes(http_exceptions, Exception),
        *_classes(client_exceptions, Exception),
        *_classes(httpx, Exception),
    ],
)
def test_no_error_of_the_libraries_is_forgotten(foreign: type[Exception]) -> None:
    # A new class upstream that no reader knows would fall through to its bare name.
    error = foreign.__new__(foreign)
    error.__dict__.update(
        status_code=400, content=b"", headers={}, message="m", retry_after_s=1, source=OSError("s")
    )
    if foreign is ResponseHandlingException:
        assert type(translate(error, "x")) is EngineError
        return
    assert not str(translate(error, "x")).startswith(f"x: {foreign.__name__}:")


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_every_grpc_status_has_an_answer(code: grpc.StatusCode) -> None:
    assert code.name in str(translate(Rpc(code), "x"))


def test_retry_after_is_kept() -> None:
    made = translate(ResourceExhaustedResponse("slow", 7), "x")
    assert isinstance(made, RateLimitedError)
    assert made.retry_after_s == 7


@pytest.mark.parametrize(
    ("foreign", "retryable"),
    [
        *[(status(code), "never") for code in (400, 401, 403, 404, 409, 413, 418, 422, 501, 507)],
        *[(status(code), "often") for code in (408, 429, 502, 503, 504)],
        (status(500), "few"),
        (ResourceExhaustedResponse("slow", 7), "often"),
        (httpx.ConnectError("refused"), "often"),
        (httpx.RemoteProtocolError("Server disconnected"), "often"),
        (httpx.ReadTimeout("timed out"), "often"),
        (ConnectionResetError("reset"), "often"),
        (httpx.InvalidURL("bad"), "never"),
        (httpx.UnsupportedProtocol("ftp"), "never"),
        (httpx.LocalProtocolError("bad header"), "never"),
        (json.JSONDecodeError("no", "<", 0), "few"),
        (invalid(), "few"),
        *[
            (
                Rpc(code),
                {"UNAVAILABLE": "often", "DEADLINE_EXCEEDED": "often", "INTERNAL": "few"}.get(
                    code.name, "never"
                ),
            )
            for code in grpc.StatusCode
        ],
        (ValueError("Indices must be unique"), "never"),
        (RuntimeError("already accessed by another instance"), "never"),
        (sqlite3.DatabaseError("file is not a database"), "never"),
        (KeyError("x"), "never"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value)[:40].split("\n")[0],
)
def test_how_often_another_try_is_worth_it(foreign: Exception, retryable: str) -> None:
    assert translate(foreign, "x").retryable == retryable


def test_a_date_to_retry_after_is_a_rate_limit_all_the_same() -> None:
    with pytest.raises(client_exceptions.QdrantException) as raised:
        ResourceExhaustedResponse("slow", "Wed, 21 Oct 2026 07:28:00 GMT")  # type: ignore[arg-type]
    made = translate(raised.value, "x")
    assert isinstance(made, RateLimitedError)
    assert (made.retryable, made.retry_after_s) == ("often", None)


def test_the_key_is_blotted_out() -> None:
    made = translate(status(401, "key s3cret is wrong"), "cannot open s3cret", "s3cret")
    assert "s3cret" not in str(made)
    assert "key *** is wrong" in str(made)


def test_ours_and_interrupts_pass_and_the_cause_is_kept() -> None:
    ours = EngineClosedError("closed")
    with pytest.raises(EngineClosedError) as raised, engine_errors("x"):
        raise ours
    assert raised.value is ours
    with pytest.raises(KeyboardInterrupt), engine_errors("x"):
        raise KeyboardInterrupt
    cause = ValueError("bad")
    with pytest.raises(RequestRejectedError) as rejected, engine_errors("x"):
        raise cause
    assert rejected.value.__cause__ is cause
