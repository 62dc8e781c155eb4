"""Collections and types of artifacts: listed, looked for, renamed, described, moved to another type, deleted."""

import pytest

LOGGED = """
    from versions import log
    run = wandb.init(project="collections", id="collections1")
    for name in ("alpha", "beta", "gamma"):
        log(run, name, {"file.txt": name})
    for text in ("two", "three", "four"):
        log(run, "alpha", {"file.txt": text})
    log(run, "net", {"file.txt": "net"}, type="model")
    run.finish()
"""

OWN = """
    from versions import log
    run = wandb.init(project="own collections", id="own1")
    for name in ("named", "described", "tagged", "typed", "retyped", "deleted", "other"):
        log(run, name, {"file.txt": name}, aliases=["one"])
    run.finish()
"""


@pytest.fixture(scope="module", autouse=True)
def logged(client):
    for script in [client.start(LOGGED), client.start(OWN)]:
        script.wait()


@pytest.fixture(scope="module")
def project(person):
    return f"{person.entity}/collections"


@pytest.fixture
def own(api, person):
    """`own(name)`: one of the collections that a test may change, freshly asked for."""
    return lambda name, type="dataset": api().artifact_collection(type, f"{person.entity}/own collections/{name}")


@pytest.fixture
def exists(api, person):
    return lambda name: api().artifact_collection_exists(f"{person.entity}/own collections/{name}", "dataset")


def test_the_types_of_a_project_are_listed(api, project):
    assert {"dataset", "model"} <= {type.name for type in api().artifact_types(project)}


def test_a_type_lists_its_collections(api, project):
    dataset = api().artifact_type("dataset", project)

    assert dataset.name == "dataset"
    assert sorted(collection.name for collection in dataset.collections()) == ["alpha", "beta", "gamma"]
    assert dataset.collection("beta").name == "beta"


def test_a_type_that_does_not_exist_is_missed(api, project):
    with pytest.raises(Exception, match="(?i)could not find"):
        api().artifact_type("nothing", project)


def test_collections_are_listed_over_several_pages(api, project):
    collections = api().artifact_collections(project, "dataset", per_page=2)

    assert sorted(collection.name for collection in collections) == ["alpha", "beta", "gamma"]
    assert len(api().artifact_collections(project, "dataset")) == 3
    assert [collection.name for collection in api().artifact_collections(project, "model")] == ["net"]


@pytest.mark.since("0.31.0", "orders of collections")
@pytest.mark.parametrize("order", ["name", "created_at"])
def test_collections_are_listed_in_an_order(api, project, order):
    names = lambda order: [collection.name for collection in api().artifact_collections(project, "dataset", order=order)]

    assert names(order) == names(f"+{order}") == ["alpha", "beta", "gamma"]
    assert names(f"-{order}") == ["gamma", "beta", "alpha"]


@pytest.mark.since("0.31.0", "filters of collections")
def test_collections_are_filtered(api, project):
    names = lambda filters: [found.name for found in api().artifact_type("dataset", project).collections(filters=filters)]

    assert names({"name": "beta"}) == ["beta"]
    assert sorted(names({"name": {"$in": ["alpha", "gamma", "net"]}})) == ["alpha", "gamma"]
    assert names({"name": "nothing"}) == []


def test_a_collection_describes_itself(api, project):
    collection = api().artifact_collection("dataset", f"{project}/alpha")

    assert (collection.name, collection.type, collection.is_sequence()) == ("alpha", "dataset", True)
    assert not collection.description
    assert list(collection.tags) == []
    assert collection.aliases == ["latest"]


def test_a_collection_lists_its_versions_over_several_pages(api, project):
    collection = api().artifact_collection("dataset", f"{project}/alpha")

    for versions in (collection.artifacts(per_page=3), api().artifacts("dataset", f"{project}/alpha", per_page=3)):
        listed = list(versions)
        assert [version.version for version in listed] == ["v3", "v2", "v1", "v0"]
        assert [version.aliases for version in listed] == [["latest"], [], [], []]
    assert len(api().artifacts("dataset", f"{project}/alpha")) == 4


@pytest.mark.since("0.31.0", "orders of versions")
def test_versions_are_listed_oldest_first(api, project):
    versions = api().artifacts("dataset", f"{project}/alpha", order="+created_at")

    assert [version.version for version in versions] == ["v0", "v1", "v2", "v3"]


@pytest.mark.since("0.31.0", "going on at a cursor")
def test_a_list_goes_on_at_its_cursor(api, project):
    first = api().artifacts("dataset", f"{project}/alpha", per_page=2)
    begun = [next(first).version, next(first).version]
    rest = api().artifacts("dataset", f"{project}/alpha", per_page=2, start=first.cursor)

    assert (begun, [version.version for version in rest]) == (["v3", "v2"], ["v1", "v0"])


def test_existence_is_answered(api, project):
    api = api()

    assert api.artifact_exists(f"{project}/alpha:v1") and api.artifact_exists(f"{project}/alpha:latest", type="dataset")
    assert not api.artifact_exists(f"{project}/alpha:v9")
    assert not api.artifact_exists(f"{project}/nothing:latest")
    assert api.artifact_collection_exists(f"{project}/alpha", "dataset")
    assert not api.artifact_collection_exists(f"{project}/nothing", "dataset")
    assert not api.artifact_collection_exists(f"{project}/net", "dataset")


def test_a_collection_is_renamed_with_its_versions(own, exists, find_artifact, download):
    collection = own("named")
    collection.name = "renamed"
    collection.save()

    assert exists("renamed") and not exists("named")
    assert download(find_artifact("own collections/renamed:one")) == {"file.txt": b"named"}
    with pytest.raises(Exception, match="not found"):
        find_artifact("own collections/named:one")


def test_a_collection_does_not_take_the_name_of_another(own, find_artifact, download):
    collection = own("described")
    collection.name = "other"

    with pytest.raises(Exception, match="(?i)other|exist|client error"):
        collection.save()
    assert download(find_artifact("own collections/other:latest")) == {"file.txt": b"other"}
    assert own("described").name == "described"


def test_a_collection_is_described(own):
    collection = own("described")
    collection.description = "größe ✓"
    collection.save()

    assert own("described").description == "größe ✓"


def test_a_collection_has_tags(own):
    collection = own("tagged")
    collection.tags = ["one", "two"]
    collection.save()
    assert sorted(own("tagged").tags) == ["one", "two"]

    collection = own("tagged")
    collection.tags = ["two", "three"]
    collection.save()
    assert sorted(own("tagged").tags) == ["three", "two"]


def test_a_collection_moves_to_another_type(own, exists, find_artifact, download):
    collection = own("typed")
    collection.type = "corpus"
    collection.save()

    assert own("typed", type="corpus").type == "corpus"
    assert not exists("typed")
    assert find_artifact("own collections/typed:v0").type == "corpus"
    assert download(find_artifact("own collections/typed:v0", type="corpus")) == {"file.txt": b"typed"}


def test_a_collection_is_moved_to_another_type_the_older_way(own):
    own("retyped").change_type("corpus")

    assert own("retyped", type="corpus").type == "corpus"


def test_a_deleted_collection_is_gone_and_its_name_free(own, exists, find_artifact, run_script, download):
    own("deleted").delete()

    assert not exists("deleted")
    with pytest.raises(Exception, match="not found"):
        find_artifact("own collections/deleted:latest")

    run_script(
        """
        from versions import log
        run = wandb.init(project="own collections", id="own2")
        log(run, "deleted", {"file.txt": "new"})
        run.finish()
        """
    )
    assert download(find_artifact("own collections/deleted:latest")) == {"file.txt": b"new"}
