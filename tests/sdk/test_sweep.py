"""Sweeps with a function as the trial: what is made, what is suggested, how it ends, and how it is read."""

import re

import pytest
import wandb

# The newest clients let tests shorten the pause between heartbeats; older ones wait five seconds each time.
AGENT = """
    from wandb.agents import pyagent
    pyagent.Agent.HEARTBEAT_SLEEP_SECONDS = 0.3
    seen = []
    def train():
        with wandb.init() as run:
            values = {key: value for key, value in dict(run.config).items()}
            seen.append(values)
            run.log({"loss": score(values)})
"""


def agent_script(project, sweep_id, score, agent=""):
    """Runs an agent of a sweep to the end."""
    return f"""
    score = lambda values: {score}
{AGENT}
    wandb.agent({sweep_id!r}, function=train, project={project!r}{agent})
    """


def sweep_script(config, project, score, agent=""):
    """Makes a sweep, runs its agent to the end, and reports the sweep's id and what the trials were given."""
    return f"""
    score = lambda values: {score}
{AGENT}
    sweep_id = wandb.sweep({config!r}, project={project!r})
    wandb.agent(sweep_id, function=train, project={project!r}{agent})
    print()
    print(json.dumps([sweep_id, seen]))
    """


@pytest.fixture(scope="module")
def find_sweep(api, person):
    return lambda project, sweep: api().sweep(f"{person.entity}/{project}/{sweep}")


GRID = {
    "method": "grid",
    "name": "all of it",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"a": {"values": [1, 2]}, "net": {"parameters": {"width": {"value": 8}}}},
}


@pytest.fixture(scope="module")
def grid(run_script, find_sweep):
    """A grid that ran to its end."""
    sweep_id, seen = run_script(sweep_script(GRID, "grid", "values['a']")).reported()
    return find_sweep("grid", sweep_id), seen


def test_a_grid_runs_every_point_once_and_ends(grid):
    sweep, seen = grid

    assert sorted(values["a"] for values in seen) == [1, 2]
    assert all(values["net"] == {"width": 8} for values in seen)
    assert sweep.state == "FINISHED"
    assert sweep.expected_run_count == 2


def test_runs_of_a_sweep_belong_to_it(grid, api, person):
    sweep, _ = grid
    runs = list(sweep.runs)

    assert {run.state for run in runs} == {"finished"}
    assert sorted(run.config["a"] for run in runs) == [1, 2]
    assert {run.sweep.id for run in api().runs(f"{person.entity}/grid", filters={"sweep": sweep.id})} == {sweep.id}


def test_the_best_run_is_found(grid):
    sweep, _ = grid

    assert sweep.best_run().config["a"] == 1
    assert sweep._attrs["bestLoss"] == 1


def test_the_configuration_is_read_back(grid):
    sweep, _ = grid

    assert sweep.config["parameters"]["a"] == {"values": [1, 2]}
    assert sweep.config["method"] == "grid"


def test_sweeps_of_a_project_are_listed(grid, api, person):
    sweep, _ = grid
    project = api().project("grid", person.entity)
    sweeps = list(project.sweeps())

    assert [listed.id for listed in sweeps] == [sweep.id]


@pytest.mark.since("0.31.0", "agents in its API")
def test_agents_and_their_runs_are_read(grid):
    sweep, _ = grid
    (agent,) = sweep.agents()

    assert agent._attrs["totalRuns"] == 2
    assert agent._attrs["state"] == "FINISHED"
    assert [run.id for run in agent.runs()] == [run.id for run in sweep.runs]
    assert sweep.agent(agent._attrs["name"])._attrs["id"] == agent._attrs["id"]
    assert sweep.name == "all of it"


def test_a_random_sweep_keeps_to_its_bounds_and_its_cap(run_script, find_sweep):
    config = {
        "method": "random",
        "run_cap": 2,
        "parameters": {
            "lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-1},
            "layers": {"min": 2, "max": 5},
            "kind": {"values": ["x", "y"], "probabilities": [0.0, 1.0]},
        },
    }
    sweep_id, seen = run_script(sweep_script(config, "random", "0")).reported()

    assert len(seen) == 2
    for values in seen:
        assert 1e-4 <= values["lr"] <= 1e-1
        assert values["layers"] in range(2, 6)
        assert values["kind"] == "y"
    assert seen[0]["lr"] != seen[1]["lr"]
    assert find_sweep("random", sweep_id).state == "FINISHED"


def test_a_count_ends_the_agent_and_not_the_sweep(run_script, find_sweep):
    config = {"method": "random", "parameters": {"lr": {"min": 0.0, "max": 1.0}}}
    sweep_id, seen = run_script(sweep_script(config, "count", "0", ", count=1")).reported()

    assert len(seen) == 1
    sweep = find_sweep("count", sweep_id)
    assert sweep.state == "RUNNING"
    assert sweep.expected_run_count is None


def test_a_trial_that_fails_does_not_end_the_sweep(run_script, find_sweep):
    config = {"method": "grid", "parameters": {"a": {"values": [0, 1]}}}
    sweep_id, seen = run_script(sweep_script(config, "failing", "1 / values['a']")).reported()

    assert sorted(values["a"] for values in seen) == [0, 1]
    assert sorted(run.state for run in find_sweep("failing", sweep_id).runs) == ["failed", "finished"]


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"method": "guess", "parameters": {"a": {"value": 1}}}, "`method` is `guess`"),
        ({"method": "random"}, "`parameters` is missing"),
        ({"method": "random", "parameters": {"a": {"values": []}}}, "`parameters.a.values` is empty"),
        ({"method": "grid", "parameters": {"a": {"min": 0.0, "max": 1.0}}}, "`parameters.a` cannot be laid out on a grid"),
        ({"method": "bayes", "parameters": {"a": {"min": 0.0, "max": 1.0}}}, "`metric` is missing"),
    ],
)
def test_a_wrong_configuration_is_refused_by_its_key(run_script, config, key):
    refused = run_script(f"wandb.sweep({config!r}, project='wrong')", expect=None)

    assert key in refused.output


def test_an_odd_configuration_is_warned_of(run_script):
    config = {"method": "random", "metod": "x", "parameters": {"a": {"value": 1}}}
    made = run_script(f"print(wandb.sweep({config!r}, project='odd'))", WANDB_SILENT="false")

    assert "`metod` is no key of a sweep" in made.output


def test_results_of_earlier_runs_count(run_script, client, find_sweep):
    """Grid points that prior runs stand at are not run again."""
    run_script(
        """
        with wandb.init(project="prior", id="before1", config={"a": 1}) as run:
            run.log({"loss": 1})
        """
    )
    directory = client.new_directory()
    (directory / "sweep.yaml").write_text("method: grid\nparameters:\n  a: {values: [1, 2, 3]}\nprogram: train.py\n")
    command = ("sweep", "-p", "prior", "-e", client.person.entity, "-R", "before1", "sweep.yaml")
    made = client.command(*command, directory=directory, WANDB_SILENT="false")
    sweep_id = re.search(r"with ID: \W*(?:33m)?(\w{8})", made.output)[1]
    run_script(agent_script("prior", sweep_id, "values['a']"))

    assert sorted(run.config["a"] for run in find_sweep("prior", sweep_id).runs) == [2, 3]


def test_a_sweep_that_is_missing_is_said_to_be(api, person):
    with pytest.raises((ValueError, wandb.errors.CommError)):
        api().sweep(f"{person.entity}/grid/missing1").state
