"""Custom charts: the client logs a table and says in the config how it is drawn."""

import json

import pytest
import yaml

CHARTS = {
    "line": ("wandb/line/v0", {"x": "x", "y": "y"}),
    "scatter": ("wandb/scatter/v0", {"x": "x", "y": "y"}),
    "bar": ("wandb/bar/v0", {"label": "name", "value": "y"}),
    "histogram": ("wandb/histogram/v0", {"value": "y"}),
    "own": ("own/chart", {"across": "x", "up": "y"}),
}

LOGGED = """
    run = wandb.init(project="charts", id="charts1")
    table = lambda: wandb.Table(columns=["x", "y", "name"], data=[[1, 2.5, "a"], [2, 3.5, "größe"]])
    run.log({"line": wandb.plot.line(table(), "x", "y", title="a line")})
    run.log({"scatter": wandb.plot.scatter(table(), "x", "y", title="points")})
    run.log({"bar": wandb.plot.bar(table(), "name", "y", title="bars")})
    run.log({"histogram": wandb.plot.histogram(table(), "y", title="counts")})
    run.log({"series": wandb.plot.line_series(xs=[0, 1], ys=[[1, 2], [3, 4]], keys=["one", "two"], title="lines")})
    run.log({"confusion": wandb.plot.confusion_matrix(y_true=[0, 1, 1], preds=[0, 1, 0], class_names=["cat", "dog"])})
    own = wandb.plot_table("own/chart", table(), {"across": "x", "up": "y"}, {"title": "own title"})
    run.log({"own": own})
    run.finish()
"""


@pytest.fixture(scope="module")
def run(run_script, find_run):
    run_script(LOGGED)
    return find_run("charts/charts1")


@pytest.fixture(scope="module")
def fetched(run, tmp_path_factory):
    root = tmp_path_factory.mktemp("fetched")

    def fetched(path):
        run.file(path).download(root=str(root), replace=True)
        return (root / path).read_text()

    return fetched


@pytest.fixture(scope="module")
def table(run, fetched):
    """`table(chart)`: the rows behind a chart."""

    def table(chart):
        (key,) = [key for key in (f"{chart}_table", chart) if run.summary.get(key, {}).get("_type") == "table-file"]
        return json.loads(fetched(run.summary[key]["path"]))["data"]

    return table


@pytest.mark.parametrize("chart", CHARTS)
def test_the_rows_of_a_chart_are_a_table_of_the_run(table, chart):
    assert table(chart) == [[1, 2.5, "a"], [2, 3.5, "größe"]]


def test_series_and_confusions_are_tables_of_the_run(table):
    assert sorted(map(tuple, table("series"))) == [(0, "one", 1), (0, "two", 3), (1, "one", 2), (1, "two", 4)]
    assert sorted(map(tuple, table("confusion"))) == [("cat", "cat", 1), ("cat", "dog", 0), ("dog", "cat", 1), ("dog", "dog", 1)]


@pytest.mark.parametrize("chart", CHARTS)
def test_the_config_says_how_a_chart_is_drawn(fetched, chart):
    definition, fields = CHARTS[chart]
    drawn = yaml.safe_load(fetched("config.yaml"))["_wandb"]["value"]["visualize"][chart]

    assert drawn["panel_type"] == "Vega2"
    assert drawn["panel_config"]["panelDefId"] == definition
    assert fields.items() <= drawn["panel_config"]["fieldSettings"].items()


@pytest.mark.since("0.22.0", "create_custom_chart")
def test_a_chart_of_ones_own_is_made_and_drawn(api, person, run_script, find_run):
    wanted = {"entity": person.entity, "name": "my-chart", "display_name": "My chart", "spec_type": "vega2", "access": "private"}
    drawing = {"mark": "bar", "data": {"name": "wandb"}, "encoding": {"x": {"field": "${field:x}", "type": "ordinal"}}}

    chart = api().create_custom_chart(**wanted, spec=drawing)
    run_script(
        f"""
        run = wandb.init(project="charts", id="charts2")
        run.log({{"mine": wandb.plot_table({chart!r}, wandb.Table(columns=["x"], data=[[1]]), {{"x": "x"}})}})
        run.finish()
        """
    )

    assert chart == f"{person.entity}/my-chart"
    assert find_run("charts/charts2").summary["mine_table"]["nrows"] == 1
