"""Code that is logged with a run: by `log_code`, by `save_code`, and the path under which the run knows it."""

import pytest

CODE = {"train.py": b"print('train')\n", "lib/model.py": b"# model\n", "lib/notes.txt": b"notes", "cache/old.py": b"# old\n"}

PREPARED = f"""
    from pathlib import Path
    for name, content in {CODE!r}.items():
        path = Path("source", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
"""


@pytest.fixture(scope="module")
def reported(run_script):
    """The names of the artifacts that `log_code` made."""
    return run_script(
        PREPARED
        + """
    run = wandb.init(project="code", id="code1")
    whole = run.log_code("source")
    chosen = run.log_code(
        "source",
        name="chosen",
        include_fn=lambda path: path.endswith((".py", ".txt")),
        exclude_fn=lambda path, root: os.path.relpath(path, root).startswith("cache"),
    )
    nothing = run.log_code("source", name="nothing", include_fn=lambda path: path.endswith(".rs"))
    print(json.dumps([whole.wait().name, chosen.wait().name, nothing]))
    run.finish()
    """,
    ).reported()


def test_the_python_files_of_a_directory_are_logged(reported, find_artifact, download):
    name, _, nothing = reported
    artifact = find_artifact(f"code/{name}")

    assert (name, artifact.type, nothing) == ("source-code-script.py:v0", "code", None)
    assert download(artifact) == {name: content for name, content in CODE.items() if name.endswith(".py")}


def test_chosen_files_are_logged(reported, find_artifact, download):
    assert download(find_artifact("code/chosen:latest")) == {name: CODE[name] for name in CODE if not name.startswith("cache")}


def test_a_run_has_its_code_among_its_artifacts(reported, find_run):
    code = {artifact.name for artifact in find_run("code/code1").logged_artifacts() if artifact.type == "code"}

    assert code == {"source-code-script.py:v0", "chosen:v0"}


def test_the_saved_script_is_a_file_of_the_run(client, find_run, tmp_path):
    directory = client.run(
        """
        run = wandb.init(project="code", id="saved1", save_code=True)
        run.finish()
        """,
        WANDB_DISABLE_CODE=None,
        WANDB__DISABLE_META=None,
    ).directory
    run = find_run("code/saved1")
    (file,) = [file for file in run.files() if file.name.startswith("code/")]
    file.download(root=str(tmp_path))

    assert (tmp_path / file.name).read_bytes() == (directory / "script.py").read_bytes()


def test_code_of_a_directory_is_logged_by_a_setting(run_script, find_run, download):
    run_script(
        PREPARED
        + """
    run = wandb.init(project="code", id="setting1", save_code=True, settings=wandb.Settings(code_dir="source"))
    run.finish()
    """,
        WANDB_DISABLE_CODE=None,
    )
    (artifact,) = [artifact for artifact in find_run("code/setting1").logged_artifacts() if artifact.type == "code"]

    assert sorted(download(artifact)) == ["cache/old.py", "lib/model.py", "train.py"]
