"""`run.log` and `run.summary`: each kind of value is read back as it was logged."""

import math

import pytest

LOGGED = """
    run = wandb.init(project="log", id="values1")
    run.log({"loss": 0.5, "count": 3, "flag": True, "word": "größe ✓", "quotes": '"\\\\\\n', "nothing": None})
    run.log({"nested": {"inner": {"leaf": 1.5}, "other": "x"}, "list": [1, 2, 3], "large": 2**60})
    run.log({"not_a_number": float("nan"), "up": float("inf"), "down": float("-inf"), "mixed": 1})
    run.log({"histogram": wandb.Histogram(np_histogram=([1, 2, 3], [0, 1, 2, 3])), "mixed": "text"})
    run.log({"loss": 0.25}, step=10)
    run.log({"count": 4}, step=10)
    run.log({"loss": 0.125, "count": 5}, step=11, commit=True)
    run.log({"tiny": 5e-324, "huge": 1.7976931348623157e308, "sum": 0.1 + 0.2, "with/slash": 1, "with.dot": 2, "with space": 3})
    run.finish()
"""

SUMMARIZED = """
    run = wandb.init(project="log", id="summary1")
    for way in ("min", "max", "mean", "last", "none"):
        run.define_metric(f"m_{way}", summary=way)
    run.define_metric("epoch", hidden=True)
    run.define_metric("per_epoch/*", step_metric="epoch")
    for epoch, value in enumerate([2.0, 1.0, 4.0, 3.0]):
        run.log({"plain": value, "epoch": epoch, "per_epoch/x": value}
                | {f"m_{way}": value for way in ("min", "max", "mean", "last", "none")})
    run.log({"nested": {"a": 1}})
    run.log({"nested": {"b": 2}})
    run.summary["set"] = "by hand"
    run.summary["plain"] = 17.5
    run.summary.update({"updated": {"deep": [1, 2]}})
    run.summary["gone"] = 1
    del run.summary["gone"]
    run.finish()
"""

DERIVED = """
    settings = wandb.Settings(x_server_side_derived_summary=True)
    run = wandb.init(project="log", id="derived1", settings=settings)
    run.define_metric("m_min", summary="min")
    run.define_metric("m_max", summary="max")
    run.define_metric("m_mean", summary="mean")
    for value in [2.0, 1.0, 4.0, 3.0]:
        run.log({"plain": value, "m_min": value, "m_max": value, "m_mean": value, "nested": {"leaf": value}})
    run.log({"sometimes": "text"})
    run.summary["set"] = "by hand"
    run.finish()
"""


@pytest.fixture(scope="module", autouse=True)
def logged(client):
    scripts = [client.start(LOGGED), client.start(SUMMARIZED)]
    return [script.wait() for script in scripts]


@pytest.fixture(scope="module")
def rows(logged, find_run):
    """The rows of the run by their step."""
    return {row["_step"]: row for row in find_run("log/values1").scan_history()}


def test_each_log_call_is_a_row_and_a_step_may_be_skipped(rows):
    assert sorted(rows) == [0, 1, 2, 3, 10, 11, 12]


def test_scalars_and_texts_are_read_back(rows):
    row = rows[0]

    assert (row["loss"], row["count"], row["flag"], row["word"], row["quotes"]) == (0.5, 3, True, "größe ✓", '"\\\n')
    assert row.get("nothing") is None


def test_nested_values_and_lists_are_read_back(rows):
    assert rows[1]["nested"] == {"inner": {"leaf": 1.5}, "other": "x"}
    assert rows[1]["list"] == [1, 2, 3]


def test_a_nested_leaf_is_found_by_its_dotted_key(find_run):
    rows = list(find_run("log/values1").scan_history(keys=["nested.inner.leaf"]))

    assert [row["nested.inner.leaf"] for row in rows] == [1.5]


def test_large_integers_keep_every_digit(rows):
    assert rows[1]["large"] == 2**60


def test_not_a_number_and_the_infinities_are_read_back(rows):
    row = rows[2]

    assert math.isnan(row["not_a_number"])
    assert (row["up"], row["down"]) == (math.inf, -math.inf)


def test_not_a_number_does_not_break_sampled_history(find_run):
    rows = find_run("log/values1").history(keys=["not_a_number"], pandas=False)

    assert [row["_step"] for row in rows] == [2]


def test_a_key_may_change_its_type(rows):
    assert (rows[2]["mixed"], rows[3]["mixed"]) == (1, "text")


def test_a_histogram_is_read_back(rows):
    histogram = rows[3]["histogram"]

    assert histogram["_type"] == "histogram"
    assert (histogram["values"], histogram["bins"]) == ([1, 2, 3], [0, 1, 2, 3])


def test_two_calls_for_one_step_are_one_row(rows):
    assert (rows[10]["loss"], rows[10]["count"]) == (0.25, 4)


def test_floats_keep_every_bit(rows):
    row = rows[12]

    assert (row["tiny"], row["huge"], row["sum"]) == (5e-324, 1.7976931348623157e308, 0.1 + 0.2)


def test_keys_may_have_slashes_dots_and_spaces(rows):
    assert (rows[12]["with/slash"], rows[12]["with.dot"], rows[12]["with space"]) == (1, 2, 3)


def test_rows_carry_time_and_runtime(rows):
    assert all(row["_timestamp"] > 1_600_000_000 and row["_runtime"] >= 0 for row in rows.values())


def test_the_summary_has_the_last_value_of_each_key(find_run):
    summary = find_run("log/values1").summary

    assert (summary["loss"], summary["count"], summary["mixed"], summary["_step"]) == (0.125, 5, "text", 12)
    assert math.isnan(summary["not_a_number"])


def test_the_summary_follows_define_metric(find_run):
    summary = find_run("log/summary1").summary

    assert (summary["m_min"]["min"], summary["m_max"]["max"], summary["m_mean"]["mean"]) == (1.0, 4.0, 2.5)
    assert "m_none" not in summary


@pytest.mark.before("0.19.0", "goals of define_metric in what it sums up")
def test_the_summary_has_the_best_value_by_the_goal(run_script, find_run):
    run_script(
        """
        run = wandb.init(project="log", id="best1")
        run.define_metric("loss", summary="best", goal="minimize")
        run.define_metric("accuracy", summary="best", goal="maximize")
        for value in [2.0, 1.0, 4.0, 3.0]:
            run.log({"loss": value, "accuracy": value})
        run.finish()
        """
    )

    summary = find_run("log/best1").summary
    assert (summary["loss"]["best"], summary["accuracy"]["best"]) == (1.0, 4.0)


def test_the_summary_keeps_what_was_set_by_hand(find_run):
    summary = find_run("log/summary1").summary

    assert (summary["set"], summary["plain"]) == ("by hand", 17.5)
    assert summary["updated"]["deep"] == [1, 2]


@pytest.mark.since("0.19.0", "taking keys out of the summary")
def test_a_key_taken_out_of_the_summary_is_gone(find_run):
    assert "gone" not in find_run("log/summary1").summary


@pytest.mark.since("0.19.0", "nested values of rows in the summary")
def test_nested_keys_of_several_rows_are_in_the_summary_as_the_client_sends_it(find_run):
    nested = find_run("log/summary1").summary["nested"]

    assert nested["b"] == 2


@pytest.mark.since("0.19.0", "x_server_side_derived_summary")
def test_the_server_derives_the_summary_when_it_is_asked_to(run_script, find_run):
    run_script(DERIVED)

    summary = find_run("log/derived1").summary
    assert (summary["plain"], summary["sometimes"], summary["set"]) == (3.0, "text", "by hand")
    assert (summary["m_min"]["min"], summary["m_max"]["max"], summary["m_mean"]["mean"]) == (1.0, 4.0, 2.5)
    assert summary["nested"]["leaf"] == 3.0
