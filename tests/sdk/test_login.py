"""Logging in: who a key belongs to, and what a wrong key gets."""

WRONG_KEY = "wrong" * 8


def test_the_viewer_of_a_key_is_its_person(api, person):
    viewer = api().viewer

    assert viewer.username == person.username
    assert viewer.email == person.email


def test_the_default_entity_of_a_person_is_their_own(api, person):
    assert api().default_entity == person.entity


def test_login_with_verification_accepts_a_right_key(client, server, person):
    client.command("login", "--verify", "--host", server.url, person.api_key, WANDB_API_KEY=None)


def test_login_with_verification_refuses_a_wrong_key(client, server):
    refused = client.command("login", "--verify", "--host", server.url, WRONG_KEY, expect=None, WANDB_API_KEY=None)

    assert "key" in refused.output.lower(), refused.output


def test_init_with_a_wrong_key_fails_and_makes_nothing(run_script, api):
    run_script('wandb.init(project="stolen")', expect=None, WANDB_API_KEY=WRONG_KEY)

    assert "stolen" not in [project.name for project in api().projects()]


def test_each_person_sees_the_own_runs_only(server, client, run_script, person):
    """Two people, each with a personal entity: neither may learn that the other's run exists."""
    other = server.create_person(f"{person.username}-other")
    run_script('wandb.init(project="mine", id="secret").finish()')

    found = run_script(
        f"""
        api = wandb.Api()
        try:
            found = api.run("{person.entity}/mine/secret").id
        except Exception as error:
            found = type(error).__name__
        print(json.dumps(found))
        """,
        WANDB_API_KEY=other.api_key,
    ).reported()

    assert found in ("CommError", "ValueError")
