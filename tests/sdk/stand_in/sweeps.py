"""Stands in for the `sweeps` package, which only searches: what `wandb.controller` needs of it to be imported and run.

The real one brings numpy, scipy and scikit-learn into every environment; the controller's own search is given by the test.
"""

import enum


class RunState(str, enum.Enum):
    pending = "pending"
    running = "running"
    finished = "finished"
    killed = "killed"
    crashed = "crashed"
    failed = "failed"
    preempted = "preempted"
    preempting = "preempting"


class SweepConfig(dict):
    pass


class SweepRun:
    """A run as the controller reads it from the server."""

    def __init__(self, name=None, config=None, state=RunState.pending, summaryMetrics=None, **rest):
        self.name = name
        self.config = config or {}
        self.state = RunState(state)
        self.summary_metrics = summaryMetrics or {}
        self.stopped = rest.get("stopped")
        self.should_stop = rest.get("shouldStop")
        self.history = rest.get("sampledHistory")
        self.early_terminate_info = None


def schema_violations_from_proposed_config(config):
    return []


def next_run(config, runs):
    raise NotImplementedError("the test chooses the runs itself")


def stop_runs(config, runs):
    raise NotImplementedError("the test stops no runs")
