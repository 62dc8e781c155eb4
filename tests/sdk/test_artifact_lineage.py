"""Which run made an artifact and which runs use it, asked from both sides, and told of runs that are over."""

import pytest
from harness import CLIENT_VERSION, parsed

LOGGED = """
    from versions import log
    run = wandb.init(project="lineage", id="maker1")
    for text in ("first", "second"):
        log(run, "made", {"file.txt": text})
    log(run, "unused", {"file.txt": "unused"})
    run.finish()
    run = wandb.init(project="lineage", id="user1")
    run.use_artifact("made:v0")
    run.use_artifact("made:v0")
    log(run, "derived", {"file.txt": "derived"})
    run.finish()
    run = wandb.init(project="elsewhere", id="user2")
    run.use_artifact(f"{run.entity}/lineage/made:v0")
    run.use_artifact(f"{run.entity}/lineage/derived:latest")
    run.finish()
"""


@pytest.fixture(scope="module", autouse=True)
def logged(run_script):
    run_script(LOGGED)


@pytest.fixture
def users(find_artifact):
    return lambda path: sorted(run.id for run in find_artifact(path).used_by())


@pytest.fixture
def names(find_run):
    """`names("run", "logged")`: the artifacts that a run logged or used, without those that the client logs by itself."""

    def names(run, way):
        artifacts = getattr(find_run(run), f"{way}_artifacts")()
        return sorted(artifact.name for artifact in artifacts if not artifact.type.startswith(("wandb-", "run_table", "job")))

    return names


def test_an_artifact_knows_the_run_that_logged_it(find_artifact, person):
    run = find_artifact("lineage/made:v0").logged_by()

    assert (run.entity, run.project, run.id) == (person.entity, "lineage", "maker1")


def test_an_artifact_knows_the_runs_that_use_it_each_once(users):
    assert users("lineage/made:v0") == ["user1", "user2"]
    assert users("lineage/made:v1") == []
    assert users("lineage/unused:v0") == []


def test_a_run_lists_what_it_logged(names):
    assert names("lineage/maker1", "logged") == ["made:v0", "made:v1", "unused:v0"]
    assert names("lineage/user1", "logged") == ["derived:v0"]
    assert names("elsewhere/user2", "logged") == []


def test_a_run_lists_what_it_used(names):
    assert names("lineage/maker1", "used") == []
    assert names("lineage/user1", "used") == ["made:v0"]
    assert names("elsewhere/user2", "used") == ["derived:v0", "made:v0"]


def test_artifacts_of_a_run_are_listed_over_several_pages(find_run):
    listed = find_run("lineage/maker1").logged_artifacts(per_page=2)

    assert {"made:v0", "made:v1", "unused:v0"} <= {artifact.name for artifact in listed}


def test_a_draft_that_is_used_is_logged_by_no_run(run_script, names):
    """The client makes it without naming the run, and then says that the run uses it."""
    run_script(
        """
        from versions import version
        run = wandb.init(project="lineage", id="both1")
        print(json.dumps(run.use_artifact(version("both", {"file.txt": "a"}), aliases=["mine"]).version))
        run.finish()
        """
    )

    assert names("lineage/both1", "logged") == []
    assert names("lineage/both1", "used") == ["both:v0"]


@pytest.mark.skipif((0, 22) <= parsed(CLIENT_VERSION) < (0, 23), reason="wandb 0.22 breaks at an artifact that a person made")
def test_an_artifact_that_no_run_logged_knows_none(run_script, find_artifact):
    run_script(
        """
        from versions import version
        run = wandb.init(project="lineage", id="orphan1")
        run.use_artifact(version("orphan", {"file.txt": "a"}))
        run.finish()
        """
    )

    assert find_artifact("lineage/orphan:latest").logged_by() is None


def test_a_version_logged_again_belongs_to_both_runs(run_script, names, find_artifact):
    run_script(
        """
        from versions import log
        run = wandb.init(project="lineage", id="maker2")
        log(run, "unused", {"file.txt": "unused"})
        run.finish()
        """
    )

    assert names("lineage/maker2", "logged") == ["unused:v0"]
    assert "unused:v0" in names("lineage/maker1", "logged")
    assert find_artifact("lineage/unused:v0").logged_by().id == "maker1"


def test_a_finished_run_uses_an_artifact(run_script, find_run, find_artifact, names, users):
    run_script('wandb.init(project="lineage", id="over1").finish()')

    find_run("lineage/over1").use_artifact(find_artifact("lineage/made:v1"))

    assert names("lineage/over1", "used") == ["made:v1"]
    assert users("lineage/made:v1") == ["over1"]
    assert find_run("lineage/over1").state == "finished"


@pytest.fixture(scope="module")
def handed_on(run_script, find_run, find_artifact):
    run_script(
        """
        from versions import log
        run = wandb.init(project="lineage", id="over2")
        log(run, "handed", {"file.txt": "handed"})
        run.finish()
        for number in (3, 4):
            wandb.init(project="lineage", id=f"over{number}").finish()
        """
    )
    find_run("lineage/over3").log_artifact(find_artifact("lineage/handed:v0"))


def test_a_finished_run_logs_an_artifact(handed_on, find_run, names):
    assert names("lineage/over3", "logged") == ["handed:v0"]
    assert names("lineage/over2", "logged") == ["handed:v0"]
    assert find_run("lineage/over3").state == "finished"


@pytest.mark.since("0.31.0", "aliases in Run.log_artifact, which go out in a form that no schema has,")
def test_a_finished_run_logs_an_artifact_with_an_alias(handed_on, find_run, find_artifact):
    find_run("lineage/over4").log_artifact(find_artifact("lineage/handed:v0"), aliases=["handed on"])

    assert sorted(find_artifact("lineage/handed:v0").aliases) == ["handed on", "latest"]


def test_an_artifact_saved_without_a_run_makes_one(run_script, find_artifact, download):
    run_script(
        """
        from versions import version
        artifact = version("alone", {"file.txt": "alone"})
        artifact.save(project="lineage")
        artifact.wait()
        """
    )

    artifact = find_artifact("lineage/alone:latest")
    assert download(artifact) == {"file.txt": b"alone"}
    assert artifact.logged_by().state == "finished"


def test_deleting_a_run_leaves_what_it_logged(run_script, find_run, find_artifact, download):
    run_script(
        """
        from versions import log
        run = wandb.init(project="lineage", id="gone1")
        log(run, "outliving", {"file.txt": "outliving"})
        run.finish()
        """
    )

    find_run("lineage/gone1").delete()

    assert download(find_artifact("lineage/outliving:v0")) == {"file.txt": b"outliving"}


def test_deleting_a_run_with_its_artifacts_deletes_them(run_script, find_run, find_artifact):
    run_script(
        """
        from versions import log
        run = wandb.init(project="lineage", id="gone2")
        log(run, "perishing", {"file.txt": "perishing"})
        run.finish()
        """
    )

    find_run("lineage/gone2").delete(delete_artifacts=True)

    with pytest.raises(Exception, match="not found"):
        find_artifact("lineage/perishing:v0")
