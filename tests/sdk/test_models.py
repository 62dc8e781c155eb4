"""Models by `log_model`, `use_model` and `link_model`, and the project `model-registry` of an entity."""

import pytest

LOGGED = """
    from pathlib import Path
    Path("weights.bin").write_bytes(b"first weights")
    Path("directory").mkdir()
    Path("directory/a.txt").write_text("a")
    Path("directory/b.txt").write_text("b")
    run = wandb.init(project="models", id="models1")
    run.log_model("weights.bin", name="net", aliases=["best"])
    run.log_model("directory")
    run.log_model("directory", name="several")
    run.link_model("weights.bin", "registered", name="net", aliases=["staging"])
    Path("weights.bin").write_bytes(b"second weights")
    run.link_model("weights.bin", "registered", name="net")
    run.finish()
"""


@pytest.fixture(scope="module", autouse=True)
def logged(run_script):
    run_script(LOGGED)


def test_a_logged_model_has_type_files_and_aliases(find_artifact, download):
    model = find_artifact("models/net:best")

    assert (model.type, model.version) == ("model", "v0")
    assert download(model) == {"weights.bin": b"first weights"}


def test_a_model_without_a_name_is_named_after_its_run(find_artifact, download):
    assert download(find_artifact("models/run-models1-directory:latest")) == {"a.txt": b"a", "b.txt": b"b"}


def test_a_model_is_used(run_script):
    used = run_script(
        """
        run = wandb.init(project="models", id="models2")
        single = run.use_model("net:best")
        several = run.use_model("several:latest")
        with open(single) as file:
            text = file.read()
        print(json.dumps([os.path.basename(single), text, sorted(os.listdir(several))]))
        run.finish()
        """
    ).reported()

    assert used == ["weights.bin", "first weights", ["a.txt", "b.txt"]]


def test_a_linked_model_is_found_in_the_registry_of_its_entity(find_artifact, download):
    first, second = (find_artifact(f"model-registry/registered:{alias}") for alias in ("staging", "latest"))

    assert (first.version, first.source_name, second.version, second.source_name) == ("v0", "net:v0", "v1", "net:v1")
    assert download(second) == {"weights.bin": b"second weights"}


def test_a_model_is_used_from_the_registry(run_script, find_artifact):
    text = run_script(
        """
        run = wandb.init(project="models", id="models3")
        with open(run.use_model(f"{run.entity}/model-registry/registered:staging")) as file:
            text = file.read()
        print(json.dumps(text))
        run.finish()
        """
    ).reported()

    assert text == "first weights"
    assert "models3" in [run.id for run in find_artifact("models/net:v0").used_by()]
