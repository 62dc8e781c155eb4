"""A scheduler on the client's side: it chooses the runs, hands them in, watches them and ends the sweep (wandb 0.31.0)."""

import pytest

pytestmark = pytest.mark.since("0.31.0", "the local scheduler")

CONFIG = {
    "scheduler": {"engine": "optuna"},
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"a": {"values": [3, 1, 2]}},
}

# The search itself is a library that is not installed here: this one tries three values and notes what it is told.
SCHEDULER = """
    from wandb.sdk.sweeps.scheduler.client import run_scheduler
    from wandb.sdk.sweeps.scheduler.optimizer import Optimizer, RunConfig, RunSuggestion, is_terminal_state

    told = {{}}

    class InOrder(Optimizer):
        left = [3, 1, 2]
        def validate_sweep_objective(self): pass
        def has_terminator(self): return False
        def ask_n_runs(self, n):
            suggested, self.left = self.left[:n], self.left[n:]
            return [RunSuggestion(config=RunConfig.from_values({{"a": a}}), run_id=f"t{{a}}") for a in suggested]
        def tell_run(self, run_id, data):
            if is_terminal_state(data.state):
                told[run_id] = [data.summary_metrics["loss"], data.state.value, data.config.flat_dict()["a"]]

    done = run_scheduler(entity={entity!r}, project="scheduled", sweep_id={sweep!r}, make_optimizer=InOrder,
                         batch_size=2, poll_interval=1)
    print()
    print(json.dumps([told, done.reason]))
"""

AGENT = """
    from wandb.agents import pyagent
    pyagent.Agent.HEARTBEAT_SLEEP_SECONDS = 0.3
    def train():
        with wandb.init() as run:
            run.log({{"loss": run.config.a / 10}})
    wandb.agent({sweep!r}, function=train, project="scheduled")
"""


def test_a_scheduler_hands_in_its_runs_and_ends_the_sweep(client, api, person):
    sweep_id = client.run(f"print(json.dumps(wandb.sweep({CONFIG!r}, project='scheduled')))").reported()
    agent = client.start(AGENT.format(sweep=sweep_id))

    told, _ = client.run(SCHEDULER.format(entity=person.entity, sweep=sweep_id)).reported()

    assert told == {"t3": [0.3, "finished", 3], "t1": [0.1, "finished", 1], "t2": [0.2, "finished", 2]}
    agent.wait()
    sweep = api().sweep(f"{person.entity}/scheduled/{sweep_id}")
    assert sweep.state == "FINISHED"
    assert sorted(run.config["a"] for run in sweep.runs) == [1, 2, 3]


def test_a_run_can_be_handed_in_by_hand(client, api, person):
    sweep_id = client.run(f"print(json.dumps(wandb.sweep({CONFIG!r}, project='scheduled')))").reported()
    sweep = api().sweep(f"{person.entity}/scheduled/{sweep_id}")

    sweep.enqueue_run({"a": 7}, display_name="seven")

    (run,) = api().sweep(f"{person.entity}/scheduled/{sweep_id}").runs
    assert (run.state, run.config, run.display_name) == ("pending", {"a": 7}, "seven")
