"""Artifacts logged without a server and uploaded later by `wandb sync`."""

import pytest

# Files that are there until the upload; those of `new_file` the oldest client removes at the end of the script.
OFFLINE = """
    from pathlib import Path
    run = wandb.init(project="offline artifacts", id={id!r}, mode="offline")
    far = wandb.Artifact("far", "dataset", metadata={{"x": 1}})
    model = wandb.Artifact("model", "model")
    for artifact, path, text in [(far, "file.txt", {text!r}), (far, "größe.txt", "größe"), (model, "weights.txt", "w")]:
        Path(path).write_text(text, encoding="utf-8")
        artifact.add_file(path, name="sub/größe.txt" if "ö" in path else path)
    run.log_artifact(far, aliases=["from afar"])
    run.log_artifact(model)
    run.log({{"table": wandb.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]])}})
    run.finish()
"""


@pytest.fixture(scope="module")
def sync(client):
    def sync(run_id, text):
        directory = client.new_directory()
        client.run(OFFLINE.format(id=run_id, text=text), directory)
        (written,) = directory.glob("wandb/offline-run-*")
        client.command("sync", written, directory=directory)

    return sync


@pytest.fixture(scope="module", autouse=True)
def synced(sync):
    sync("synced1", "first")


def test_a_synced_artifact_has_its_files_aliases_and_metadata(find_artifact, download):
    artifact = find_artifact("offline artifacts/far:from afar")

    assert (artifact.version, sorted(artifact.aliases), artifact.metadata) == ("v0", ["from afar", "latest"], {"x": 1})
    assert download(artifact) == {"file.txt": b"first", "sub/größe.txt": "größe".encode()}
    assert find_artifact("offline artifacts/model:latest").type == "model"


def test_a_synced_artifact_knows_its_run(find_artifact, find_run):
    assert find_artifact("offline artifacts/far:v0").logged_by().id == "synced1"
    assert {"far:v0", "model:v0"} <= {artifact.name for artifact in find_run("offline artifacts/synced1").logged_artifacts()}


def test_a_synced_table_is_read_back(find_run):
    run = find_run("offline artifacts/synced1")
    (artifact,) = [artifact for artifact in run.logged_artifacts() if artifact.type == "run_table"]

    assert artifact.get("table").data == [[1, "x"], [2, "y"]]


def test_a_second_run_that_is_synced_makes_the_next_version(sync, find_artifact, download):
    sync("synced2", "second")

    assert download(find_artifact("offline artifacts/far:latest"))["file.txt"] == b"second"
    assert find_artifact("offline artifacts/far:latest").version == "v1"
    assert find_artifact("offline artifacts/model:latest").version == "v0"
