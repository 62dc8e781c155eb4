"""`run.alert` is accepted, and the run goes on."""

import pytest
import requests


@pytest.fixture(scope="module")
def alerted(run_script):
    return run_script(
        """
        from datetime import timedelta
        run = wandb.init(project="alerts", id="alerted1")
        run.alert("plain", "only a text")
        for level in ("INFO", "WARN", "ERROR"):
            run.alert(f"title {level}", "größe <b>&amp;</b>\\nsecond line", level=level, wait_duration=0)
        run.alert("again", "later", wait_duration=timedelta(minutes=5))
        run.log({"x": 1})
        run.finish()
        """
    )


def test_a_run_with_alerts_goes_on(alerted, find_run):
    run = find_run("alerts/alerted1")

    assert (run.state, run.summary["x"]) == ("finished", 1)


def test_the_client_notes_no_failed_alert(alerted):
    """A refused alert does not fail the run: the client only writes it into its own log."""
    logs = [path.read_text() for path in alerted.directory.glob("wandb/run-*/logs/debug-internal.log")]

    assert logs
    assert [line for log in logs for line in log.splitlines() if "alert" in line.lower() and "error" in line.lower()] == []


def test_alerts_are_kept_in_their_order(alerted, server, person):
    """No client asks for alerts, so this asks as their readers will."""
    query = """query Alerts($entity: String) { project(name: "alerts", entityName: $entity) { run(name: "alerted1") {
        alerts(first: 10) { edges { node { title text severity createdAt } } pageInfo { hasNextPage } } } } }"""
    body = {"query": query, "variables": {"entity": person.entity}}

    answer = requests.post(f"{server.url}/graphql", json=body, auth=("api", person.api_key), timeout=30)

    listed = answer.json()["data"]["project"]["run"]["alerts"]
    alerts = [edge["node"] for edge in listed["edges"]]
    assert [(alert["title"], alert["severity"]) for alert in alerts] == [
        ("plain", "INFO"),
        ("title INFO", "INFO"),
        ("title WARN", "WARN"),
        ("title ERROR", "ERROR"),
        ("again", "INFO"),
    ]
    assert alerts[1]["text"] == "größe <b>&amp;</b>\nsecond line"
    assert all(alert["createdAt"] for alert in alerts)
    assert not listed["pageInfo"]["hasNextPage"]
