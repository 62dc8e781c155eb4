"""`wandb.init`: what is made, what the client is told about it, and what is read back."""

import pytest

CONFIG = {
    "learning_rate": 0.001,
    "layers": 3,
    "large": 2**53 + 1,
    "name": "größe ✓",
    "shuffle": True,
    "nothing": None,
    "sizes": [1, 2, 3],
    "optimizer": {"kind": "adam", "betas": [0.9, 0.999], "inner": {"eps": 1e-08}},
}


@pytest.fixture(scope="module", autouse=True)
def made(run_script):
    """What the client knows of each run after `init`, by the run's purpose."""
    return run_script(
        f"""
        def describe(run):
            return {{"id": run.id, "name": run.name, "entity": run.entity, "project": run.project}}

        made = {{}}
        run = wandb.init(project="plain")
        made["plain"] = describe(run)
        run.finish()

        run = wandb.init(
            project="described", id="described1", name="first try", group="sweep a", job_type="train",
            tags=["one", "zwei ü"], notes="several\\nlines", config={CONFIG!r},
        )
        made["described"] = describe(run)
        run.config["added"] = 1
        run.config.update({{"learning_rate": 0.5}}, allow_val_change=True)
        run.tags = run.tags + ("late",)
        run.finish()

        run = wandb.init()
        made["nowhere"] = describe(run)
        run.finish()
        print(json.dumps(made))
        """
    ).reported()


def test_a_run_without_a_name_is_given_one(made, find_run):
    run = find_run(f"plain/{made['plain']['id']}")

    assert run.name
    assert run.name == made["plain"]["name"]


def test_a_run_without_an_entity_is_made_in_the_own_one(made, person):
    assert made["plain"]["entity"] == person.entity


def test_a_run_without_a_project_is_made_in_uncategorized(made, find_run):
    assert made["nowhere"]["project"] == "uncategorized"
    assert find_run(f"uncategorized/{made['nowhere']['id']}").state == "finished"


def test_what_init_was_told_is_read_back(find_run):
    run = find_run("described/described1")

    assert (run.id, run.name, run.group, run.job_type) == ("described1", "first try", "sweep a", "train")
    assert run.notes == "several\nlines"
    assert run.description in (None, "", run.notes)


def test_tags_given_at_init_and_added_later_are_read_back(find_run):
    assert sorted(find_run("described/described1").tags) == ["late", "one", "zwei ü"]


def test_config_of_every_type_is_read_back(find_run):
    config = find_run("described/described1").config

    assert {key: config.get(key) for key in CONFIG if key != "learning_rate"} == {
        key: value for key, value in CONFIG.items() if key != "learning_rate"
    }


def test_config_changed_after_init_is_read_back(find_run):
    config = find_run("described/described1").config

    assert (config["added"], config["learning_rate"]) == (1, 0.5)


def test_a_run_belongs_to_the_person_who_made_it(find_run, person):
    run = find_run("described/described1")

    assert (run.entity, run.user.username) == (person.entity, person.username)


def test_an_unknown_run_is_not_found(find_run):
    with pytest.raises(Exception, match="(?i)could not find run"):
        find_run("plain/missing1")


def test_a_run_of_an_unknown_project_is_not_found(find_run):
    with pytest.raises(Exception, match="(?i)could not find run"):
        find_run("missing/missing1")


def test_the_runs_of_an_unknown_project_are_not_found(api, person):
    with pytest.raises(ValueError, match="Could not find project missing"):
        list(api().runs(f"{person.entity}/missing"))


def test_init_in_an_entity_of_somebody_else_fails(server, run_script, person):
    other = server.create_person(f"{person.username}-other")

    run_script(f'wandb.init(entity="{other.entity}", project="plain")', expect=None)


def test_init_in_an_unknown_entity_fails(run_script):
    run_script('wandb.init(entity="nobody-at-all", project="plain")', expect=None)
