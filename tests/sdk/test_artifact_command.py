"""`wandb artifact put`, `get` and `ls` on the command line."""

import pytest
from harness import files_below

CONTENTS = {"plain.txt": b"plain", "sub/größe.bin": bytes(range(256))}


@pytest.fixture(scope="module")
def put(client, person):
    """What `wandb artifact put` of a directory printed."""
    directory = client.new_directory()
    for name, content in CONTENTS.items():
        path = directory / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    name = f"{person.entity}/commands/from-a-shell"
    options = ["--type", "dataset", "--alias", "shell", "--alias", "first", "--description", "by hand"]
    return client.command("artifact", "put", "--name", name, *options, "source", directory=directory)


def test_a_directory_is_put(put, find_artifact, download):
    artifact = find_artifact("commands/from-a-shell:shell")

    assert (artifact.version, artifact.description) == ("v0", "by hand")
    assert {"first", "shell"} <= set(artifact.aliases)
    assert download(artifact) == CONTENTS


def test_an_artifact_is_got(put, client, person):
    directory = client.new_directory()
    client.command("artifact", "get", f"{person.entity}/commands/from-a-shell:first", "--root", "target", directory=directory)

    assert files_below(directory / "target") == CONTENTS


def test_artifacts_of_a_project_are_listed(put, client, person):
    listed = client.command("artifact", "ls", f"{person.entity}/commands", "--type", "dataset", WANDB_SILENT=None)

    assert "from-a-shell:v0" in listed.output
