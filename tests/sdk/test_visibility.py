"""Projects of a team for people outside it: an open one is written, a public one read, and one of the team does not exist."""

import pytest
import requests
from harness import ANY

# Tries to log a run, and says what the person was told.
LOG = """
    try:
        run = wandb.init(entity={team!r}, project={project!r}, id={run!r}, settings=wandb.Settings(init_timeout=30))
        run.log({{"loss": 0.5}})
        run.finish()
        print(json.dumps("logged"))
    except Exception as error:
        print(json.dumps(str(error)))
"""

# Tries to read what the team has logged, and says what was found.
READ = """
    api = wandb.Api()
    try:
        run = api.run({path!r})
        print(json.dumps([run.summary["loss"], len(run.history(pandas=False))]))
    except Exception as error:
        print(json.dumps(str(error)))
"""

VISIBILITIES = ("open", "public", "team", "restricted")


@pytest.fixture(scope="module")
def team(server, person, run_script):
    """A team of the module's person with a project of each visibility and a run in each."""
    name = f"{person.username}-team"
    server.create_team(name, **{person.username: "admin"})
    for visibility in VISIBILITIES:
        run_script(LOG.format(team=name, project=visibility, run="theirs"))
        answer = requests.patch(
            f"{server.url}/api/v1/projects/{name}/{visibility}",
            auth=("api", person.api_key),
            json={"visibility": visibility},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
    return name


@pytest.fixture(scope="module")
def outsider(server, person, client):
    """`outsider(code)`: a script of somebody of another team."""
    other = server.create_person(f"{person.username}-outsider")
    server.create_team(f"{other.username}-team", **{other.username: "member"})
    return lambda code: client.run(code, WANDB_API_KEY=other.api_key, expect=ANY)


def read(outsider, team, project, run="theirs"):
    return outsider(READ.format(path=f"{team}/{project}/{run}")).reported()


def test_somebody_outside_logs_to_an_open_project(outsider, team, api):
    logged = outsider(LOG.format(team=team, project="open", run="by-outsider")).reported()

    assert logged == "logged"
    assert api().run(f"{team}/open/by-outsider").summary["loss"] == 0.5
    assert read(outsider, team, "open") == [0.5, 1]


def test_somebody_outside_reads_a_public_project_and_is_told_why_they_do_not_log_to_it(outsider, team, api):
    refused = outsider(LOG.format(team=team, project="public", run="by-outsider"))

    assert read(outsider, team, "public") == [0.5, 1]
    assert "logged" != refused.reported()
    assert "run:log is refused: your role does not allow it; ask an admin for a role that does" in refused.output
    assert [run.id for run in api().runs(f"{team}/public")] == ["theirs"]


@pytest.mark.parametrize("project", ["team", "restricted"])
def test_to_somebody_outside_a_project_of_the_team_does_not_exist(outsider, team, api, project):
    refused = outsider(LOG.format(team=team, project=project, run="by-outsider"))
    hidden, missing = read(outsider, team, project), read(outsider, team, f"{project}-there-is-none")

    assert "logged" != refused.reported()
    assert hidden == missing.replace("-there-is-none", "")
    assert [run.id for run in api().runs(f"{team}/{project}")] == ["theirs"]


def test_somebody_outside_lists_the_projects_they_see(outsider, team):
    listed = outsider(f"print(json.dumps(sorted(project.name for project in wandb.Api().projects({team!r}))))")

    assert listed.reported() == ["open", "public"]
