"""Runs logged without a server and uploaded later by `wandb sync`, once or more often."""

import pytest
from harness import CLIENT_VERSION, parsed

OFFLINE = """
    run = wandb.init(project="offline", id={id!r}, name="from afar", config={{"lr": 0.1}}, tags=["far"], mode="offline")
    for value in range(5):
        print("line", value)
        run.log({{"x": value}})
    run.summary["set"] = "by hand"
    with open("saved.txt", "w") as file:
        file.write("kept")
    run.save("saved.txt")
    run.finish(exit_code={exit_code})
"""


@pytest.fixture(scope="module")
def sync(client):
    """`sync(id)`: logs a run offline and uploads it as often as `times` says."""

    def sync(run_id, times=1, exit_code=0):
        directory = client.new_directory()
        client.run(OFFLINE.format(id=run_id, exit_code=exit_code), directory)
        (written,) = directory.glob("wandb/offline-run-*")
        for time in range(times):
            # Older clients upload whatever is named; newer ones have to be told when it was uploaded before.
            again = ["--include-synced"] if time > 0 and parsed(CLIENT_VERSION) >= (0, 31) else []
            client.command("sync", *again, written, directory=directory)

    return sync


@pytest.fixture(scope="module")
def synced(sync, find_run):
    sync("synced1")
    return find_run("offline/synced1")


def test_a_synced_run_has_its_rows(synced):
    assert [(row["_step"], row["x"]) for row in synced.scan_history()] == [(value, value) for value in range(5)]


def test_a_synced_run_has_its_name_config_summary_and_tags(synced):
    assert (synced.name, synced.config["lr"], list(synced.tags)) == ("from afar", 0.1, ["far"])
    assert (synced.summary["x"], synced.summary["set"]) == (4, "by hand")


def test_a_synced_run_is_finished(synced):
    assert synced.state == "finished"


def test_a_synced_run_has_its_files(synced, tmp_path):
    synced.file("saved.txt").download(root=str(tmp_path), replace=True)

    assert (tmp_path / "saved.txt").read_text() == "kept"


@pytest.mark.skipif(
    (0, 19) <= parsed(CLIENT_VERSION) < (0, 23), reason=f"`wandb sync` of {CLIENT_VERSION} reports exit code 0 for every run"
)
def test_a_run_that_failed_offline_is_failed_after_the_sync(sync, find_run):
    sync("failed1", exit_code=3)

    assert find_run("offline/failed1").state == "failed"


def test_syncing_again_doubles_nothing(sync, find_run):
    sync("twice1", times=2)

    run = find_run("offline/twice1")
    assert [(row["_step"], row["x"]) for row in run.scan_history()] == [(value, value) for value in range(5)]
    assert len(run.history(pandas=False)) == 5
    assert run.history_keys["keys"]["x"]["typeCounts"] == [{"type": "number", "count": 5}]
    assert [file.name for file in run.files()].count("saved.txt") == 1
