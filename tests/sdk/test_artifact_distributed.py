"""Distributed artifacts: several processes add to one version, and the last one finishes it."""

import json

import pytest

WORKER = """
    from versions import version
    run = wandb.init(project="distributed", group={group!r}, id={id!r})
    artifact = version("joint", {{f"part/{{name}}.txt": name for name in {names!r}}})
    run.upsert_artifact(artifact{how})
    run.finish()
"""

FINISHER = WORKER.replace(
    "run.upsert_artifact(artifact{how})", "print(json.dumps(run.finish_artifact(artifact{how}).wait().version))"
)


@pytest.fixture(scope="module")
def together(client):
    """`together(group, workers, finisher, how)`: runs the workers at once and then the finisher, and tells its version."""

    def together(group, workers, finisher, how=""):
        started = [
            client.start(WORKER.format(group=group, id=f"{group}{number}", names=names, how=how))
            for number, names in enumerate(workers)
        ]
        for script in started:
            script.wait()
        last = client.run(FINISHER.format(group=group, id=f"{group}last", names=finisher, how=how))
        return json.loads(next(line for line in last.output.splitlines() if line.startswith('"v')))

    return together


@pytest.fixture(scope="module")
def first(together):
    return together("group1", [["a", "b"], ["c"]], ["last"])


def texts(*names):
    return {f"part/{name}.txt": name.encode() for name in names}


def test_the_parts_of_all_processes_are_one_version(first, find_artifact, download):
    assert first == "v0"
    assert download(find_artifact("distributed/joint:v0")) == texts("a", "b", "c", "last")
    assert find_artifact("distributed/joint:v0").file_count == 4


def test_the_next_round_is_the_next_version(first, together, find_artifact, download):
    """By a name of its own instead of the group, with nothing of the round before."""
    version = together("group2", [["x"], ["y"]], ["z"], how=', distributed_id="round 2"')

    assert version == "v1"
    assert download(find_artifact("distributed/joint:latest")) == texts("x", "y", "z")
    assert download(find_artifact("distributed/joint:v0")) == texts("a", "b", "c", "last")


def test_an_artifact_is_no_version_until_it_is_finished(client, find_artifact, download):
    how = ', distributed_id="slow"'
    code = WORKER.replace('"joint"', '"slow"')
    client.run(code.format(group="slow", id="slow1", names=["a"], how=how))
    with pytest.raises(Exception, match="not found"):
        find_artifact("distributed/slow:latest")

    client.run(FINISHER.replace('"joint"', '"slow"').format(group="slow", id="slow2", names=["b"], how=how))
    assert download(find_artifact("distributed/slow:latest")) == texts("a", "b")
