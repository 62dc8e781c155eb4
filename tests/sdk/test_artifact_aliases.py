"""Aliases: `latest`, version numbers and own ones; each leads to one version of its collection."""

import pytest

LOGGED = """
    from versions import log
    run = wandb.init(project="aliases", id="aliases1")
    log(run, "moving", {"file.txt": "a"}, aliases=["best", "only on a"])
    log(run, "moving", {"file.txt": "b"}, aliases=["best", "größe"])
    log(run, "other", {"file.txt": "o"}, aliases=["best"])
    for name in ("added", "taken", "swapped", "set"):
        log(run, name, {"file.txt": name}, aliases=["first"])
        log(run, name, {"file.txt": name + " again"}, aliases=["second"])
    run.finish()
"""


@pytest.fixture(scope="module", autouse=True)
def logged(run_script):
    run_script(LOGGED)


@pytest.fixture
def aliases(find_artifact):
    """`aliases("name:v0")`: the aliases of a version, apart from its number."""
    return lambda path: sorted(find_artifact(f"aliases/{path}").aliases)


@pytest.fixture
def leads_to(find_artifact):
    return lambda path: find_artifact(f"aliases/{path}").version


def test_latest_leads_to_the_newest_version(leads_to):
    assert (leads_to("moving:latest"), leads_to("moving")) == ("v1", "v1")


def test_a_version_is_found_by_its_number(leads_to):
    assert [leads_to("moving:v0"), leads_to("moving:v1")] == ["v0", "v1"]


def test_an_alias_that_is_given_again_moves(aliases, leads_to):
    assert leads_to("moving:best") == "v1"
    assert (aliases("moving:v0"), aliases("moving:v1")) == (["only on a"], ["best", "größe", "latest"])


def test_an_alias_with_other_letters_leads_to_its_version(leads_to):
    assert (leads_to("moving:größe"), leads_to("moving:only on a")) == ("v1", "v0")


def test_collections_have_aliases_of_their_own(find_artifact, download):
    assert download(find_artifact("aliases/other:best")) == {"file.txt": b"o"}
    assert download(find_artifact("aliases/moving:best")) == {"file.txt": b"b"}


def test_an_alias_is_added(find_artifact, aliases, leads_to):
    artifact = find_artifact("aliases/added:v0")
    artifact.aliases.append("production")
    artifact.save()

    assert aliases("added:v0") == ["first", "production"]
    assert leads_to("added:production") == "v0"


def test_an_added_alias_leaves_the_version_that_had_it(find_artifact, aliases, leads_to):
    artifact = find_artifact("aliases/swapped:v1")
    artifact.aliases.append("first")
    artifact.save()

    assert leads_to("swapped:first") == "v1"
    assert (aliases("swapped:v0"), aliases("swapped:v1")) == ([], ["first", "latest", "second"])


def test_an_alias_is_taken_away(find_artifact, aliases):
    artifact = find_artifact("aliases/taken:v1")
    artifact.aliases.remove("second")
    artifact.save()

    assert aliases("taken:v1") == ["latest"]
    with pytest.raises(Exception, match="not found"):
        find_artifact("aliases/taken:second")


def test_aliases_are_set_all_at_once(find_artifact, aliases):
    artifact = find_artifact("aliases/set:v0")
    artifact.aliases = ["one", "two"]
    artifact.save()

    assert aliases("set:v0") == ["one", "two"]


def test_a_collection_lists_the_aliases_of_all_its_versions(api, person):
    collection = api().artifact_collection("dataset", f"{person.entity}/aliases/moving")

    assert set(collection.aliases) >= {"best", "größe", "latest", "only on a"}
