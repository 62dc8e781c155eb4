"""A controller on the client's side: it writes what it wants to have run into the sweep (`controller.type: local`)."""

from pathlib import Path

from harness import wait_until
from test_sweep import agent_script

CONTROLLER = """
    import sweeps
    config = {
        "controller": {"type": "local"},
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"a": {"values": [5, 4]}},
    }
    def search(config, runs):
        tried = {run.config["a"]["value"] for run in runs}
        left = [a for a in config["parameters"]["a"]["values"] if a not in tried]
        return sweeps.SweepRun(config={"a": {"value": left[0]}}) if left else None

    tuner = wandb.controller(project="controlled")
    tuner.configure(config)
    tuner.configure_search(search)
    sweep_id = tuner.create()
    with open("id.part", "w") as file:
        file.write(sweep_id)
    os.rename("id.part", "id")
    tuner.run()
"""


def test_a_controller_has_its_runs_made_and_ends_the_sweep(client, api, person):
    directory = client.new_directory()
    stand_in = str(Path(__file__).with_name("stand_in"))
    controller = client.start(CONTROLLER, directory, PYTHONPATH=stand_in, WANDB_PROJECT="controlled")
    sweep_id = wait_until(lambda: (directory / "id").exists() and (directory / "id").read_text())
    client.run(agent_script("controlled", sweep_id, "values['a']"))
    controller.wait()

    sweep = api().sweep(f"{person.entity}/controlled/{sweep_id}")
    assert [run.config["a"] for run in sweep.runs] == [5, 4]
    assert {run.state for run in sweep.runs} == {"finished"}
    assert sweep.state == "FINISHED"
