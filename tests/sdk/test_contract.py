"""The committed schema answers what the installed client can ask, except for the operations of `not_served_yet.txt`.

A line of that file is an operation's name and the client versions in which the schema does not answer it. The list only
ever shrinks: an operation that is answered has to be struck out.
"""

import operations
import pytest
from harness import CLIENT_VERSION
from operations import NOT_SERVED_YET


def listed():
    lines = (line.split("#")[0].split() for line in NOT_SERVED_YET.read_text(encoding="utf-8").splitlines())
    return {name for name, *versions in filter(None, lines) if CLIENT_VERSION in versions}


@pytest.fixture(scope="module")
def unanswered():
    return {name: problems for name, problems in operations.problems_by_name().items() if problems}


def test_every_operation_that_is_not_listed_is_answered(unanswered):
    unexpected = {name: problems for name, problems in unanswered.items() if name not in listed()}

    assert not unexpected, "\n".join(f"{name}: {problem}" for name in sorted(unexpected) for problem in unexpected[name])


def test_every_listed_operation_is_one_that_is_not_answered(unanswered):
    assert sorted(listed() - unanswered.keys()) == [], f"strike {CLIENT_VERSION} out of these lines of {NOT_SERVED_YET.name}"


def test_the_operations_are_found():
    """The check above means nothing if the texts of the client are not found any more."""
    found = operations.problems_by_name().keys()

    assert {"Run", "Runs", "RunFiles", "UpsertBucket", "RunResumeStatus", "CreateRunFiles", "HistoryPage"} <= found
    assert len(found) > 100
