"""What may be changed of a committed version: description, metadata, tags, time to live."""

import json
from datetime import timedelta

import pytest

LOGGED = """
    from datetime import timedelta
    from versions import log, version
    run = wandb.init(project="edits", id="edits1")
    for name in ("described", "undescribed", "measured", "tagged", "lived"):
        log(run, name, {"file.txt": name}, aliases=["one"], description="before", metadata={"kept": 1, "changed": [1]})
    mortal = version("mortal", {"file.txt": "mortal"})
    mortal.ttl = timedelta(days=3)
    run.log_artifact(mortal).wait()
    run.log({"x": 1})
    run.log({"x": 2})
    run.log({"x": 3})
    log(run, "stepped", {"file.txt": "stepped"})
    run.finish()
"""

TAGGED = """
    from versions import version
    run = wandb.init(project="edits", id="tags1")
    run.log_artifact(version("labelled", {"file.txt": "a"}), tags=["raw", "größe"]).wait()
    run.log_artifact(version("labelled", {"file.txt": "b"}), tags=["raw"]).wait()
    run.log_artifact(version("labelled", {"file.txt": "c"})).wait()
    run.finish()
"""


@pytest.fixture(scope="module", autouse=True)
def logged(run_script):
    run_script(LOGGED)


@pytest.fixture
def edit(find_artifact):
    """`edit(name, attribute=value…)`: sets attributes of a version, saves it, and asks for it anew."""

    def edit(name, **wanted):
        # By its number: 0.19 takes what is found by another alias for a link.
        artifact = find_artifact(f"edits/{name}:v0")
        for attribute, value in wanted.items():
            setattr(artifact, attribute, value)
        artifact.save()
        return find_artifact(f"edits/{name}:latest")

    return edit


def test_a_description_is_changed_and_the_rest_stays(edit, download):
    artifact = edit("described", description="größer ✓\n\n- line")

    assert artifact.description == "größer ✓\n\n- line"
    assert (artifact.version, sorted(artifact.aliases), artifact.metadata["kept"]) == ("v0", ["latest", "one"], 1)
    assert download(artifact) == {"file.txt": b"described"}


def test_a_description_is_emptied(edit):
    assert not edit("undescribed", description="").description


def test_metadata_are_replaced(edit):
    wanted = {"changed": [1, {"x": None}], "added": {"deep": [0.5, True, "größe"]}}

    assert edit("measured", metadata=wanted).metadata == wanted
    assert edit("measured", metadata={}).metadata == {}


def test_one_key_of_the_metadata_is_changed(find_artifact):
    artifact = find_artifact("edits/lived:latest")
    artifact.metadata["changed"] = 2
    artifact.save()

    assert find_artifact("edits/lived:latest").metadata == {"kept": 1, "changed": 2}


@pytest.mark.since("0.19.0", "tags of artifacts")
def test_tags_are_given_added_and_taken_away(run_script, api, person, find_artifact):
    run_script(TAGGED)
    assert sorted(find_artifact("edits/labelled:v0").tags) == ["größe", "raw"]
    assert sorted(find_artifact("edits/labelled:v2").tags) == []

    artifact = find_artifact("edits/labelled:v0")
    artifact.tags = ["größe", "clean"]
    artifact.save()

    assert sorted(find_artifact("edits/labelled:v0").tags) == ["clean", "größe"]
    collection = f"{person.entity}/edits/labelled"
    listed = lambda tags: [version.version for version in api().artifacts("dataset", collection, tags=tags)]
    assert (listed("raw"), listed(["clean", "größe"]), listed("nowhere")) == (["v1"], ["v0"], [])


@pytest.mark.since("0.19.0", "tags of artifacts")
def test_a_version_logged_again_takes_the_new_tags(run_script, find_artifact):
    run_script(
        """
        from versions import version
        run = wandb.init(project="edits", id="tags2")
        for tag in ("one", "two"):
            run.log_artifact(version("twice", {"file.txt": "same"}), tags=[tag]).wait()
        run.finish()
        """
    )

    assert sorted(find_artifact("edits/twice:v0").tags) == ["one", "two"]


def test_a_version_logged_with_a_time_to_live_has_it(find_artifact):
    assert find_artifact("edits/mortal:latest").ttl == timedelta(days=3)


def test_a_version_without_a_time_to_live_lives_for_ever(find_artifact):
    assert find_artifact("edits/lived:latest").ttl is None


def test_a_time_to_live_is_set_and_inherited_and_taken_off(edit, run_script):
    from wandb.sdk.artifacts.artifact_ttl import ArtifactTTL

    assert edit("lived", ttl=timedelta(hours=5)).ttl == timedelta(hours=5)
    assert edit("lived", ttl=ArtifactTTL.INHERIT).ttl is None
    assert edit("lived", ttl=timedelta(hours=6)).ttl == timedelta(hours=6)
    assert edit("lived", ttl=None).ttl is None


def test_an_edit_leaves_the_time_to_live_alone(edit):
    assert edit("mortal", description="still").ttl == timedelta(days=3)


@pytest.mark.since("0.19.0", "history_step")
def test_a_version_knows_after_which_step_it_was_logged(find_artifact):
    assert find_artifact("edits/stepped:latest").history_step == 2


def test_large_metadata_are_kept(run_script, find_artifact):
    """0.31 holds keys to a hundred, values to nothing."""
    run_script(
        """
        from versions import log
        run = wandb.init(project="edits", id="large1")
        log(run, "large", {"file.txt": "a"}, metadata={f"key{number}": "x" * 5000 for number in range(100)})
        run.finish()
        """
    )

    metadata = find_artifact("edits/large:latest").metadata
    assert json.dumps(metadata) == json.dumps({f"key{number}": "x" * 5000 for number in range(100)})
