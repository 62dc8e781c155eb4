"""Governing people through `wandb.Api()`: keys of one's own, new people, teams, and who belongs to them."""

import secrets

import pytest
import requests
from harness import Client


def ask(url, key, query, **variables):
    """One GraphQL request, for what the client sends and hides the answer of."""
    answer = requests.post(f"{url}/graphql", json={"query": query, "variables": variables}, auth=("api", key), timeout=30)
    return answer.json()


GENERATE = "mutation($d: String) { generateApiKey(input: {description: $d}) { apiKey { id name description } } }"
DELETE = "mutation($id: String!) { deleteApiKey(input: {id: $id}) { success } }"
CREATE_USER = "mutation($e: String!) { createUser(input: {email: $e}) { user { id name username email admin } } }"
CREATE_TEAM = "mutation($n: String!, $a: String) { createTeam(input: {teamName: $n, teamAdminUserName: $a}) { entity { name } } }"
INVITE = (
    "mutation($t: String!, $e: String, $u: String, $a: Boolean) { createInvite(input: {entityName: $t, email: $e, "
    "username: $u, admin: $a}) { invite { id name email createdAt toUser { name } } } }"
)
UNINVITE = "mutation($t: String, $id: String) { deleteInvite(input: {entityName: $t, id: $id}) { success } }"
MEMBERS = "query($t: String!) { entity(name: $t) { members { id username name email admin pending role accountType apiKey } } }"


@pytest.fixture(scope="module")
def admin(server):
    return server.create_person(f"admin{secrets.token_hex(4)}", system_admin=True)


@pytest.fixture
def team(server, admin):
    name = f"team-{secrets.token_hex(4)}"
    made = ask(server.url, admin.api_key, CREATE_TEAM, n=name, a=admin.username)
    assert made["data"]["createTeam"]["entity"]["name"] == name
    return name


def members(server, person, team):
    listed = ask(server.url, person.api_key, MEMBERS, t=team)["data"]["entity"]["members"]
    return {member["username"] or member["email"]: member for member in listed}


def test_a_generated_key_logs_in_until_it_is_deleted(api, person, server, tmp_path):
    made = ask(server.url, person.api_key, GENERATE, d="for the cluster")["data"]["generateApiKey"]["apiKey"]
    assert made["description"] == "for the cluster"
    key = made["name"]
    assert len(key) == 40 and key != person.api_key
    assert key[:6] in api().user(person.username).api_keys

    other = Client(tmp_path, server.url, type(person)(person.username, person.email, key))
    other.run("wandb.init(project='keys', id='by-new-key').finish()")
    assert api().run(f"{person.entity}/keys/by-new-key").state == "finished"

    assert api().user(person.username).delete_api_key(key[:6])
    assert ask(server.url, key, "{ viewer { username } }").get("data", {}).get("viewer") is None
    assert key[:6] not in api().user(person.username).api_keys


@pytest.mark.since("0.31.0", "making keys without taking the name of one for the key itself")
def test_the_client_makes_a_key(api, person, server):
    key = api().user(person.username).generate_api_key("for the cluster")
    assert ask(server.url, key, "{ viewer { username } }")["data"]["viewer"]["username"] == person.username


def test_nobody_deletes_the_key_of_somebody_they_do_not_administer(server, person, admin):
    stranger = server.create_person(f"s{secrets.token_hex(4)}")
    made = ask(server.url, stranger.api_key, GENERATE, d=None)["data"]["generateApiKey"]["apiKey"]

    refused = ask(server.url, person.api_key, DELETE, id=made["id"])
    missing = ask(server.url, person.api_key, DELETE, id="QXBpS2V5Ojk5OTk5OTk=")  # ApiKey:9999999
    assert refused["errors"][0]["message"] == missing["errors"][0]["message"]
    assert ask(server.url, made["name"], "{ viewer { username } }")["data"]["viewer"]["username"] == stranger.username

    assert ask(server.url, admin.api_key, DELETE, id=made["id"])["data"]["deleteApiKey"]["success"]


def test_an_administrator_creates_a_person_named_after_their_address(server, admin, person):
    address = f"grace.{secrets.token_hex(4)}@example.com"
    made = ask(server.url, admin.api_key, CREATE_USER, e=address)["data"]["createUser"]["user"]
    assert made["email"] == address
    assert made["username"] == address.split("@")[0].replace(".", "-")

    again = ask(server.url, admin.api_key, CREATE_USER, e=address)
    assert "e-mail" in again["errors"][0]["message"]
    assert "errors" in ask(server.url, person.api_key, CREATE_USER, e=f"x{address}")


def test_whoever_is_in_the_organization_joins_a_team_when_invited(server, admin, team, person):
    invited = ask(server.url, admin.api_key, INVITE, t=team, u=person.username, a=False)
    assert invited["data"]["createInvite"]["invite"]["toUser"]["name"] == person.username
    by_address = server.create_person(f"m{secrets.token_hex(4)}")
    ask(server.url, admin.api_key, INVITE, t=team, e=by_address.email, a=True)

    seen = members(server, person, team)
    assert (seen[person.username]["role"], seen[by_address.username]["role"]) == ("member", "admin")
    assert not seen[person.username]["pending"] and seen[person.username]["apiKey"] is None
    assert seen[by_address.username]["email"] is None, "an address is for its person and for administrators"

    gone = ask(server.url, admin.api_key, UNINVITE, t=team, id=seen[person.username]["id"])
    assert gone["data"]["deleteInvite"]["success"]
    assert person.username not in members(server, admin, team)


def test_an_invitation_waits_for_the_person_of_its_address(server, admin, team):
    name = f"new{secrets.token_hex(4)}"
    waiting = ask(server.url, admin.api_key, INVITE, t=team, e=f"{name}@example.com", a=False)
    assert waiting["data"]["createInvite"]["invite"]["createdAt"]
    assert members(server, admin, team)[f"{name}@example.com"]["pending"]

    newcomer = server.create_person(name)
    seen = members(server, newcomer, team)
    assert seen[name]["role"] == "member" and f"{name}@example.com" not in seen


def test_an_invitation_that_is_taken_back_makes_nobody_a_member(server, admin, team):
    name = f"un{secrets.token_hex(4)}"
    waiting = ask(server.url, admin.api_key, INVITE, t=team, e=f"{name}@example.com")
    id = waiting["data"]["createInvite"]["invite"]["id"]
    assert ask(server.url, admin.api_key, UNINVITE, t=team, id=id)["data"]["deleteInvite"]["success"]
    assert "does not exist" in ask(server.url, admin.api_key, UNINVITE, t=team, id=id)["errors"][0]["message"]

    server.create_person(name)
    assert name not in members(server, admin, team)


def test_a_member_of_a_team_invites_nobody_into_it(server, admin, team, person):
    ask(server.url, admin.api_key, INVITE, t=team, u=person.username)
    refused = ask(server.url, person.api_key, INVITE, t=team, e="friend@example.com")
    assert "team:member_add is refused" in refused["errors"][0]["message"]


def test_a_custom_chart_is_kept_under_its_name(server, person, api):
    mutation = (
        "mutation($e: String!, $n: String!, $s: JSONString!, $a: String!) { createCustomChart(input: {entity: $e, name: $n, "
        "displayName: \"Bars\", type: \"vega2\", access: $a, spec: $s}) { chart { id } } }"
    )
    made = ask(server.url, person.api_key, mutation, e=person.entity, n="bars", s='{"mark": "bar"}', a="PRIVATE")
    assert made["data"]["createCustomChart"]["chart"]["id"] == f"{person.entity}/bars"
    taken = ask(server.url, person.api_key, mutation, e=person.entity, n="bars", s="{}", a="PRIVATE")
    assert "choose another name" in taken["errors"][0]["message"]
    for spec, access in (("no json", "PRIVATE"), ("{}", "SOMEBODY")):
        assert "errors" in ask(server.url, person.api_key, mutation, e=person.entity, n="other", s=spec, a=access)


@pytest.mark.since("0.22.0", "Api.create_custom_chart")
def test_the_client_creates_a_custom_chart(person, api):
    spec = {"mark": "bar", "data": {"name": "wandb"}}
    create = api().create_custom_chart
    made = create(person.entity, "by-client", "By client", spec_type="vega2", access="private", spec=spec)
    assert made == f"{person.entity}/by-client"


def test_a_team_is_read_and_invited_to_by_the_client(api, server, admin, person):
    name = f"team-{secrets.token_hex(4)}"
    made = ask(server.url, admin.api_key, CREATE_TEAM, n=name, a=person.username)
    assert made["data"]["createTeam"]["entity"]["name"] == name
    colleague = server.create_person(f"c{secrets.token_hex(4)}")

    team = api().team(name)
    assert team.invite(colleague.username)
    seen = {member.username: member for member in api().team(name).members}
    assert (seen[person.username].admin, seen[colleague.username].admin) == (True, False)
    assert seen[colleague.username].account_type == "USER"
    assert seen[colleague.username].delete()
    assert colleague.username not in {member.username for member in api().team(name).members}


def test_a_team_tells_its_admins_what_it_keeps(api, server, admin, person, run_script):
    name = f"team-{secrets.token_hex(4)}"
    ask(server.url, admin.api_key, CREATE_TEAM, n=name, a=person.username)
    assert api().team(name).storage_bytes == 0
    script = f"""
        run = wandb.init(entity={name!r}, project="p")
        open("weights.bin", "wb").write(b"w" * 100_000)
        artifact = wandb.Artifact("weights", "model")
        artifact.add_file("weights.bin")
        run.log_artifact(artifact)
        run.finish()
    """
    run_script(script)
    assert 100_000 <= api().team(name).storage_bytes < 200_000
    member = server.create_person(f"c{secrets.token_hex(4)}")
    assert api().team(name).invite(member.username)
    query = "query($t: String!) { entity(name: $t) { storageBytes } }"
    assert int(ask(server.url, member.api_key, query, t=name)["data"]["entity"]["storageBytes"]) == 0
