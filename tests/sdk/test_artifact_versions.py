"""Versions of an artifact: numbered, not doubled when nothing changed, built on earlier ones, deleted."""

import json

import pytest

LOGGED = """
    from versions import log, version
    run = wandb.init(project="versions", id="versions1")
    seen = {}
    seen["numbered"] = [log(run, "numbered", {"file.txt": text}).version for text in "abc"]
    for alias, text in [("one", "a"), ("two", "a"), ("three", "b"), ("four", "a")]:
        seen.setdefault("same", []).append(log(run, "same", {"file.txt": text}, aliases=[alias]).version)
    seen["elsewhere"] = [log(run, "elsewhere", {"file.txt": "a"}).version]
    seen["moved"] = [log(run, "moved", {name: "a"}).version for name in ("file.txt", "renamed.txt")]
    for name in ("deleted", "kept", "again", "all"):
        for text in "abc":
            log(run, name, {"file.txt": name + text}, aliases=[text])
    run.finish()
    print(json.dumps(seen))
"""


@pytest.fixture(scope="module", autouse=True)
def logged(run_script):
    """The version that each call of `log_artifact` came to."""
    return run_script(LOGGED).reported()


@pytest.fixture
def versions(api, person):
    """`versions(name)`: the versions of a collection, newest first, as the Api lists them."""
    return lambda name: [version.version for version in api().artifacts("dataset", f"{person.entity}/versions/{name}")]


def test_versions_are_numbered_from_zero(logged, versions):
    assert logged["numbered"] == ["v0", "v1", "v2"]
    assert versions("numbered") == ["v2", "v1", "v0"]


def test_each_version_keeps_its_files(find_artifact, download):
    texts = [download(find_artifact(f"versions/numbered:v{number}")) for number in range(3)]

    assert texts == [{"file.txt": b"a"}, {"file.txt": b"b"}, {"file.txt": b"c"}]


def test_the_same_files_again_are_the_same_version(logged, versions):
    assert logged["same"] == ["v0", "v0", "v1", "v0"]
    assert versions("same") == ["v1", "v0"]


def test_a_version_logged_again_takes_the_new_aliases(find_artifact):
    assert sorted(find_artifact("versions/same:v0").aliases) == ["four", "latest", "one", "two"]
    assert find_artifact("versions/same:v1").aliases == ["three"]


def test_the_same_files_in_another_collection_are_a_version_of_it(logged, find_artifact, download):
    assert logged["elsewhere"] == ["v0"]
    assert download(find_artifact("versions/elsewhere:latest")) == {"file.txt": b"a"}


def test_a_file_under_another_name_makes_a_version(logged, find_artifact, download):
    assert logged["moved"] == ["v0", "v1"]
    assert download(find_artifact("versions/moved:latest")) == {"renamed.txt": b"a"}


def test_a_draft_of_a_version_becomes_the_next_one(run_script, find_artifact, download):
    made = run_script(
        """
        from versions import log
        run = wandb.init(project="versions", id="draft1")
        log(run, "drafted", {"kept.txt": "kept", "changed.txt": "old", "removed.txt": "old", "sub/removed.txt": "old"})
        draft = run.use_artifact("drafted:latest").new_draft()
        draft.remove("removed.txt")
        draft.remove("sub")
        draft.remove("changed.txt")
        for name in ("changed.txt", "added.txt"):
            with draft.new_file(name) as file:
                file.write("new")
        draft.description = "from a draft"
        print(json.dumps(run.log_artifact(draft).wait().version))
        run.finish()
        """
    )

    artifact = find_artifact("versions/drafted:latest")
    assert (made.reported(), artifact.version, artifact.description) == ("v1", "v1", "from a draft")
    assert download(artifact) == {"kept.txt": b"kept", "changed.txt": b"new", "added.txt": b"new"}
    assert sorted(download(find_artifact("versions/drafted:v0"))) == ["changed.txt", "kept.txt", "removed.txt", "sub/removed.txt"]


def test_a_draft_of_an_older_version_builds_on_that_one(run_script, find_artifact, download):
    run_script(
        """
        from versions import log
        run = wandb.init(project="versions", id="draft2")
        log(run, "branched", {"file.txt": "old"})
        log(run, "branched", {"other.txt": "newer"})
        draft = run.use_artifact("branched:v0").new_draft()
        with draft.new_file("added.txt") as file:
            file.write("added")
        run.log_artifact(draft).wait()
        run.finish()
        """
    )

    assert download(find_artifact("versions/branched:v2")) == {"file.txt": b"old", "added.txt": b"added"}


def test_an_incremental_artifact_adds_to_the_latest_version(run_script, find_artifact, download):
    run_script(
        """
        from versions import log
        run = wandb.init(project="versions", id="incremental1")
        log(run, "grown", {"first.txt": "first", "changed.txt": "old"})
        log(run, "grown", {"second.txt": "second", "changed.txt": "new"}, incremental=True)
        log(run, "grown", {"third.txt": "third"}, incremental=True)
        log(run, "started", {"first.txt": "first"}, incremental=True)
        run.finish()
        """
    )

    grown = {"first.txt": b"first", "second.txt": b"second", "changed.txt": b"new", "third.txt": b"third"}
    assert download(find_artifact("versions/grown:v1")) == {name: grown[name] for name in grown if name != "third.txt"}
    assert download(find_artifact("versions/grown:latest")) == grown
    assert find_artifact("versions/grown:latest").file_count == 4
    assert download(find_artifact("versions/started:v0")) == {"first.txt": b"first"}


def test_a_version_with_aliases_is_not_deleted_unless_they_are(find_artifact, download):
    with pytest.raises(Exception, match="(?i)alias"):
        find_artifact("versions/kept:v1").delete()
    assert download(find_artifact("versions/kept:v1")) == {"file.txt": b"keptb"}


def test_a_version_is_deleted_with_its_aliases(find_artifact, versions):
    find_artifact("versions/deleted:v1").delete(delete_aliases=True)

    for alias in ("v1", "b"):
        with pytest.raises(Exception, match="not found"):
            find_artifact(f"versions/deleted:{alias}")
    assert versions("deleted") == ["v2", "v0"]


def test_a_version_without_aliases_is_deleted(find_artifact, versions):
    artifact = find_artifact("versions/all:a")
    artifact.aliases = []
    artifact.save()

    find_artifact("versions/all:v0").delete()

    assert versions("all") == ["v2", "v1"]


def test_a_deleted_version_gives_its_number_to_no_other(run_script, find_artifact, versions, download):
    """The same files are a new version then, with bytes of its own."""
    find_artifact("versions/again:v1").delete(delete_aliases=True)

    run_script(
        """
        from versions import log
        run = wandb.init(project="versions", id="again1")
        log(run, "again", {"file.txt": "againb"})
        run.finish()
        """
    )

    assert versions("again") == ["v3", "v2", "v0"]
    assert download(find_artifact("versions/again:latest")) == {"file.txt": b"againb"}


def test_versions_logged_by_several_scripts_at_once_are_numbered_one_by_one(client, versions, find_artifact, download):
    code = """
        from versions import version
        run = wandb.init(project="versions", id="crowd{number}")
        logged = [run.log_artifact(version("crowded", {{"file.txt": f"{number} {{time}}"}})) for time in range(4)]
        print(json.dumps({{artifact.wait().version: f"{number} {{time}}" for time, artifact in enumerate(logged)}}))
        run.finish()
    """
    scripts = [client.start(code.format(number=number)) for number in range(3)]
    texts = {}
    for script in scripts:
        texts |= next(json.loads(line) for line in script.wait().output.splitlines() if line.startswith('{"v'))

    assert sorted(texts) == sorted(versions("crowded")) == sorted(f"v{number}" for number in range(12))
    assert {version: download(find_artifact(f"versions/crowded:{version}"))["file.txt"].decode() for version in texts} == texts
    assert find_artifact("versions/crowded:latest").version == "v11"
