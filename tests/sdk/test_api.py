"""`wandb.Api()`: projects, lists of runs, edits, and runs made without a training script."""

import secrets

import pytest

RUNS = """
    for number in range(5):
        run = wandb.init(
            project="listed", id=f"run{number}", name=f"name {number}", group=f"g{number % 2}", job_type="train",
            tags=[f"t{number % 2}"], config={"lr": number / 10, "kind": "even" if number % 2 == 0 else "odd"},
        )
        run.log({"loss": 10 - number})
        run.finish(exit_code=1 if number == 4 else 0)
"""


@pytest.fixture(scope="module", autouse=True)
def logged(run_script):
    run_script(RUNS)


@pytest.fixture
def listed(api, person):
    return lambda **how: [run.id for run in api().runs(f"{person.entity}/listed", **how)]


@pytest.fixture(scope="module")
def own_runs(run_script):
    """The ids of runs that nobody has changed yet, as many as there are tests that ask for one."""
    run_ids = [f"own{secrets.token_hex(4)}" for _ in range(6)]
    run_script(
        f"""
        for run_id in {run_ids}:
            run = wandb.init(project="edited", id=run_id, name="before", config={{"kept": 1, "edited": 1}}, tags=["old"])
            run.log({{"x": 1}})
            run.finish()
        """
    )
    return run_ids


@pytest.fixture
def own_run(own_runs, find_run):
    """A run that only this test changes; a function that asks for it anew."""
    run_id = own_runs.pop()
    return lambda: find_run(f"edited/{run_id}")


def test_projects_are_listed(api, person):
    project = next(project for project in api().projects() if project.name == "listed")

    assert project.entity == person.entity
    assert project.created_at


def test_runs_are_listed_oldest_first(listed):
    assert listed() == ["run0", "run1", "run2", "run3", "run4"]


def test_runs_are_listed_in_an_order(listed):
    assert listed(order="-created_at") == ["run4", "run3", "run2", "run1", "run0"]
    assert listed(order="+summary_metrics.loss") == ["run4", "run3", "run2", "run1", "run0"]
    assert listed(order="-config.lr.value") == ["run4", "run3", "run2", "run1", "run0"]


def test_runs_are_listed_over_several_pages(listed):
    assert listed(per_page=2) == ["run0", "run1", "run2", "run3", "run4"]


def test_runs_are_counted(api, person):
    assert len(api().runs(f"{person.entity}/listed")) == 5
    assert len(api().runs(f"{person.entity}/listed", filters={"state": "finished"})) == 4


@pytest.mark.parametrize(
    "filters, expected",
    [
        ({"state": "failed"}, ["run4"]),
        ({"group": "g1"}, ["run1", "run3"]),
        ({"tags": "t1"}, ["run1", "run3"]),
        ({"display_name": {"$regex": "name [01]"}}, ["run0", "run1"]),
        ({"config.lr": {"$gte": 0.3}}, ["run3", "run4"]),
        ({"config.kind": "odd"}, ["run1", "run3"]),
        ({"summary_metrics.loss": {"$lt": 8}}, ["run3", "run4"]),
        ({"$or": [{"config.lr": 0.0}, {"state": "failed"}]}, ["run0", "run4"]),
        ({"$and": [{"config.kind": "even"}, {"config.lr": {"$gt": 0}}]}, ["run2", "run4"]),
        ({"name": {"$in": ["run1", "run2", "nothing"]}}, ["run1", "run2"]),
        ({"config.missing": {"$exists": True}}, []),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_runs_are_filtered(listed, filters, expected):
    assert listed(filters=filters) == expected


def test_listed_runs_have_their_fields(api, person):
    run = api().runs(f"{person.entity}/listed")[1]

    assert (run.id, run.name, run.state, run.group, list(run.tags)) == ("run1", "name 1", "finished", "g1", ["t1"])
    assert (run.config["lr"], run.summary["loss"]) == (0.1, 9)
    assert run.created_at
    assert run.url.endswith(f"/{person.entity}/listed/runs/run1")


def test_name_notes_and_tags_are_edited(own_run):
    run = own_run()
    run.name = "after"
    run.notes = "noted"
    run.tags = ["new", "newer"]
    run.update()

    assert (own_run().name, own_run().notes, sorted(own_run().tags)) == ("after", "noted", ["new", "newer"])


def test_tags_are_taken_away(own_run):
    run = own_run()
    run.tags = []
    run.update()

    assert list(own_run().tags) == []


def test_config_is_edited_and_a_key_taken_away(own_run):
    run = own_run()
    run.config["edited"] = 2
    run.config["added"] = {"deep": [1]}
    del run.config["kept"]
    run.update()

    config = own_run().config
    assert (config["edited"], config["added"]) == (2, {"deep": [1]})
    assert "kept" not in config


def test_an_edit_leaves_history_and_state_alone(own_run):
    run = own_run()
    run.config["edited"] = 2
    run.update()

    assert own_run().state == "finished"
    assert [row["x"] for row in own_run().scan_history()] == [1]
    assert own_run().summary["x"] == 1


def test_summary_is_edited(own_run):
    own_run().summary.update({"accuracy": 0.5, "nested": {"a": 1}})
    own_run().summary["x"] = 2
    run = own_run()
    run.summary["x"] = 2
    run.summary.update()

    summary = own_run().summary
    assert (summary["accuracy"], summary["nested"]["a"], summary["x"]) == (0.5, 1, 2)


def test_a_deleted_run_is_gone(own_run, api, person):
    run = own_run()
    run.delete()

    with pytest.raises(Exception, match="(?i)could not find run"):
        own_run()
    assert run.id not in [left.id for left in api().runs(f"{person.entity}/edited")]


def test_a_project_is_created_and_empty(api, person):
    api().create_project("made by hand", person.entity)

    assert "made by hand" in [project.name for project in api().projects()]
    assert list(api().runs(f"{person.entity}/made by hand")) == []


def test_a_run_is_created_without_a_script(api, person, find_run):
    made = api().create_run(run_id="bare1", project="made", entity=person.entity)

    assert made.id == "bare1"
    assert find_run("made/bare1").name


def test_a_created_run_is_logged_to_by_a_script(api, person, run_script, find_run):
    api().create_run(run_id="bare2", project="made", entity=person.entity)

    run_script(
        """
        run = wandb.init(project="made", id="bare2", resume="allow")
        run.log({"x": 1})
        run.finish()
        """
    )

    assert (find_run("made/bare2").state, find_run("made/bare2").summary["x"]) == ("finished", 1)


def test_waiting_for_a_run_ends_when_its_script_does(client, find_run):
    script = client.start(
        """
        run = wandb.init(project="waited", id="waited1")
        print("running", flush=True)
        input()
        run.finish(exit_code=1)
        """
    )
    script.wait_for_line("running")
    run = find_run("waited/waited1")
    assert run.state == "running"

    script.say()
    run.wait_until_finished()

    assert run.state == "failed"
    script.wait()


def test_what_was_logged_is_seen_as_soon_as_finish_returns(run_script):
    """Read by the script itself, in the next statement after `finish`."""
    seen = run_script(
        """
        open("saved.txt", "w").write("saved")
        run = wandb.init(project="read", id="read1", config={"a": 1})
        run.save("saved.txt")
        for value in range(3):
            run.log({"x": value})
        run.finish()
        found = wandb.Api().run(f"{run.entity}/read/read1")
        rows = [row["x"] for row in found.scan_history()]
        files = [file.name for file in found.files(["saved.txt"])]
        print(json.dumps([found.state, found.config["a"], found.summary["x"], rows, files]))
        """
    ).reported()

    assert seen == ["finished", 1, 2, [0, 1, 2], ["saved.txt"]]


def test_projects_of_the_same_name_in_two_entities_are_apart(server, run_script, api, person):
    other = server.create_person(f"{person.username}-other")
    run_script('wandb.init(project="listed", id="run0", name="of the other").finish()', WANDB_API_KEY=other.api_key)

    assert api().run(f"{person.entity}/listed/run0").name == "name 0"
    assert len(api().runs(f"{person.entity}/listed")) == 5
