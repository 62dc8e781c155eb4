"""Whose artifacts are whose: used across projects and teams by those who may, hidden from strangers, shown but not given to
view-only people."""

import hashlib
from urllib.parse import quote

import harness
import pytest
import requests

LOGGED = """
    from versions import log
    run = wandb.init(entity={team!r}, project="shared", id="maker1")
    log(run, "data", {{"file.txt": "of the team"}}, metadata={{"rows": 3}}, aliases=["good"])
    run.finish()
"""

# What a person gets who asks for artifacts and then for their bytes.
ASKED = """
    def ask(path, root):
        try:
            artifact = wandb.Api().artifact(path)
            seen = {{"version": artifact.version, "metadata": artifact.metadata, "entries": list(artifact.manifest.entries)}}
            seen["aliases"] = sorted(artifact.aliases)
        except Exception as error:
            return {{"refused": str(error)}}
        for way in ("download", "entry"):
            try:
                artifact.download(root=root) if way == "download" else artifact.get_entry("file.txt").download(root=root)
            except Exception as error:
                seen[way] = str(error)
        return seen | {{"got": sorted(os.listdir(root)) if os.path.isdir(root) else []}}
    print(json.dumps({{path: ask(path, f"got{{number}}") for number, path in enumerate({paths})}}))
"""
NAMES = ["data:good", "data:v0", "data:v7", "nothing:latest"]


@pytest.fixture(scope="module")
def server():
    """Making somebody a viewer needs a licence."""
    server = harness.Server(licensed=True)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def team(server, person):
    """A team of the module's person, with another member and a viewer of its organization, who may but look on."""
    name = f"{person.username}-team"
    for suffix in ("member", "viewer", "stranger"):
        PEOPLE[suffix] = server.create_person(f"{person.username}-{suffix}")
    member, viewer = PEOPLE["member"].username, PEOPLE["viewer"].username
    server.create_organization(f"{name}-org", **{person.username: "admin", member: "member", viewer: "member"})
    server.create_team(name, f"{name}-org", **{person.username: "admin", member: "member", viewer: "member"})
    server.give_role("organizations", f"{name}-org", viewer, "viewer")
    # Who may write nowhere has no API key.
    server.create_team(f"{name}-2", **{viewer: "member"})
    return name


PEOPLE = {}


@pytest.fixture(scope="module", autouse=True)
def logged(team, run_script):
    run_script(LOGGED.format(team=team))


@pytest.fixture(scope="module")
def run_as(client):
    """`run_as(who, code)`: a script with the key of that person."""
    return lambda who, code, **how: client.run(code, WANDB_API_KEY=PEOPLE[who].api_key, **how)


@pytest.fixture
def asked(run_as):
    """`asked(who, path)`: what that person gets."""
    return lambda who, path: run_as(who, ASKED.format(paths=[path])).reported()[path]


@pytest.fixture(scope="module")
def asked_by_stranger(run_as, team):
    """By project and name: what a stranger gets of what is hidden in one project, and of the same in none."""
    paths = {(project, name): f"{team}/{project}/{name}" for project in ("shared", "nowhere") for name in NAMES}
    seen = run_as("stranger", ASKED.format(paths=list(paths.values()))).reported()
    return {asked: seen[path] for asked, path in paths.items()}


def test_a_member_downloads_what_another_member_logged(asked, team):
    seen = asked("member", f"{team}/shared/data:good")

    assert (seen["version"], seen["metadata"], seen["aliases"]) == ("v0", {"rows": 3}, ["good", "latest"])
    assert seen["got"] == ["file.txt"]


def test_a_member_uses_an_artifact_of_the_team_in_a_run_of_their_own(run_as, team, api):
    """Another entity, another project: the use is recorded with the artifact."""
    run_as(
        "member",
        f"""
        run = wandb.init(project="own", id="user1")
        root = run.use_artifact("{team}/shared/data:latest").download()
        run.log({{"size": os.path.getsize(os.path.join(root, "file.txt"))}})
        run.finish()
        print(json.dumps([artifact.qualified_name for artifact in wandb.Api().run(f"{{run.entity}}/own/user1").used_artifacts()]))
        """,
    )

    users = [run.id for run in api().artifact(f"{team}/shared/data:latest").used_by()]
    assert users == []  # the run lies in a personal project that only its owner sees


def test_the_owner_of_a_run_sees_what_it_uses_of_a_team(run_as, team):
    names = run_as(
        "member",
        f"""
        run = wandb.init(project="own", id="user2")
        run.use_artifact("{team}/shared/data:latest")
        run.finish()
        api = wandb.Api()
        used = [artifact.source_name for artifact in api.run(f"{{run.entity}}/own/user2").used_artifacts()]
        users = [run.id for run in api.artifact("{team}/shared/data:latest").used_by()]
        print(json.dumps([used, "user2" in users]))
        """,
    ).reported()

    assert names == [["data:v0"], True]


def test_a_team_uses_what_one_of_its_members_logged_elsewhere(run_script, team):
    used = run_script(
        f"""
        from versions import log
        run = wandb.init(project="own", id="personal1")
        log(run, "mine", {{"file.txt": "mine"}})
        run.finish()
        path = f"{{run.entity}}/own/mine:latest"
        run = wandb.init(entity={team!r}, project="shared", id="user3")
        print(json.dumps(os.listdir(run.use_artifact(path).download())))
        run.finish()
        """
    ).reported()

    assert used == ["file.txt"]


@pytest.mark.parametrize("name", NAMES)
def test_a_stranger_is_told_what_is_said_of_missing_things(asked_by_stranger, name):
    hidden = asked_by_stranger["shared", name]["refused"]
    missing = asked_by_stranger["nowhere", name]["refused"]

    assert "not found" in hidden
    assert hidden == missing.replace("nowhere", "shared")


@pytest.mark.parametrize(
    "who, statuses", [("member", {200}), ("viewer", {403, 404}), ("stranger", {404}), (None, {401, 404})], ids=str
)
def test_bytes_asked_for_by_digest_are_given_to_whoever_may_download(server, team, api, who, statuses):
    """The route by which the client gets one file whose URL it does not know."""
    artifact_id = api().artifact(f"{team}/shared/data:latest").id
    digest = hashlib.md5(b"of the team").hexdigest()
    key = ("api", PEOPLE[who].api_key) if who else None

    answer = requests.get(
        f"{server.url}/artifactsV2/default/{team}/shared/data/{quote(artifact_id)}/{digest}/file.txt", auth=key, timeout=30
    )

    assert answer.status_code in statuses
    assert (answer.content == b"of the team") == (who == "member")


def test_a_stranger_uses_nothing(run_as, team):
    script = run_as(
        "stranger",
        f"""
        run = wandb.init(project="own", id="thief1")
        run.use_artifact("{team}/shared/data:latest")
        """,
        expect=None,
    )

    assert "not found" in script.output


def test_a_view_only_person_sees_an_artifact_and_may_not_download_it(asked, team):
    seen = asked("viewer", f"{team}/shared/data:good")

    assert (seen["version"], seen["metadata"], seen["entries"]) == ("v0", {"rows": 3}, ["file.txt"])
    assert "file.txt" not in seen["got"]
    assert seen["download"] and seen["entry"]


@pytest.mark.parametrize(
    "change",
    [
        "artifact.description = 'changed'; artifact.save()",
        "artifact.aliases.append('changed'); artifact.save()",
        "artifact.delete(delete_aliases=True)",
        "artifact.collection.delete()",
    ],
    ids=["describe", "alias", "delete", "delete collection"],
)
def test_a_view_only_person_changes_nothing(run_as, team, api, change):
    code = f"artifact = wandb.Api().artifact('{team}/shared/data:good')\n{change}"
    run_as("viewer", code, expect=None)

    artifact = api().artifact(f"{team}/shared/data:good")
    assert (artifact.description, sorted(artifact.aliases), artifact.version) == (None, ["good", "latest"], "v0")
