from __future__ import annotations

import inspect
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from splade_integrations.rag import chat_errors
from splade_sdk.encoders import remote_errors
from splade_sdk.errors import (
    EngineConnectionError,
    EngineError,
    RateLimitedError,
    RequestRejectedError,
)
from splade_sdk.http_errors import Reading, excerpt, read_status, retry_after_s, to_error
from splade_sdk.retry import RetrySettings

ADVICE = {400: "refused", 500: "failed", 404: "nothing there"}
HTTPX = [
    each
    for _, each in inspect.getmembers(httpx, inspect.isclass)
    if issubclass(each, Exception) and each is not Exception
]


def made(foreign: type[Exception]) -> Exception:
    error = foreign.__new__(foreign)
    error.args = ("because",)
    return error


@pytest.mark.parametrize("foreign", HTTPX)
@pytest.mark.parametrize("service", [remote_errors, chat_errors])
def test_no_error_of_httpx_is_forgotten(service: Any, foreign: type[Exception]) -> None:
    errors: AbstractContextManager[None] = service.transport_errors("http://h")
    with pytest.raises(EngineError, match=r"^http://h: "), errors:
        raise made(foreign)


@pytest.mark.parametrize("service", [remote_errors, chat_errors])
def test_other_errors_pass(service: Any) -> None:
    with pytest.raises(KeyError), service.transport_errors("http://h"):
        raise KeyError("x")


@pytest.mark.parametrize(
    ("status", "kind", "message", "retryable"),
    [
        (404, RequestRejectedError, "nothing there (status 404: no)", "never"),
        (418, RequestRejectedError, "refused (status 418: no)", "never"),
        (429, RateLimitedError, "refused (status 429: no)", "often"),
        (502, EngineConnectionError, "failed (status 502: no)", "often"),
        (501, EngineError, "failed (status 501: no)", "never"),
        (529, EngineError, "failed (status 529: no)", "few"),
    ],
)
def test_statuses(status: int, kind: type[EngineError], message: str, retryable: Any) -> None:
    assert read_status(status, "no", ADVICE) == Reading(kind, message, retryable)


def test_a_service_has_kinds_of_its_own() -> None:
    assert read_status(404, "no", ADVICE, {404: EngineConnectionError}).kind is (
        EngineConnectionError
    )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), (" 7 ", 7.0), (None, None), ("", None), ("soon", None), ("-3", None), ("²", None)],
)
def test_retry_after_as_seconds(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header) == seconds


def test_retry_after_as_a_date() -> None:
    until = datetime.now(timezone.utc) + timedelta(seconds=90)
    seconds = retry_after_s(format_datetime(until, usegmt=True))
    assert seconds is not None
    assert 60 < seconds <= 90
    past = retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT")
    assert past is not None
    assert past < 0


@pytest.mark.parametrize("service", [remote_errors, chat_errors])
@pytest.mark.parametrize("status", [429, 503])
def test_every_service_reads_a_date(service: Any, status: int) -> None:
    date = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=3600), usegmt=True)
    answer = httpx.Response(status, headers={"retry-after": date})
    with pytest.raises(RateLimitedError) as raised:
        service.raise_for_status(answer, "http://h", None)
    assert raised.value.retry_after_s is not None
    assert raised.value.retry_after_s > RetrySettings().max_retry_after_s


def test_answers_are_cut() -> None:
    assert excerpt("  ") == "no explanation"
    assert excerpt("x" * 500) == "x" * 500
    assert excerpt("x" * 501) == "x" * 500 + "..."


def test_messages_have_no_secrets() -> None:
    reading = Reading(EngineError, "https://me:hush@example.org said k123 is wrong", "never")
    error = to_error(reading, "http://you:hush@h", secret="k123")
    assert str(error) == "http://h: https://example.org said *** is wrong"


@pytest.mark.parametrize("service", [remote_errors])
def test_a_redirect_shows_no_password(service: Any) -> None:
    answer = httpx.Response(301, headers={"location": "https://me:hush@example.org"})
    with pytest.raises(EngineConnectionError, match=r"'https://example\.org'"):
        service.raise_for_status(answer, "http://h")
