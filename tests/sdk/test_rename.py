"""A team gets another name while a run of it is being logged, and scripts go on using the old one."""

import pytest
import requests
from harness import CLIENT_VERSION, parsed, wait_until

# Logs, lets the team be renamed, and goes on as if nothing had happened.
LOG = """
    run = wandb.init(entity={team!r}, project="p", id="going-on")
    run.log({{"loss": 0.5}})
    print("BEGUN", flush=True)
    input()
    run.log({{"loss": 0.25}})
    artifact = wandb.Artifact("data", "dataset")
    with artifact.new_file("a.txt") as file:
        file.write("hello")
    run.log_artifact(artifact)
    run.finish()
"""

READ = """
    api = wandb.Api()
    [run] = api.runs({path!r})
    artifact = api.artifact({artifacts!r} + "/data:latest")
    print(json.dumps([run.summary["loss"], len(run.history(pandas=False)), artifact.version]))
"""


@pytest.fixture
def team(server, person):
    name = f"{person.username}-team"
    server.create_team(name, **{person.username: "admin"})
    return name


def test_a_run_goes_on_after_its_team_was_renamed_and_is_read_by_both_names(server, person, client, team):
    logging = client.start(LOG.format(team=team))
    logging.wait_for_line("BEGUN")
    wait_until(lambda: rows_of(server, person, team))

    to = f"{team}-renamed"
    answer = requests.patch(
        f"{server.url}/api/v1/teams/{team}", auth=("api", person.api_key), json={"name": to}, timeout=30
    )
    assert (answer.status_code, answer.json()["name"]) == (200, to), answer.text
    logging.say()
    logging.wait()

    for name in (team, to):
        # The oldest client knows a version only by the name that its team has now.
        artifacts = to if parsed(CLIENT_VERSION) < (0, 18) else name
        script = READ.format(path=f"{name}/p", artifacts=f"{artifacts}/p")
        assert client.run(script).reported() == [0.25, 2, "v0"], name


def rows_of(server, person, team):
    query = f'{{ project(name: "p", entityName: "{team}") {{ run(name: "going-on") {{ historyLineCount }} }} }}'
    answer = requests.post(f"{server.url}/graphql", auth=("api", person.api_key), json={"query": query}, timeout=30)
    run = (answer.json()["data"]["project"] or {}).get("run") or {}
    return run.get("historyLineCount")
