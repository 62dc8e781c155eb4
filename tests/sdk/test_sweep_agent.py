"""`wandb agent` and `wandb sweep` on the command line: programs as trials, several agents, and every way to end a sweep."""

import os
import re
import sys
import textwrap
from pathlib import Path

import pytest
from harness import CLIENT_VERSION, parsed, wait_until

# A trial: it logs as often as it is told, and may take its time over it; with a large value it takes ten times as long.
PROGRAM = """
    import time
    import wandb
    with wandb.init() as run:
        for step in range(run.config.get("steps", 1) * (10 if run.config.a >= 0.5 else 1)):
            run.log({"loss": run.config.a})
            time.sleep(run.config.get("pause", 0))
"""


@pytest.fixture
def sweep(client, api, person):
    """`sweep(project, yaml)`: makes a sweep with `wandb sweep`, whose trials are `PROGRAM`."""

    class Sweep:
        def __init__(self, project, text):
            self.directory = client.new_directory()
            (self.directory / "train.py").write_text(textwrap.dedent(PROGRAM))
            (self.directory / "sweep.yaml").write_text("program: train.py\n" + textwrap.dedent(text))
            command = ("sweep", "-e", person.entity, "-p", project, "sweep.yaml")
            made = client.command(*command, directory=self.directory, WANDB_SILENT="false")
            self.id = re.search(r"with ID: \W*(?:33m)?(\w{8})", made.output)[1]
            self.path = f"{person.entity}/{project}/{self.id}"

        def agent(self, *options):
            # The agent calls `python`, which has to be the one with the client.
            path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            directory = client.new_directory()
            (directory / "train.py").write_text((self.directory / "train.py").read_text())
            return client.start_command("agent", *options, self.path, directory=directory, PATH=path)

        def change(self, option, expect=0):
            return client.command("sweep", option, self.path, expect=expect)

        def find(self):
            return api().sweep(self.path)

        def runs(self, *states):
            return [run for run in self.find().runs if not states or run.state in states]

    return Sweep


def test_agents_share_a_grid(sweep):
    made = sweep("shared", "method: grid\nparameters:\n  a: {values: [1, 2, 3]}\n  b: {values: [x]}\n")
    agents = [made.agent(), made.agent()]

    for agent in agents:
        agent.wait()

    runs = made.runs()
    assert sorted(run.config["a"] for run in runs) == [1, 2, 3]
    assert {run.state for run in runs} == {"finished"}
    assert {run.config["b"] for run in runs} == {"x"}
    assert made.find().state == "FINISHED"


def test_a_sweep_is_paused_resumed_and_stopped(sweep):
    made = sweep("paused", "method: random\nparameters:\n  a: {min: 0.0, max: 1.0}\n")
    made.change("--pause", expect=None)  # It is pending still.
    agent = made.agent()
    wait_until(lambda: made.runs("finished"))

    made.change("--pause")
    assert made.find().state == "PAUSED"
    wait_until(lambda: not made.runs("running"))
    known = len(made.runs("finished"))
    made.change("--resume")
    assert made.find().state == "RUNNING"
    wait_until(lambda: len(made.runs("finished")) > known)

    made.change("--stop")
    agent.wait()
    assert made.find().state == "FINISHED"
    assert not made.runs("running", "pending")


def test_a_canceled_sweep_ends_its_runs_and_its_agents(sweep):
    made = sweep("canceled", "method: random\nparameters:\n  a: {value: 1}\n  steps: {value: 1000}\n  pause: {value: 0.2}\n")
    agent = made.agent()
    wait_until(lambda: made.runs("running"))

    made.change("--cancel")

    agent.wait()
    assert made.find().state == "CANCELED"
    wait_until(lambda: not made.runs("running"))
    made.change("--stop", expect=None)
    refused = made.change("--resume", expect=None)
    # Older clients do not print what they were told.
    assert "what was canceled stays so" in refused.output or parsed(CLIENT_VERSION) < (0, 31)


def test_a_run_that_falls_behind_is_stopped_early(sweep):
    made = sweep(
        "early",
        """
        method: grid
        metric: {name: loss, goal: minimize}
        early_terminate: {type: hyperband, min_iter: 2, eta: 2}
        parameters:
          a: {values: [0.1, 0.9]}
          steps: {value: 20}
          pause: {value: 0.3}
        """,
    )
    made.agent().wait()

    good, bad = sorted(made.runs(), key=lambda run: run.config["a"])
    assert (good.state, len(list(good.scan_history()))) == ("finished", 20)
    assert bad.state != "running"
    assert 2 <= len(list(bad.scan_history())) < 200


def test_a_count_is_kept(sweep):
    made = sweep("counted", "method: random\nparameters:\n  a: {min: 1, max: 9}\n")

    made.agent("--count", 1).wait()

    assert len(made.runs("finished")) == 1
    assert made.find().state == "RUNNING"


def test_a_configuration_is_changed_where_that_can_be(sweep, client, person):
    made = sweep("changed", "method: random\nparameters:\n  a: {min: 1, max: 9}\n")
    file = made.directory / "sweep.yaml"
    file.write_text(file.read_text() + "run_cap: 1\n")
    client.command("sweep", "-e", person.entity, "-p", "changed", "--update", made.path, "sweep.yaml", directory=made.directory)

    assert made.find().config["run_cap"] == 1
    made.agent().wait()
    assert len(made.runs("finished")) == 1
    file.write_text("method: grid\nparameters:\n  a: {values: [1]}\n")
    command = ("sweep", "-e", person.entity, "-p", "changed", "--update", made.path, "sweep.yaml")
    refused = client.command(*command, directory=made.directory, expect=None)
    assert "create a new sweep" in refused.output or parsed(CLIENT_VERSION) < (0, 31)
