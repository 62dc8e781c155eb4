"""What `wandb.Api()` does with many runs: lists that go on while runs change, pages, counts, and their histories."""

import pytest

RUNS = 60


def loss(number):
    return (number * 37) % RUNS


@pytest.fixture(scope="module", autouse=True)
def made(api, person):
    for number in range(RUNS):
        api().create_run(run_id=f"run{number:02}", project="many", entity=person.entity)
        run = api().run(f"{person.entity}/many/run{number:02}")
        run.config.update({"lr": number % 7, "name": f"n{number}"})
        run.group = f"g{number % 3}"
        run.notes = f"note {number}"
        run.tags = [f"t{number % 2}"]
        run.update()
        run.summary.update({"loss": loss(number)})


@pytest.fixture
def listed(api, person):
    return lambda **how: [run.id for run in api().runs(f"{person.entity}/many", **how)]


def expected(keep=lambda number: True, by=lambda number: number, reverse=False):
    numbers = sorted((number for number in range(RUNS) if keep(number)), key=by, reverse=reverse)
    return [f"run{number:02}" for number in numbers]


@pytest.mark.parametrize("per_page", [7, 50])
def test_a_list_by_a_logged_value_is_whole_and_in_order(listed, per_page):
    assert listed(order="-summary_metrics.loss", per_page=per_page) == expected(by=loss, reverse=True)


def test_filters_on_config_and_summary_are_joined(listed):
    filters = {"config.lr": {"$in": [1, 2]}, "summary_metrics.loss": {"$lt": 30}}

    listing = listed(filters=filters, order="+summary_metrics.loss", per_page=3)

    assert listing == expected(lambda number: number % 7 in (1, 2) and loss(number) < 30, by=loss)


def test_a_group_and_a_tag_are_filtered_by_and_counted(api, person, listed):
    filters = {"group": "g1", "tags": "t1"}
    wanted = expected(lambda number: number % 3 == 1 and number % 2 == 1)

    assert listed(filters=filters) == wanted
    assert len(api().runs(f"{person.entity}/many", filters=filters)) == len(wanted)


def test_an_edit_is_in_the_next_list(api, person, listed):
    run = api().run(f"{person.entity}/many/run05")
    run.config["lr"] = 100
    run.update()
    run.summary.update({"loss": -1})

    assert listed(filters={"config.lr": 100}) == ["run05"]
    assert listed(order="+summary_metrics.loss")[0] == "run05"

    run.config["lr"] = 5
    run.update()
    run.summary.update({"loss": loss(5)})
    assert listed(filters={"config.lr": 100}) == []


def test_each_listed_run_has_its_own_config_and_summary(api, person):
    for run in api().runs(f"{person.entity}/many", per_page=25):
        number = int(run.id[3:])
        assert (run.config["name"], run.config["lr"]) == (f"n{number}", number % 7)
        assert (run.summary["loss"], run.group, run.notes) == (loss(number), f"g{number % 3}", f"note {number}")
        assert run.user.username == person.username


def test_a_deleted_run_leaves_the_list_while_it_is_gone_through(api, person):
    for number in range(3):
        api().create_run(run_id=f"gone{number}", project="going", entity=person.entity)
    runs = api().runs(f"{person.entity}/going", per_page=1, order="+display_name")

    seen = []
    for run in runs:
        seen.append(run.id)
        run.delete()

    assert sorted(seen) == ["gone0", "gone1", "gone2"]
    assert list(api().runs(f"{person.entity}/going")) == []


def test_the_histories_of_a_page_are_read_in_one_go(api, person, run_script):
    run_script(
        """
        for number in range(3):
            run = wandb.init(project="histories", id=f"h{number}")
            for step in range(4):
                run.log({"loss": number * 10 + step})
            run.finish()
        """
    )

    rows = api().runs(f"{person.entity}/histories").histories(samples=10, keys=["loss"], format="default")

    assert sorted((row["run_id"], row["loss"]) for row in rows) == [
        (f"h{number}", number * 10 + step) for number in range(3) for step in range(4)
    ]
