"""Where the tests find a Qdrant server: at QDRANT_URL, in a container, or nowhere."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping

__all__ = ["compose_command", "runs", "setup_commands", "why_no_server"]

Runs = Callable[[str], bool]


def runs(command: str) -> bool:
    """Say whether a command exists and succeeds."""
    try:
        return subprocess.run(command.split(), capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def compose_command(runs: Runs = runs) -> str | None:
    """Return the command of compose: v2 where it is there, else v1, else None."""
    for command in ("docker compose", "docker-compose"):
        if runs(f"{command} version"):
            return command
    return None


def setup_commands(command: str) -> list[str]:
    """Return what starts the services; compose v1 cannot wait until they are healthy."""
    return ["up --build --wait" if command == "docker compose" else "up --build -d"]


def why_no_server(environment: Mapping[str, str], runs: Runs = runs) -> str | None:
    """Return why no server can be had, or None where one can."""
    if environment.get("QDRANT_URL"):
        return None
    if environment.get("SPLADE_TEST_DOCKER") != "1":
        return (
            "no Qdrant server: set QDRANT_URL to the address of one, or SPLADE_TEST_DOCKER=1 to "
            "start one in a container"
        )
    if compose_command(runs) is None:
        return (
            "no Qdrant server: SPLADE_TEST_DOCKER=1, but neither 'docker compose' nor "
            "'docker-compose' runs"
        )
    if not runs("docker info"):
        return "no Qdrant server: SPLADE_TEST_DOCKER=1, but no docker daemon answers"
    return None
