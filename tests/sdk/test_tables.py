"""Tables: logged to runs and put into artifacts, with media in their cells, joined, in parts, grown row by row, read back."""

import json

import pytest

COLUMNS = ["whole", "real", "text", "flag", "nothing", "list", "dict"]
ROWS = [[1, 0.5, "größe", True, None, [1, 2], {"a": {"b": 1}}], [2, -1.5, 'quotes "\\', False, None, [], {"a": {"b": 2}}]]

LOGGED = f"""
    import numpy as np
    pixels = np.arange(8 * 4 * 3, dtype=np.uint8).reshape(4, 8, 3)
    columns, rows = {COLUMNS!r}, {ROWS!r}
    run = wandb.init(project="tables", id="tables1")

    run.log({{"plain": wandb.Table(columns=columns, data=rows)}})
    run.log({{"deep/key": wandb.Table(columns=["x"], data=[[1]])}})
    for number in range(2):
        run.log({{"relogged": wandb.Table(columns=["x"], data=[[number]])}})
    pictures = wandb.Table(columns=["number", "image", "html"])
    for number in range(2):
        pictures.add_data(number, wandb.Image(pixels + number), wandb.Html(f"<b>{{number}}</b>"))
    run.log({{"pictures": pictures}})

    artifact = wandb.Artifact("tables", "dataset")
    artifact.add(wandb.Table(columns=columns, data=rows), "folder/plain")
    artifact["by brackets"] = wandb.Table(columns=["x"], data=[[3]])
    cells = wandb.Table(columns=["number", "image", "images"])
    cells.add_data(7, wandb.Image(pixels, caption="in a cell"), wandb.Image(pixels))
    artifact.add(cells, "cells")
    artifact.add(wandb.Table(columns=["grid"], data=[[np.arange(6.0).reshape(2, 3)], [np.ones((2, 3))]]), "arrays")
    artifact.add(wandb.Image(pixels, caption="alone"), "picture")
    left = wandb.Table(columns=["id", "a"], data=[[1, "one"], [2, "two"]])
    right = wandb.Table(columns=["id", "b"], data=[[1, 10], [2, 20]])
    artifact.add(wandb.JoinedTable(left, right, "id"), "joined")
    for part in range(3):
        artifact.add(wandb.Table(columns=["x"], data=[[part], [part + 10]]), f"parts/{{part}}")
    artifact.add(wandb.data_types.PartitionedTable("parts"), "partitioned")
    run.log_artifact(artifact).wait()
    run.finish()
"""


@pytest.fixture(scope="module", autouse=True)
def logged(run_script):
    run_script(LOGGED)


@pytest.fixture(scope="module")
def run(logged, find_run):
    return find_run("tables/tables1")


@pytest.fixture(scope="module")
def artifact(logged, find_artifact):
    return find_artifact("tables/tables:latest")


@pytest.fixture(scope="module")
def run_tables(run):
    """The artifacts that the client makes for the tables of a run, by the key of the table."""
    found = {}
    for artifact in run.logged_artifacts():
        if artifact.type == "run_table":
            found.setdefault(artifact.name.split(":")[0].removeprefix("run-tables1-"), []).append(artifact)
    return found


def test_a_table_of_a_run_is_a_file_of_it(run, tmp_path):
    summary = run.summary["plain"]
    run.file(summary["path"]).download(root=str(tmp_path))
    table = json.loads((tmp_path / summary["path"]).read_text())

    assert (summary["_type"], summary["nrows"], summary["ncols"]) == ("table-file", 2, 7)
    assert summary["path"].startswith("media/table/plain_0_")
    assert (table["columns"], table["data"]) == (COLUMNS, ROWS)


def test_a_table_of_a_run_is_an_artifact_of_it(run_tables):
    (artifact,) = run_tables["plain"]
    table = artifact.get("plain")

    assert (table.columns, table.data) == (COLUMNS, ROWS)
    assert table.get_column("whole") == [1, 2]


def test_a_table_below_a_key_with_a_slash_is_read_back(run_tables):
    (artifact,) = [artifact for key, found in run_tables.items() if key.startswith("deep") for artifact in found]

    assert artifact.get("deep/key").data == [[1]]


def test_a_table_logged_twice_is_two_versions(run_tables):
    tables = {artifact.version: artifact.get("relogged").data for artifact in run_tables["relogged"]}

    assert tables == {"v0": [[0]], "v1": [[1]]}


def test_a_table_of_a_run_has_media_in_its_cells(run_tables):
    (artifact,) = run_tables["pictures"]
    first, second = artifact.get("pictures").data

    assert (first[0], second[0]) == (0, 1)
    assert first[1].image.getpixel((1, 0)) == (3, 4, 5)
    assert second[1].image.getpixel((1, 0)) == (4, 5, 6)
    assert "<b>1</b>" in second[2].html


def test_a_table_is_read_back_from_an_artifact(artifact):
    assert (artifact.get("folder/plain").columns, artifact.get("folder/plain").data) == (COLUMNS, ROWS)
    assert artifact["by brackets"].data == [[3]]
    assert artifact.get("nothing") is None


def test_images_in_cells_are_read_back(artifact):
    ((number, image, _),) = artifact.get("cells").data

    assert (number, image._caption) == (7, "in a cell")
    assert image.image.getpixel((2, 1)) == (30, 31, 32)


def test_an_image_is_read_back_from_an_artifact(artifact):
    picture = artifact.get("picture")

    assert (picture._caption, picture.image.size) == ("alone", (8, 4))


def test_arrays_in_cells_are_read_back(artifact):
    first, second = (row[0] for row in artifact.get("arrays").data)

    assert first.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert second.tolist() == [[1.0, 1.0, 1.0]] * 2


def test_joined_tables_are_read_back(artifact):
    import wandb

    left = wandb.Table(columns=["id", "a"], data=[[1, "one"], [2, "two"]])
    right = wandb.Table(columns=["id", "b"], data=[[1, 10], [2, 20]])
    assert artifact.get("joined") == wandb.JoinedTable(left, right, "id")
    assert artifact.get("joined") != wandb.JoinedTable(right, left, "id")


def test_a_table_in_parts_is_read_as_one(artifact):
    rows = [row for _, row in artifact.get("partitioned").iterrows()]

    assert sorted(rows) == [[0], [1], [2], [10], [11], [12]]


def test_a_table_is_referred_to_before_its_artifact_is_committed(run_script, find_artifact):
    """The client knows no id of the first artifact then, only the one that it chose itself."""
    run_script(
        """
        run = wandb.init(project="tables", id="early1")
        table = wandb.Table(columns=["x"], data=[[1], [2]])
        first = wandb.Artifact("early", "dataset")
        first.add(table, "table")
        run.log_artifact(first)
        second = wandb.Artifact("referring", "dataset")
        second.add(table, "again")
        run.log_artifact(second)
        run.log({"logged": table})
        run.finish()
        """
    )
    referring = find_artifact("tables/referring:latest")

    assert referring.get_entry("again.table.json").ref.startswith("wandb-artifact://")
    assert referring.get("again").data == [[1], [2]]


def test_a_table_refers_to_images_of_another_artifact(run_script, find_artifact):
    run_script(
        """
        run = wandb.init(project="tables", id="borrower1")
        source = run.use_artifact("tables:latest")
        table = wandb.Table(columns=["name", "image"])
        table.add_data("borrowed", source.get("picture"))
        artifact = wandb.Artifact("borrowing", "dataset")
        artifact.add(table, "table")
        artifact.add(source.get("folder/plain"), "plain")
        run.log_artifact(artifact).wait()
        run.finish()
        """
    )
    borrowing = find_artifact("tables/borrowing:latest")

    ((name, image),) = borrowing.get("table").data
    assert (name, image.image.size) == ("borrowed", (8, 4))
    assert borrowing.get_entry("plain.table.json").ref.startswith("wandb-artifact://")
    assert borrowing.get("plain").data == ROWS
    assert any((entry.ref or "").startswith("wandb-artifact://") for entry in borrowing.manifest.entries.values())


@pytest.mark.since("0.22.0", "log_mode of tables")
def test_a_table_that_changes_is_logged_as_it_is_each_time(run_script, find_artifact):
    run_script(
        """
        run = wandb.init(project="tables", id="mutable1")
        table = wandb.Table(columns=["x"], log_mode="MUTABLE")
        for number in range(3):
            table.add_data(number)
            run.log({"growing": table})
        run.finish()
        """
    )

    data = [find_artifact(f"tables/run-mutable1-growing:v{number}").get("growing").data for number in range(3)]
    assert data == [[[0]], [[0], [1]], [[0], [1], [2]]]


@pytest.fixture
def increments(find_artifact, download):
    """`increments(run)`: the rows of an incremental table named `grown`: one file for each call of `log`, by its time."""

    def increments(run):
        files = download(find_artifact(f"tables/run-{run}-incr-grown:latest"))
        by_time = sorted(files, key=lambda name: int(name.split("-")[1].split(".")[0]))
        return [row for name in by_time for row in json.loads(files[name])["data"]]

    return increments


@pytest.mark.since("0.22.0", "log_mode of tables")
def test_a_table_grows_by_increments_also_after_a_resume(run_script, increments):
    code = """
        run = wandb.init(project="tables", id="grown1", resume="allow")
        table = wandb.Table(columns=["x"], log_mode="INCREMENTAL")
        for number in range({first}, {last}):
            table.add_data(number)
            table.add_data(number * 100)
            run.log({{"grown": table}})
        run.finish()
    """
    run_script(code.format(first=1, last=4))
    assert increments("grown1") == [[1], [100], [2], [200], [3], [300]]

    run_script(code.format(first=4, last=6))
    assert increments("grown1") == [[1], [100], [2], [200], [3], [300], [4], [400], [5], [500]]
