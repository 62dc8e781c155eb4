"""What is too large costs that value, never the row or the run."""

import pytest


@pytest.fixture(scope="module")
def run(run_script, find_run):
    run_script(
        """
        run = wandb.init(project="limits", id="large1", config={"long": "y" * 100_000})
        run.log({"x": 0})
        run.log({"x": 1, "long": "z" * (2 << 20), "nested": {"y": 1}})
        run.log({"x": 2})
        run.log({f"wide/{number}": number for number in range(2000)} | {"x": 3})
        run.finish()
        """
    )
    return find_run("limits/large1")


def test_a_run_goes_on_after_a_value_of_2_mib(run):
    assert run.state == "finished"
    assert [row["x"] for row in run.scan_history(keys=["x"])] == [0, 1, 2, 3]


def test_the_other_values_of_the_row_are_kept(run):
    row = next(row for row in run.scan_history() if row["_step"] == 1)

    assert (row["x"], row["nested"]) == (1, {"y": 1})


def test_a_row_may_have_thousands_of_keys(run):
    row = next(row for row in run.scan_history() if row["_step"] == 3)

    assert all(row[f"wide/{number}"] == number for number in range(2000))


def test_a_long_config_value_is_read_back(run):
    assert run.config["long"] == "y" * 100_000
