"""Settings of the whole suite, and the Qdrant server that parts of it need."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest
from hypothesis import settings

from tests.containers import compose_command, setup_commands, why_no_server

# No wall-clock assertions: the first example of a test may import a heavy library.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(scope="session")
def qdrant_server_url(request: pytest.FixtureRequest) -> str:
    """The address of a server: QDRANT_URL, or a container's with SPLADE_TEST_DOCKER=1."""
    if why := why_no_server(os.environ):
        pytest.skip(why)
    if url := os.environ.get("QDRANT_URL"):
        return url
    services = request.getfixturevalue("docker_services")
    url = f"http://{request.getfixturevalue('docker_ip')}:{services.port_for('qdrant', 6333)}"
    services.wait_until_responsive(lambda: _is_ready(url), timeout=60.0, pause=0.2)
    return url


@pytest.fixture(scope="session")
def docker_compose_file(pytestconfig: pytest.Config) -> str:
    return str(Path(pytestconfig.rootpath) / "docker-compose.test.yml")


@pytest.fixture(scope="session")
def docker_compose_command() -> str:
    return compose_command() or "docker compose"


@pytest.fixture(scope="session")
def docker_setup(docker_compose_command: str) -> list[str]:
    return setup_commands(docker_compose_command)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
