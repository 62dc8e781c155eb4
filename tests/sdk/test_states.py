"""The state of a run follows from how its script ended. A missed heartbeat is tested with a clock, not here."""

import pytest

ENDINGS = {
    "returned": ("", 0, "finished"),
    "finished": ("run.finish()", 0, "finished"),
    "exited": ("sys.exit(3)", 3, "failed"),
    "raised": ("raise ValueError('no')", 1, "failed"),
    "told": ("run.finish(exit_code=7)", 0, "failed"),
}


@pytest.fixture(scope="module", autouse=True)
def ended(client):
    start = 'run = wandb.init(project="states", id="{}")\nrun.log({{"x": 1}})\n{}\n'
    scripts = [(client.start(start.format(name, code)), exit_code) for name, (code, exit_code, _) in ENDINGS.items()]
    for script, exit_code in scripts:
        script.wait(exit_code)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_state_says_how_the_script_ended(find_run, ending):
    run = find_run(f"states/{ending}")

    assert run.state == ENDINGS[ending][2]
    assert run.summary["x"] == 1


def test_runs_are_found_by_their_state(api, person):
    failed = api().runs(f"{person.entity}/states", filters={"state": "failed"})

    assert {run.id for run in failed} >= {"exited", "raised", "told"}
    assert all(run.state == "failed" for run in failed)


def test_a_run_is_running_until_its_script_ends(client, find_run):
    script = client.start(
        """
        run = wandb.init(project="states", id="open1")
        print("running", flush=True)
        input()
        """
    )

    script.wait_for_line("running")
    during = find_run("states/open1").state
    script.say()
    script.wait()

    assert (during, find_run("states/open1").state) == ("running", "finished")


def test_an_interrupted_script_does_not_leave_a_running_run(client, find_run):
    script = client.start(
        """
        import time
        run = wandb.init(project="states", id="interrupted1")
        print("running", flush=True)
        time.sleep(60)
        """
    )

    script.wait_for_line("running")
    script.interrupt()
    script.wait(expect=None)

    assert find_run("states/interrupted1").state in ("killed", "failed")


def test_a_preempted_run_is_not_a_failed_one(run_script, find_run):
    run_script(
        """
        run = wandb.init(project="states", id="preempted1")
        run.mark_preempting()
        run.finish(exit_code=1)
        """
    )

    assert find_run("states/preempted1").state == "preempted"


def test_waiting_for_a_finished_run_returns(find_run):
    run = find_run("states/finished")

    run.wait_until_finished()

    assert run.state == "finished"
