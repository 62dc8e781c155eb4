"""Links: versions of one collection that are members of another one, a portfolio, there under numbers and aliases of its own."""

import pytest

LOGGED = """
    from versions import log
    run = wandb.init(project="links", id="links1")
    sources = [log(run, "source", {"file.txt": text}, aliases=[text]) for text in "abc"]
    for source, aliases in [(sources[0], ["prod"]), (sources[2], None), (sources[0], ["again"])]:
        run.link_artifact(source, "portfolio", aliases=aliases)
    run.link_artifact(sources[1], f"{run.entity}/other project/portfolio", aliases=["far"])
    for name in ("unlinked", "removed", "described", "deleted"):
        sources[0].link(f"links/{name}", aliases=["first"])
        sources[1].link(f"links/{name}")
    run.finish()
"""


@pytest.fixture(scope="module", autouse=True)
def logged(run_script, api, person):
    api().create_project("other project", person.entity)
    run_script(LOGGED)


@pytest.fixture
def portfolio(api, person):
    return lambda name: api().artifact_collection("dataset", f"{person.entity}/links/{name}")


@pytest.fixture
def versions(portfolio):
    return lambda name: [version.version for version in portfolio(name).artifacts()]


def test_a_linked_version_has_the_number_and_aliases_of_the_portfolio(find_artifact):
    first, second = (find_artifact(f"links/portfolio:{alias}") for alias in ("prod", "latest"))

    assert (first.version, sorted(first.aliases)) == ("v0", ["again", "prod"])
    assert (second.version, second.aliases) == ("v1", ["latest"])


def test_a_linked_version_knows_its_source(find_artifact, person):
    linked = find_artifact("links/portfolio:v1")

    assert linked.source_qualified_name == f"{person.entity}/links/source:v2"
    assert linked.qualified_name == f"{person.entity}/links/portfolio:v1"
    assert linked.digest == find_artifact("links/source:v2").digest
    assert linked.type == "dataset"


def test_a_linked_version_is_downloaded(find_artifact, download):
    assert download(find_artifact("links/portfolio:v0")) == {"file.txt": b"a"}
    assert download(find_artifact("links/portfolio:latest")) == {"file.txt": b"c"}


def test_a_link_into_another_project_is_found_there(find_artifact, download):
    linked = find_artifact("other project/portfolio:far")

    assert (linked.version, linked.source_project) == ("v0", "links")
    assert download(linked) == {"file.txt": b"b"}


def test_a_link_leaves_number_and_aliases_of_its_source(find_artifact):
    assert sorted(find_artifact("links/source:v0").aliases) == ["a"]
    assert sorted(find_artifact("links/source:latest").aliases) == ["c", "latest"]


def test_linking_again_makes_no_other_version(versions):
    assert versions("portfolio") == ["v1", "v0"]


def test_a_portfolio_is_no_sequence(portfolio, find_artifact):
    assert not portfolio("portfolio").is_sequence()
    assert find_artifact("links/portfolio:v0").collection.name == "portfolio"
    assert find_artifact("links/portfolio:v0").source_collection.name == "source"


@pytest.mark.since("0.19.0", "is_link and linked_artifacts")
def test_a_version_lists_its_links(find_artifact, person):
    source = find_artifact("links/source:v2")

    assert [linked.qualified_name for linked in source.linked_artifacts] == [f"{person.entity}/links/portfolio:v1"]
    assert (source.is_link, source.source_artifact.name) == (False, "source:v2")
    assert find_artifact("links/portfolio:v1").is_link
    assert find_artifact("links/portfolio:v1").source_artifact.qualified_name == source.qualified_name


@pytest.mark.since("0.22.0", "links without a run")
def test_a_version_is_linked_without_a_run(find_artifact, person):
    linked = find_artifact("links/source:v1").link(f"{person.entity}/links/by hand", aliases=["hand"])

    assert (linked.name, linked.version, sorted(linked.aliases)) == ("by hand:v0", "v0", ["hand", "latest"])
    assert find_artifact("links/by hand:hand").source_version == "v1"


def test_aliases_of_a_link_are_changed_in_its_portfolio_only(find_artifact):
    linked = find_artifact("links/described:first")
    linked.aliases.append("added")
    linked.save()

    assert sorted(find_artifact("links/described:v0").aliases) == ["added", "first"]
    assert sorted(find_artifact("links/source:v0").aliases) == ["a"]


def test_an_unlinked_version_is_gone_from_the_portfolio_only(find_artifact, versions, download):
    find_artifact("links/unlinked:v0").unlink()

    with pytest.raises(Exception, match="not found"):
        find_artifact("links/unlinked:first")
    assert versions("unlinked") == ["v1"]
    assert download(find_artifact("links/source:v0")) == {"file.txt": b"a"}


def test_a_source_cannot_be_unlinked_from_its_own_collection(find_artifact):
    with pytest.raises(ValueError, match="not a linked artifact"):
        find_artifact("links/source:v0").unlink()


def test_deleting_a_linked_version_only_unlinks_it(find_artifact, versions, download):
    find_artifact("links/removed:v1").delete()

    assert versions("removed") == ["v0"]
    assert download(find_artifact("links/source:v1")) == {"file.txt": b"b"}


def test_a_portfolio_is_described_renamed_and_tagged(portfolio, find_artifact):
    collection = portfolio("described")
    collection.description = "größe"
    collection.tags = ["good"]
    collection.save()
    collection = portfolio("described")
    assert (collection.description, list(collection.tags)) == ("größe", ["good"])

    collection.name = "well described"
    collection.save()
    assert find_artifact("links/well described:v0").source_version == "v0"


def test_a_deleted_portfolio_leaves_its_sources(portfolio, find_artifact, download):
    portfolio("deleted").delete()

    with pytest.raises(Exception, match="not found"):
        find_artifact("links/deleted:v0")
    assert download(find_artifact("links/source:v0")) == {"file.txt": b"a"}


def test_a_deleted_source_is_gone_from_its_portfolios(run_script, find_artifact):
    run_script(
        """
        from versions import log
        run = wandb.init(project="links", id="links2")
        for text in "ab":
            run.link_artifact(log(run, "short-lived", {"file.txt": text}), "outliving")
        run.finish()
        """
    )
    find_artifact("links/short-lived:v0").delete(delete_aliases=True)

    with pytest.raises(Exception, match="not found"):
        find_artifact("links/outliving:v0")
    assert find_artifact("links/outliving:latest").source_version == "v1"
