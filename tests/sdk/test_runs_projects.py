"""Projects that are renamed and deleted, and what old clients ask about a run's machine."""

import pytest


@pytest.fixture
def project(api, person):
    def find(name):
        return next((project for project in api().projects(person.entity) if project.name == name), None)

    return find


def renamed(person, before, after):
    return f"""
        from wandb.sdk.projects._generated import RENAME_PROJECT_GQL
        from wandb_gql import gql
        names = {{"entityName": {person.entity!r}, "oldProjectName": {before!r}, "newProjectName": {after!r}}}
        answer = wandb.Api().client.execute(gql(RENAME_PROJECT_GQL), names)
        print(json.dumps(answer["renameProject"]["project"]["name"]))
    """


def deleted(project_id):
    return f"""
        from wandb.sdk.projects._generated import DELETE_PROJECT_GQL
        from wandb_gql import gql
        answer = wandb.Api().client.execute(gql(DELETE_PROJECT_GQL), {{"id": {project_id!r}}})
        print(json.dumps(answer["deleteModel"]["success"]))
    """


@pytest.mark.since("0.19.0", "renaming of projects")
@pytest.mark.before("0.20.0", "renaming of projects under this name")
def test_a_renamed_project_has_its_runs_under_the_new_name(api, person, run_script, project):
    api().create_run(run_id="kept", project="before", entity=person.entity)

    assert run_script(renamed(person, "before", "after")).reported() == "after"

    assert project("before") is None
    assert [run.id for run in api().runs(f"{person.entity}/after")] == ["kept"]


@pytest.mark.since("0.19.0", "deleting of projects")
@pytest.mark.before("0.20.0", "deleting of projects under this name")
def test_a_deleted_project_is_gone_and_its_name_is_free(api, person, run_script, project):
    api().create_run(run_id="gone", project="short", entity=person.entity)

    assert run_script(deleted(project("short").id)).reported() is True

    assert project("short") is None
    api().create_run(run_id="gone", project="short", entity=person.entity)
    assert [run.id for run in api().runs(f"{person.entity}/short")] == ["gone"]


@pytest.mark.before("0.23.0", "asking for a run's machine")
def test_a_run_says_on_what_machine_it_was_made(person, run_script):
    seen = run_script(
        f"""
        run = wandb.init(project="info", id="info1")
        run.finish()
        from wandb.apis import InternalApi
        print(json.dumps(InternalApi().get_run_info({person.entity!r}, "info", "info1")))
        """,
        WANDB__DISABLE_META="false",
    ).reported()

    assert seen["python"] and seen["os"] and seen["executable"]
    assert isinstance(seen["args"], list)
