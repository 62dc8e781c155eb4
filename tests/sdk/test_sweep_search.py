"""Searches that learn from their runs, with real ones."""

from test_sweep import find_sweep, sweep_script  # noqa: F401


def test_bayes_runs_its_trials_and_finds_better_ones(run_script, find_sweep):  # noqa: F811
    config = {
        "method": "bayes",
        "run_cap": 7,
        "metric": {"name": "loss", "goal": "maximize"},
        "parameters": {"a": {"min": 0.0, "max": 1.0}, "kind": {"value": "fixed"}},
    }
    sweep_id, seen = run_script(sweep_script(config, "bayes", "1 - (values['a'] - 0.3) ** 2")).reported()

    tried = [values["a"] for values in seen]
    assert len(set(tried)) == 7
    # Three by chance; those after them are chosen by what was seen.
    assert min(abs(a - 0.3) for a in tried[3:]) < 0.2
    sweep = find_sweep("bayes", sweep_id)
    assert sweep.state == "FINISHED"
    assert sweep._attrs["bestLoss"] > 0.95


def test_a_target_that_is_reached_ends_the_sweep(run_script, find_sweep):  # noqa: F811
    config = {
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize", "target": 2},
        "parameters": {"a": {"values": [3, 2, 1]}},
    }
    sweep_id, seen = run_script(sweep_script(config, "target", "values['a']")).reported()

    assert [values["a"] for values in seen] == [3, 2]
    assert find_sweep("target", sweep_id).state == "FINISHED"
