"""Shared mode: several processes write one run at the same time."""

import pytest

pytestmark = pytest.mark.since("0.19.0", "shared mode")

PRIMARY = """
    settings = wandb.Settings(mode="shared", x_primary=True, x_label="main")
    run = wandb.init(project="shared", id={id!r}, name="together", config={{"main": 1}}, settings=settings)
    for value in range(3):
        run.log({{"main/x": value}})
    print("primary is ready", flush=True)
    input()
    run.log({{"main/x": 3}})
    run.finish()
"""
WORKER = """
    rank = int(os.environ["RANK"])
    settings = wandb.Settings(mode="shared", x_primary=False, x_label=f"rank{{rank}}", x_update_finish_state=False)
    run = wandb.init(project="shared", id={id!r}, config={{f"rank{{rank}}": rank}}, settings=settings)
    for value in range(5):
        run.log({{f"rank{{rank}}/x": value}})
    run.finish()
"""


@pytest.fixture(scope="module")
def state_after_workers(client, find_run):
    """Two workers join a primary and finish before it; the state of the run in between."""
    primary = client.start(PRIMARY.format(id="together1"))
    primary.wait_for_line("primary is ready")
    workers = [client.start(WORKER.format(id="together1"), RANK=str(rank)) for rank in (1, 2)]
    for worker in workers:
        worker.wait()
    between = find_run("shared/together1").state
    primary.say()
    primary.wait()
    return between


@pytest.fixture
def run(state_after_workers, find_run):
    return find_run("shared/together1")


def test_the_rows_of_every_process_are_kept(run):
    rows = list(run.scan_history())

    for key, values in {"main/x": range(4), "rank1/x": range(5), "rank2/x": range(5)}.items():
        assert [row[key] for row in rows if row.get(key) is not None] == list(values), key


def test_no_two_rows_have_the_same_step(run):
    steps = [row["_step"] for row in run.scan_history()]

    assert len(steps) == 14
    assert steps == sorted(set(steps))


def test_the_config_is_that_of_every_process(run):
    assert (run.config["main"], run.config["rank1"], run.config["rank2"]) == (1, 1, 2)
    assert run.name == "together"


def test_the_summary_is_that_of_every_process(run):
    assert (run.summary["main/x"], run.summary["rank1/x"], run.summary["rank2/x"]) == (3, 4, 4)


def test_workers_do_not_end_the_run_and_the_primary_does(state_after_workers, run):
    assert (state_after_workers, run.state) == ("running", "finished")
