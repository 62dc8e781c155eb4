"""`wandb verify`: the client's own checks of a server, one test each."""

import re

import pytest

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


@pytest.fixture(scope="module")
def verified(client):
    """What the command says to each check."""
    script = client.command("verify", "--host", client.url, expect=None if False else 0, WANDB_SILENT=None)
    return results(script.output)


def results(output):
    parts = re.split(r"^Checking (.*?)\.{2,}", output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (text.strip() for text in parts[2::2]), strict=True))


@pytest.mark.since("0.31.0", "all checks of `wandb verify`")
@pytest.mark.parametrize("check", CHECKS)
def test_verify_is_content(verified, check):
    assert verified[check].startswith(CHECKMARK)


@pytest.mark.since("0.31.0", "all checks of `wandb verify`")
def test_these_are_all_checks(verified):
    assert verified.keys() - ABOUT_HTTPS == set(CHECKS)
