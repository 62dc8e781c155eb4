"""Resuming: the next step, what is taken over, and which ways of resuming are refused."""

import pytest
from harness import wait_until

FIRST = """
    run = wandb.init(project="resume", id={id!r}, config={{"kept": 1, "changed": 1}}, tags=["first"], notes="noted")
    for value in range(3):
        run.log({{"x": value}})
    run.summary["best"] = 17
    run.finish()
"""


@pytest.fixture(scope="module")
def resumed(run_script):
    """A run that was finished and resumed by another process; what the second one saw at its start."""
    run_script(FIRST.format(id="again1"))
    return run_script(
        """
        run = wandb.init(project="resume", id="again1", resume="must", config={"changed": 2})
        seen = {"resumed": run.resumed, "best": run.summary.get("best"), "tags": list(run.tags), "kept": run.config.get("kept")}
        run.log({"x": 100})
        run.log({"x": 101})
        run.finish()
        print(json.dumps(seen))
        """
    ).reported()


def test_a_resumed_run_goes_on_at_the_next_step(resumed, find_run):
    rows = list(find_run("resume/again1").scan_history())

    assert [(row["_step"], row["x"]) for row in rows] == [(0, 0), (1, 1), (2, 2), (3, 100), (4, 101)]


def test_a_resumed_process_knows_summary_tags_and_config_of_before(resumed):
    assert resumed == {"resumed": True, "best": 17, "tags": ["first"], "kept": 1}


def test_a_resumed_run_keeps_what_was_not_changed(resumed, find_run):
    run = find_run("resume/again1")

    assert (run.config["kept"], run.config["changed"]) == (1, 2)
    assert (run.summary["best"], run.summary["x"]) == (17, 101)
    assert (list(run.tags), run.notes, run.state) == (["first"], "noted", "finished")


def test_allow_makes_a_run_that_does_not_exist_and_resumes_one_that_does(run_script, find_run):
    run_script(
        """
        for value in range(2):
            run = wandb.init(project="resume", id="allowed1", resume="allow")
            run.log({"x": value})
            run.finish()
        """
    )

    rows = list(find_run("resume/allowed1").scan_history())
    assert [(row["_step"], row["x"]) for row in rows] == [(0, 0), (1, 1)]


def test_must_refuses_a_run_that_does_not_exist(run_script, find_run):
    run_script('wandb.init(project="resume", id="missing1", resume="must")', expect=None)

    with pytest.raises(Exception, match="(?i)could not find"):
        find_run("resume/missing1")


def test_never_refuses_a_run_that_exists_and_leaves_it_alone(run_script, find_run):
    run_script(FIRST.format(id="never1"))

    run_script('wandb.init(project="resume", id="never1", resume="never").log({"x": 100})', expect=None)

    run = find_run("resume/never1")
    assert [row["x"] for row in run.scan_history()] == [0, 1, 2]
    assert run.state == "finished"


def test_never_makes_a_run_that_does_not_exist(run_script, find_run):
    run_script('wandb.init(project="resume", id="never2", resume="never").finish()')

    assert find_run("resume/never2").state == "finished"


def test_auto_goes_on_with_the_run_that_failed_in_the_same_directory(client, find_run):
    directory = client.new_directory()
    script = """
        run = wandb.init(project="resume", resume="auto")
        run.log({"x": 1})
        print(json.dumps(run.id), flush=True)
        run.finish(exit_code=int(os.environ["EXIT_CODE"]))
    """

    first = client.run(script, directory, EXIT_CODE="1").reported()
    second = client.run(script, directory, EXIT_CODE="0").reported()

    assert second == first
    run = find_run(f"resume/{first}")
    assert [row["_step"] for row in run.scan_history()] == [0, 1]
    assert run.state == "finished"


def test_a_run_without_rows_is_resumed_at_step_0(run_script, find_run):
    run_script(
        """
        wandb.init(project="resume", id="blank1").finish()
        run = wandb.init(project="resume", id="blank1", resume="must")
        run.log({"x": 1})
        run.finish()
        """
    )

    assert [row["_step"] for row in find_run("resume/blank1").scan_history()] == [0]


def test_a_run_that_was_resumed_runs_again_until_it_finishes(client, find_run):
    client.run(FIRST.format(id="open1"))
    script = client.start(
        """
        run = wandb.init(project="resume", id="open1", resume="must")
        run.log({"x": 100})
        print("resumed", flush=True)
        input()
        run.finish()
        """
    )

    script.wait_for_line("resumed")
    wait_until(lambda: find_run("resume/open1").state == "running")
    script.say()
    script.wait()

    assert find_run("resume/open1").state == "finished"
