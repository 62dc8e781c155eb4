"""Going back: `resume_from` cuts a run at a step, `fork_from` starts a new run from a step of another."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def parents(run_script):
    run_script(
        """
        for name in ("parent1", "rewound1", "twice1"):
            run = wandb.init(project="back", id=name, config={"origin": name})
            for value in range(5):
                print("line", value)
                run.log({"x": value})
            run.finish()
        """
    )


def steps(run):
    return [(row["_step"], row["x"]) for row in run.scan_history()]


def test_a_rewound_run_goes_on_after_the_step(run_script, find_run):
    run_script(
        """
        run = wandb.init(project="back", resume_from="rewound1?_step=2")
        run.log({"x": 100})
        run.finish()
        """
    )

    run = find_run("back/rewound1")
    assert steps(run) == [(0, 0), (1, 1), (2, 2), (3, 100)]
    assert (run.summary["x"], run.config["origin"], run.state) == (100, "rewound1", "finished")
    assert run.lastHistoryStep == 3


def test_a_run_can_be_rewound_twice(run_script, find_run):
    run_script(
        """
        for step, value in ((3, 100), (1, 200)):
            run = wandb.init(project="back", resume_from=f"twice1?_step={step}")
            run.log({"x": value})
            run.finish()
        """
    )

    assert steps(find_run("back/twice1")) == [(0, 0), (1, 1), (2, 200)]


def test_rewinding_an_unknown_run_is_refused(run_script):
    run_script('wandb.init(project="back", resume_from="missing1?_step=2")', expect=None)


def test_a_fork_has_the_rows_up_to_the_step_and_its_own(run_script, find_run):
    run_script(
        """
        run = wandb.init(project="back", id="child1", fork_from="parent1?_step=1")
        run.log({"x": 7})
        run.log({"x": 8})
        run.finish()
        """
    )

    child = find_run("back/child1")
    assert steps(child) == [(0, 0), (1, 1), (2, 7), (3, 8)]
    assert (child.summary["x"], child.state) == (8, "finished")


def test_a_fork_leaves_its_parent_alone(run_script, find_run):
    run_script(
        """
        run = wandb.init(project="back", id="child2", fork_from="parent1?_step=3")
        run.log({"x": 7})
        run.finish()
        """
    )

    assert steps(find_run("back/child2")) == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 7)]
    assert steps(find_run("back/parent1")) == [(step, step) for step in range(5)]
