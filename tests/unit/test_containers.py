"""How the tests themselves choose a server."""

from __future__ import annotations

import pytest

from tests.containers import Runs, compose_command, runs, setup_commands, why_no_server

V2, V1, DAEMON = "docker compose version", "docker-compose version", "docker info"


def machine(*commands: str) -> Runs:
    return lambda command: command in commands


@pytest.mark.parametrize(
    ("there", "command"),
    [
        ((V2, V1), "docker compose"),
        ((V2,), "docker compose"),
        ((V1,), "docker-compose"),
        ((), None),
    ],
)
def test_compose_v2_before_v1(there: tuple[str, ...], command: str | None) -> None:
    assert compose_command(machine(*there)) == command


def test_only_v2_can_wait() -> None:
    assert setup_commands("docker compose") == ["up --build --wait"]
    assert setup_commands("docker-compose") == ["up --build -d"]


@pytest.mark.parametrize(
    ("environment", "there", "told"),
    [
        ({"QDRANT_URL": "http://h"}, (), None),
        ({"QDRANT_URL": "http://h", "SPLADE_TEST_DOCKER": "1"}, (), None),
        ({"SPLADE_TEST_DOCKER": "1"}, (V2, DAEMON), None),
        ({"SPLADE_TEST_DOCKER": "1"}, (V1, DAEMON), None),
        ({}, (V2, DAEMON), "set QDRANT_URL"),
        ({"QDRANT_URL": ""}, (V2, DAEMON), "set QDRANT_URL"),
        ({"SPLADE_TEST_DOCKER": "0"}, (V2, DAEMON), "set QDRANT_URL"),
        ({"SPLADE_TEST_DOCKER": "1"}, (DAEMON,), "neither 'docker compose' nor"),
        ({"SPLADE_TEST_DOCKER": "1"}, (V2,), "no docker daemon answers"),
    ],
)
def test_why_there_is_no_server(
    environment: dict[str, str], there: tuple[str, ...], told: str | None
) -> None:
    why = why_no_server(environment, machine(*there))
    assert (why is None) == (told is None)
    assert told is None or (why and told in why and "\n" not in why)


def test_a_command_that_fails_or_does_not_exist_does_not_run() -> None:
    assert runs("true")
    assert not runs("false")
    assert not runs("a-command-that-nobody-has")
