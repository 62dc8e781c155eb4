"""Parameters of `wandb.init` that say which config is kept, where a run goes, and what becomes of the run before it."""

import secrets

import pytest
import yaml

LOGGED = """
    from pathlib import Path
    Path("settings.yaml").write_text("rate: {desc: how fast, value: 0.5}\\nlayers: {value: [1, 2]}\\n")
    Path("config-defaults.yaml").write_text("default: {value: from the file}\\n")
    config = {"kept": 1, "secret": 2}
    wandb.init(project="parameters", id="excluded1", config=config, config_exclude_keys=["secret"]).finish()
    wandb.init(project="parameters", id="included1", config=config, config_include_keys=["kept"]).finish()
    wandb.init(project="parameters", id="file1", config="settings.yaml").finish()
    wandb.init(project="parameters", id="elsewhere1", dir="in another directory").finish()
    disabled = wandb.init(project="parameters", id="disabled1", mode="disabled")
    disabled.log({"x": 1})
    disabled.finish()
"""


@pytest.fixture(scope="module", autouse=True)
def logged(client):
    directory = client.new_directory()
    (directory / "in another directory").mkdir()
    return client.run(LOGGED, directory).directory


def test_excluded_keys_of_the_config_are_not_kept(find_run):
    config = find_run("parameters/excluded1").config

    assert config["kept"] == 1
    assert "secret" not in config


def test_only_included_keys_of_the_config_are_kept(find_run):
    config = find_run("parameters/included1").config

    assert config["kept"] == 1
    assert "secret" not in config


def test_config_is_read_from_a_file(find_run):
    config = find_run("parameters/file1").config

    assert (config["rate"], config["layers"]) == (0.5, [1, 2])


def test_defaults_beside_the_script_are_part_of_the_config(find_run):
    assert find_run("parameters/file1").config["default"] == "from the file"


def test_a_run_may_keep_its_files_in_another_directory(logged, find_run, tmp_path):
    run = find_run("parameters/elsewhere1")
    run.file("config.yaml").download(root=str(tmp_path))

    assert len(list(logged.glob("in another directory/wandb/run-*elsewhere1"))) == 1
    assert "_wandb" in yaml.safe_load((tmp_path / "config.yaml").read_text())


def test_a_disabled_run_is_nowhere(api, person):
    assert "disabled1" not in [run.id for run in api().runs(f"{person.entity}/parameters")]


def test_a_run_is_made_in_a_team(server, run_script, person, api):
    team = f"team{secrets.token_hex(4)}"
    server.create_team(team, **{person.username: "member"})
    run_script(f'wandb.init(entity={team!r}, project="of the team", id="ours1").finish()')

    run = api().run(f"{team}/of the team/ours1")
    assert (run.entity, run.user.username) == (team, person.username)
    assert "of the team" in [project.name for project in api().projects(team)]


@pytest.mark.since("0.22.0", "reinit by name")
@pytest.mark.parametrize("reinit, same", [("return_previous", True), ("finish_previous", False), ("create_new", False)])
def test_a_second_run_in_a_script_is_what_reinit_says(run_script, find_run, reinit, same):
    ids = run_script(
        f"""
        first = wandb.init(project="again")
        first.log({{"x": 1}})
        second = wandb.init(project="again", reinit={reinit!r})
        second.log({{"x": 2}})
        if {reinit!r} == "create_new":
            first.log({{"x": 3}})
        print(json.dumps([first.id, second.id]))
        second.finish()
        first.finish()
        """
    ).reported()

    first, second = ([row["x"] for row in find_run(f"again/{run_id}").scan_history()] for run_id in ids)
    assert (ids[0] == ids[1]) == same
    assert {"return_previous": [1, 2], "finish_previous": [1], "create_new": [1, 3]}[reinit] == first
    assert second == ([1, 2] if same else [2])
    assert find_run(f"again/{ids[0]}").state == "finished"


def test_reinit_finishes_the_run_before(run_script, find_run):
    ids = run_script(
        """
        ids = []
        for number in range(2):
            run = wandb.init(project="again", reinit=True)
            run.log({"x": number})
            ids.append(run.id)
        run.finish()
        print(json.dumps(ids))
        """
    ).reported()

    assert [[row["x"] for row in find_run(f"again/{run_id}").scan_history()] for run_id in ids] == [[0], [1]]
