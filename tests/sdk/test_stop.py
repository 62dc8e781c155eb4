"""Stopping a run from outside: its script is interrupted, and the run is killed rather than failed."""

import pytest
from harness import CLIENT_VERSION, parsed

# Clients before 0.23 ask every 15 seconds whether they are to stop; newer ones are told in answer to what they send.
SCRIPT = """
    import time
    run = wandb.init(project="stop", id="stopped1")
    run.log({"x": 0})
    print("logging", flush=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run.log({"x": 1})
        time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def stopped(client, find_run):
    """The script of a run that was stopped by somebody else."""
    script = client.start(SCRIPT)
    script.wait_for_line("logging")
    run = find_run("stop/stopped1")
    assert run.state == "running"
    if parsed(CLIENT_VERSION) >= (0, 31):
        run.stop()
    else:
        asked = f'from wandb.apis.internal import Api\nprint(json.dumps(Api().stop_run({run.storage_id!r})))'
        assert client.run(asked).reported() is True
    return script.wait(expect=None)


def test_a_stopped_script_is_interrupted(stopped):
    assert "KeyboardInterrupt" in stopped.output


def test_a_stopped_run_is_killed(stopped, find_run):
    assert find_run("stop/stopped1").state == "killed"


def test_a_stopped_run_keeps_its_rows(stopped, find_run):
    rows = list(find_run("stop/stopped1").scan_history())

    assert rows[0]["x"] == 0
    assert len(rows) > 1


def test_a_stopped_run_can_be_resumed(stopped, run_script, find_run):
    run_script(
        """
        run = wandb.init(project="stop", id="stopped1", resume="must")
        run.log({"y": 1})
        run.finish()
        """
    )

    assert find_run("stop/stopped1").state == "finished"
