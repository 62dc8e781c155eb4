"""Service accounts through the real client, row by row, and what each role may do with `wandb.init`, `log`, artifacts and
`Api()`. Whoever is refused reads why."""

import secrets

import harness
import pytest
import requests
from harness import Client, Person

# What somebody sees of a run and an artifact of others, through `Api()`.
LOOK = """
    seen = {{}}
    def ask(what, how):
        try:
            seen[what] = how()
        except Exception as error:
            seen[what] = f"refused: {{error}}"
    api = wandb.Api()
    ask("loss", lambda: api.run("{team}/shared/made").summary["loss"])
    ask("version", lambda: api.artifact("{team}/shared/data:latest").version)
    ask("bytes", lambda: open(api.artifact("{team}/shared/data:latest").download(root="got") + "/a.txt").read())
    ask("own", lambda: api.viewer.username)
    print(json.dumps(seen))
"""

LOG = """
    run = wandb.init(entity={entity!r}, project={project!r}, id={run!r})
    run.log({{"loss": 0.5}})
    run.finish()
    print(json.dumps([run.entity, run.project]))
"""

WORK = """
    run = wandb.init(entity={team!r}, project="shared", id={run!r})
    run.log({{"loss": 0.25}})
    text = open(run.use_artifact("data:latest").download(root="got") + "/a.txt").read()
    artifact = wandb.Artifact({run!r}, type="dataset")
    with artifact.new_file("b.txt") as file:
        file.write("more")
    run.log_artifact(artifact).wait()
    run.finish()
    print(json.dumps(text))
"""

DELETE = """
    try:
        wandb.Api().run("{team}/shared/{run}").delete()
        print(json.dumps("deleted"))
    except Exception as error:
        print(json.dumps(str(error)))
"""


class Place:
    """Two teams of an organization on a licensed server, and whoever takes part in them."""

    def __init__(self, server, directory):
        self.server, self.directory = server, directory
        self.team, self.other = (f"{name}-{secrets.token_hex(4)}" for name in ("vision", "speech"))
        self.admin, self.member, self.viewer, self.stranger = (
            server.create_person(f"{name}-{secrets.token_hex(4)}") for name in ("admin", "member", "viewer", "stranger")
        )
        roles = {self.admin.username: "admin", self.member.username: "member", self.viewer.username: "view_only"}
        server.create_team(self.team, **roles)
        # Who is view-only everywhere has no API key.
        server.create_team(self.other, **{self.stranger.username: "admin", self.viewer.username: "member"})
        self.account = self._account("teams", self.team, {})
        self.wide = self._account("organizations", "default", {"default_team": self.other})
        for team in (self.team, self.other):
            for visibility in ("open", "public", "team", "restricted"):
                new = {"entity": team, "name": visibility, "visibility": visibility}
                self.ask_operator("POST", "/api/v1/projects", new)

    def ask_operator(self, method, path, body):
        status, answer = self.server._ask_admin_socket(method, path, body)
        assert status in (200, 201), (status, answer)
        return answer

    def _account(self, kind, home, more):
        name = f"ci-{secrets.token_hex(4)}"
        at = f"/api/v1/{kind}/{home}/service-accounts"
        self.ask_operator("POST", at, {"name": name, **more})
        key = self.ask_operator("POST", f"{at}/{name}/api-keys", {})
        return Person(name, None, key["api_key"])

    def run(self, person, code, expect=0, **environment):
        directory = self.directory / secrets.token_hex(4)
        directory.mkdir()
        client = Client(directory, self.server.url, person)
        try:
            return client.run(code, expect=expect, **environment)
        finally:
            client.end_all()

    def log(self, person, project, entity=None, run=None, expect=0, **environment):
        run = run or secrets.token_hex(4)
        code = LOG.format(entity=entity, project=project, run=run)
        return run, self.run(person, code, expect=expect, **environment)

    def owner(self, entity, project, run):
        query = "query($e: String, $p: String, $r: String!) { project(name: $p, entityName: $e) { run(name: $r) { user { username } } } }"
        body = {"query": query, "variables": {"e": entity, "p": project, "r": run}}
        key = self.admin.api_key if entity == self.team else self.stranger.api_key
        answer = requests.post(f"{self.server.url}/graphql", json=body, auth=("api", key), timeout=30)
        return answer.json()["data"]["project"]["run"]["user"]["username"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    server = harness.Server(licensed=True)
    yield Place(server, tmp_path_factory.mktemp("service"))
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def shared(place):
    place.run(
        place.admin,
        f"""
        run = wandb.init(entity={place.team!r}, project="shared", id="made")
        run.log({{"loss": 0.75}})
        artifact = wandb.Artifact("data", type="dataset")
        with artifact.new_file("a.txt") as file:
            file.write("of the team")
        run.log_artifact(artifact).wait()
        run.finish()
        """,
    )


def test_the_client_makes_an_account_and_ends_it(place):
    made = place.run(
        place.admin,
        f"""
        team = wandb.Api().team({place.team!r})
        account = team.create_service_account("nightly build")
        kinds = [account.account_type, account.name, account.admin]
        done = account.delete()
        left = [member.name for member in wandb.Api().team({place.team!r}).members]
        print(json.dumps([kinds, done, left]))
        """,
    )
    kinds, done, left = made.reported()
    assert kinds == ["SERVICE", "nightly build", False]
    assert done and "nightly build" not in left


# What `Api()` of wandb up to 0.22.3 says of every answer 403, in place of the server's reason.
OWN_WORDS = "you do not have permission to access the requested resource"


def says(told, reason):
    return reason in told or OWN_WORDS in told


def test_a_member_makes_no_account(place):
    made = place.run(
        place.member,
        f"""
        try:
            told = str(wandb.Api().team({place.team!r}).create_service_account('mine'))
        except wandb.errors.CommError as refused:
            told = str(refused)
        print(json.dumps(told))
        """,
    )
    assert made.reported() == "None" or OWN_WORDS in made.reported()


def test_the_client_knows_the_account_as_itself(place):
    told = place.run(
        place.account,
        """
        api = wandb.Api()
        print(json.dumps([api.viewer.username, api.default_entity, api.viewer.teams]))
        """,
    )
    assert told.reported() == [place.account.username, place.team, [place.team]]


def test_login_takes_the_key_of_an_account(place):
    told = place.run(place.account, "print(json.dumps(wandb.login(verify=True) if 'verify' in wandb.login.__code__.co_varnames else wandb.login()))")
    assert told.reported() is True


@pytest.mark.parametrize("project", ["open", "public", "team"])
def test_a_team_account_logs_to_projects_of_its_team(place, project):
    run, _ = place.log(place.account, project, entity=place.team)
    assert place.owner(place.team, project, run) == place.account.username


def test_a_team_account_gets_into_a_restricted_project_when_it_was_added(place):
    _, refused = place.log(place.account, "restricted", entity=place.team, expect=None)
    assert "does not exist" in refused.output
    path = f"/api/v1/projects/{place.team}/restricted/members/{place.account.username}"
    place.ask_operator("PUT", path, {"role": "member"})
    run, _ = place.log(place.account, "restricted", entity=place.team)
    assert place.owner(place.team, "restricted", run) == place.account.username


def test_without_an_entity_the_run_goes_to_the_accounts_team(place):
    _, logged = place.log(place.account, "team")
    assert logged.reported() == [place.team, "team"]
    _, logged = place.log(place.wide, "team")
    assert logged.reported() == [place.other, "team"]


def test_of_another_team_only_open_projects_are_there(place):
    run, _ = place.log(place.account, "open", entity=place.other)
    assert place.owner(place.other, "open", run) == place.account.username
    for project in ("public", "team", "restricted"):
        _, refused = place.log(place.account, project, entity=place.other, expect=None)
        assert "does not exist" in refused.output


def test_an_organizations_account_logs_to_every_team(place):
    for team in (place.team, place.other):
        run, _ = place.log(place.wide, "team", entity=team)
        assert place.owner(team, "team", run) == place.wide.username
    _, refused = place.log(place.wide, "restricted", entity=place.team, expect=None)
    assert "does not exist" in refused.output


def test_a_run_is_the_members_whom_the_environment_names(place):
    run, _ = place.log(place.account, "team", WANDB_USERNAME=place.member.username)
    assert place.owner(place.team, "team", run) == place.member.username
    run, _ = place.log(place.account, "team", WANDB_USER_EMAIL=place.member.email)
    assert place.owner(place.team, "team", run) == place.member.username
    run, _ = place.log(place.wide, "team", WANDB_USERNAME=place.stranger.username)
    assert place.owner(place.other, "team", run) == place.stranger.username


def test_a_run_stays_the_accounts_when_somebody_else_is_named(place):
    for environment in ({"WANDB_USERNAME": place.stranger.username}, {"WANDB_USER_EMAIL": place.stranger.email}):
        run, _ = place.log(place.account, "team", **environment)
        assert place.owner(place.team, "team", run) == place.account.username
    run, _ = place.log(place.member, "team", entity=place.team, WANDB_USERNAME=place.admin.username)
    assert place.owner(place.team, "team", run) == place.member.username, "people are who they are"


@pytest.mark.parametrize("who", ["member", "admin", "account", "wide"])
def test_who_may_log_logs_uses_and_reads(place, who):
    person = getattr(place, who)
    done = place.run(person, WORK.format(team=place.team, run=f"of-{who}"))
    assert done.reported() == "of the team"
    assert place.owner(place.team, "shared", f"of-{who}") == person.username
    seen = place.run(person, LOOK.format(team=place.team)).reported()
    assert seen == {"loss": 0.75, "version": "v0", "bytes": "of the team", "own": person.username}


def test_a_view_only_person_reads_and_is_told_why_nothing_else_goes(place):
    seen = place.run(place.viewer, LOOK.format(team=place.team)).reported()
    assert (seen["loss"], seen["version"]) == (0.75, "v0")
    assert says(seen["bytes"], "artifact:download is refused: your role does not allow it")
    _, refused = place.log(place.viewer, "shared", entity=place.team, expect=None)
    assert "run:log is refused: your role does not allow it; ask an admin" in refused.output


def test_somebody_of_another_team_finds_nothing(place):
    seen = place.run(place.stranger, LOOK.format(team=place.team)).reported()
    assert all(seen[what].startswith("refused: ") for what in ("loss", "version", "bytes")), seen
    _, refused = place.log(place.stranger, "shared", entity=place.team, expect=None)
    assert "does not exist" in refused.output


@pytest.mark.parametrize("who", ["member", "account", "viewer"])
def test_a_run_of_somebody_else_is_for_an_admin_to_delete(place, who):
    run, _ = place.log(place.admin, "shared", entity=place.team)
    told = place.run(getattr(place, who), DELETE.format(team=place.team, run=run)).reported()
    assert says(told, "run:delete is refused")
    told = place.run(place.admin, DELETE.format(team=place.team, run=run)).reported()
    assert told == "deleted"


def test_a_key_of_a_narrow_scope_says_so(place):
    path = f"/api/v1/users/{place.member.username}/api-keys"
    key = place.ask_operator("POST", path, {"scope": "read"})["api_key"]
    _, refused = place.log(Person(place.member.username, place.member.email, key), "shared", entity=place.team, expect=None)
    assert "the scope of this API key does not cover it" in refused.output
