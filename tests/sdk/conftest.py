"""Fixtures of the client tests: one server for all of them, a new person and a client of that person per module."""

import os
import secrets
import shutil
import tempfile
from pathlib import Path

import harness
import pytest
from harness import CLIENT_VERSION, parsed

# `wandb` reads the environment while it is imported and finds settings and credentials through HOME, so the process
# of the tests gets a home of its own before the first test module imports it.
HOME = Path(tempfile.mkdtemp(prefix="weighhouse-sdk-home-"))
for name in [name for name in os.environ if name.startswith("WANDB")]:
    del os.environ[name]
os.environ.update(harness.client_environment(HOME, "http://127.0.0.1:9", "0" * 40))

# History is sealed after few rows here, so that the tests read sealed and newest rows together.
SERVER_SETTINGS = {"WEIGHHOUSE__HISTORY__SEAL_ROWS": "1000"}


def pytest_unconfigure():
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_report_header():
    return f"wandb {CLIENT_VERSION}, {harness.BINARY}"


def pytest_collection_modifyitems(items):
    for item in items:
        too_old = [mark.args for mark in item.iter_markers("since") if parsed(CLIENT_VERSION) < parsed(mark.args[0])]
        too_new = [mark.args for mark in item.iter_markers("before") if parsed(CLIENT_VERSION) >= parsed(mark.args[0])]
        for _, what in too_old + too_new:
            item.add_marker(pytest.mark.skip(reason=f"wandb {CLIENT_VERSION} lacks {what}"))


@pytest.fixture(scope="session")
def server():
    server = harness.Server(SERVER_SETTINGS)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def person(server):
    return server.create_person(f"p{secrets.token_hex(5)}")


@pytest.fixture(scope="module")
def client(server, person, tmp_path_factory):
    client = harness.Client(tmp_path_factory.mktemp("client"), server.url, person, server.log)
    yield client
    client.end_all()


@pytest.fixture(scope="module")
def run_script(client):
    """`run_script(code, **environment)`: a training script in a process of its own; fails unless it exits with `expect`."""
    return client.run


@pytest.fixture(scope="module")
def api(server, person):
    """`api()`: a new `wandb.Api()` of the module's person, without anything remembered from earlier calls."""
    import wandb

    # File.download makes an Api of its own from the environment.
    os.environ.update({"WANDB_BASE_URL": server.url, "WANDB_API_KEY": person.api_key})
    return lambda: wandb.Api(overrides={"base_url": server.url}, api_key=person.api_key)


@pytest.fixture(scope="module")
def find_run(api, person):
    """`find_run("project/id")`: that run of the module's person, freshly asked for."""
    return lambda path: api().run(f"{person.entity}/{path}")



@pytest.fixture(scope="module")
def find_artifact(api, person):
    """`find_artifact("project/name:alias")`: that version among those of the module's person, freshly asked for."""
    return lambda path, **how: api().artifact(f"{person.entity}/{path}", **how)


@pytest.fixture
def download(tmp_path_factory):
    """`download(artifact)`: what comes from the server, nothing of it from the client's cache: bytes by path."""

    def download(artifact, **how):
        # Not `skip_cache`: it keeps its target in an object that all threads of a download share.
        for path in (HOME / "cache/artifacts/obj").rglob("*"):
            if path.is_file():
                path.unlink()
        root = tmp_path_factory.mktemp("downloaded")
        artifact.download(root=str(root), **how)
        return harness.files_below(root)

    return download
