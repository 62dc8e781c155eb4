"""Reading history: samples, whole scans over more rows than one page, ranges of steps, system metrics.

The server of these tests seals history after 1000 rows, so the long run is read from sealed and newest rows together.
"""

import pytest

ROWS = 3500
LONG = f"""
    run = wandb.init(project="history", id="long1")
    for step in range({ROWS}):
        row = {{"loss": 1 / (step + 1), "count": step}}
        if step % 700 == 0:
            row["rare"] = f"at {{step}}"
        run.log(row)
    run.finish()
"""
EMPTY = 'wandb.init(project="history", id="empty1").finish()'
# The client takes a first sample soon after the start and averages two when the oldest asks for it; three seconds are
# many times the interval.
WATCHED = """
    import time
    run = wandb.init(project="history", id="watched1")
    run.log({"loss": 1})
    time.sleep(3)
    run.finish()
"""
WATCHING = {
    "WANDB__DISABLE_STATS": "false",
    "WANDB__STATS_SAMPLING_INTERVAL": "0.2",
    "WANDB__STATS_SAMPLE_RATE_SECONDS": "0.2",
    "WANDB__STATS_SAMPLES_TO_AVERAGE": "1",
}


@pytest.fixture(scope="module", autouse=True)
def logged(client):
    scripts = [client.start(LONG), client.start(EMPTY), client.start(WATCHED, **WATCHING)]
    return [script.wait() for script in scripts]


@pytest.fixture
def long_run(find_run):
    return find_run("history/long1")


def test_history_is_a_sample_of_at_most_500_rows_in_order(long_run):
    rows = long_run.history(pandas=False)

    steps = [row["_step"] for row in rows]
    assert 400 <= len(rows) <= 500
    assert steps == sorted(set(steps))
    assert all(row["count"] == row["_step"] for row in rows)


def test_a_sample_spreads_from_the_first_row_to_the_last(long_run):
    steps = [row["_step"] for row in long_run.history(samples=10, pandas=False)]

    assert len(steps) <= 10
    assert (steps[0], steps[-1]) == (0, ROWS - 1)
    assert max(after - before for before, after in zip(steps, steps[1:])) < ROWS / 4


def test_history_of_some_keys_has_these_keys_only(long_run):
    rows = long_run.history(keys=["loss"], samples=50, pandas=False)

    assert 40 <= len(rows) <= 50
    assert all(set(row) == {"loss", "_step"} for row in rows)
    assert all(row["loss"] == 1 / (row["_step"] + 1) for row in rows)


def test_history_of_several_keys_has_the_rows_with_all_of_them(long_run):
    rows = long_run.history(keys=["rare", "count"], pandas=False)

    assert [(row["rare"], row["count"]) for row in rows] == [(f"at {step}", step) for step in range(0, ROWS, 700)]


def test_a_scan_gives_every_row_once_and_in_order(long_run):
    rows = list(long_run.scan_history())

    assert [row["_step"] for row in rows] == list(range(ROWS))
    assert all(row["loss"] == 1 / (row["_step"] + 1) for row in rows)


def test_a_scan_does_not_depend_on_the_page_size(long_run):
    assert [row["count"] for row in long_run.scan_history(page_size=333)] == list(range(ROWS))


def test_a_scan_of_some_keys_gives_every_row_that_has_them_once(long_run):
    rows = list(long_run.scan_history(keys=["count"]))

    assert [row["count"] for row in rows] == list(range(ROWS))
    assert all(set(row) <= {"count", "_step"} for row in rows)


def test_a_scan_of_a_rare_key_gives_its_rows_only(long_run):
    rows = list(long_run.scan_history(keys=["rare"]))

    assert [row["rare"] for row in rows] == [f"at {step}" for step in range(0, ROWS, 700)]


@pytest.mark.parametrize("keys", [None, ["count", "_step"]])
def test_a_scan_is_bounded_by_steps(long_run, keys):
    """The first step is included, the last is not; the range crosses from sealed rows into the next ones."""
    rows = list(long_run.scan_history(keys=keys, min_step=990, max_step=1010))

    assert [row["_step"] for row in rows] == list(range(990, 1010))


def test_the_last_step_is_known(long_run):
    assert long_run.lastHistoryStep == ROWS - 1


def test_the_keys_of_the_history_are_described(long_run):
    keys = long_run.history_keys["keys"]

    assert keys["count"]["typeCounts"] == [{"type": "number", "count": ROWS}]
    assert keys["count"]["monotonic"] is True
    assert keys["rare"]["typeCounts"] == [{"type": "string", "count": 5}]


def test_history_of_an_unknown_key_is_empty(long_run):
    assert long_run.history(keys=["missing"], pandas=False) == []
    assert list(long_run.scan_history(keys=["missing"])) == []


def test_a_run_without_rows_has_an_empty_history(find_run):
    run = find_run("history/empty1")

    assert run.history(pandas=False) == []
    assert list(run.scan_history()) == []
    assert run.lastHistoryStep == -1


def test_system_metrics_are_a_stream_of_their_own(find_run):
    run = find_run("history/watched1")

    events = run.history(stream="events", pandas=False)
    assert any(key.startswith("system.") for row in events for key in row)
    assert all(not key.startswith("system.") for row in run.history(pandas=False) for key in row)


def test_the_last_system_metrics_are_a_field_of_the_run(find_run):
    assert any(key.startswith("system.") for key in find_run("history/watched1").systemMetrics)
