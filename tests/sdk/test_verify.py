"""`wandb verify`: the client's own checks of a server, one test each."""

import re

import pytest
from harness import ANY

CHECKMARK = "\N{WHITE HEAVY CHECK MARK}"
# The tests' server has no TLS, and the client only warns of that.
ABOUT_HTTPS = {"requests to base url", "requests made over signed URLs"}
CHECKS = [
    "if logged in",
    "signed URL upload",
    "ability to send large payloads through proxy",
    "CORs configuration of the bucket",
    "wandb package version is up to date",
    "logged metrics, saving and downloading a file",
    "artifact save and download workflows",
    "sweep creation and agent execution",
]


pytestmark = pytest.mark.since("0.31.0", "the check of sweeps, and others,")


@pytest.fixture(scope="module")
def verified(client):
    """The command after its end."""
    return client.command("verify", "--host", client.url, expect=ANY, WANDB_SILENT=None)


@pytest.fixture(scope="module")
def results(verified):
    """What the command says to each check."""
    parts = re.split(r"^Checking (.*?)\.{2,}", verified.output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (text.strip() for text in parts[2::2]), strict=True))


@pytest.mark.parametrize("check", CHECKS)
def test_verify_is_content(results, check):
    assert results[check].startswith(CHECKMARK), results[check]


def test_these_are_all_checks(results):
    assert results.keys() - ABOUT_HTTPS == set(CHECKS)


def test_verify_exits_with_success(verified):
    assert verified.exit_code == 0, verified.output
