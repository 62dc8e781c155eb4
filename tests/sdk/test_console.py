"""Console output: streamed line by line, rewritten by progress bars, and kept as a file."""

import re

import pytest

SCRIPT = """
    run = wandb.init(project="console", id="printed1")
    print("first line")
    print("größe ✓ <tag> & more")
    print("an error", file=sys.stderr)
    print("\\x1b[31mred\\x1b[0m")
    for done in range(3):
        print(f"\\rprogress {done}", end="")
    print()
    print("last line")
    run.finish()
"""
RESUMED = """
    run = wandb.init(project="console", id="printed1", resume="must")
    print("after resuming")
    run.finish()
"""


def plain(text):
    """Without colours and without the time that older clients put before each line of the file."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture(scope="module", autouse=True)
def printed(run_script):
    run_script(SCRIPT)


@pytest.fixture
def output_log(find_run, tmp_path):
    find_run("console/printed1").file("output.log").download(root=str(tmp_path), replace=True)
    return plain((tmp_path / "output.log").read_text(encoding="utf-8"))


def test_the_output_is_kept_as_a_file(output_log):
    for line in ("first line", "größe ✓ <tag> & more", "an error", "red", "progress 2", "last line"):
        assert line in output_log, output_log


@pytest.mark.since("0.31.0", "Run.console_logs")
class TestConsoleLogs:
    """The lines as the server has them, by `Run.console_logs`, before and after the run is resumed."""

    def lines(self, find_run, **how):
        return [plain(line.content) for line in find_run("console/printed1").console_logs(**how)]

    def test_lines_are_read_back_in_order_and_progress_is_one_line(self, find_run):
        lines = self.lines(find_run)

        # Which of stdout and stderr comes first is not certain when both are written at once.
        assert sorted(lines[:3]) == sorted(["first line", "größe ✓ <tag> & more", "an error"])
        assert lines[3:6] == ["red", "progress 2", "last line"]

    def test_lines_are_numbered_from_0_and_have_a_time(self, find_run):
        lines = list(find_run("console/printed1").console_logs())

        assert [line.number for line in lines] == list(range(len(lines)))
        assert all(line.timestamp is not None for line in lines)

    def test_lines_of_stderr_are_errors(self, find_run):
        levels = {plain(line.content): line.level for line in find_run("console/printed1").console_logs()}

        assert levels["an error"] == "error"
        assert levels["first line"] != "error"

    def test_small_pages_give_the_same_lines(self, find_run):
        assert self.lines(find_run, per_page=2) == self.lines(find_run)

    def test_the_last_lines_are_read_alone(self, find_run):
        assert self.lines(find_run, last=2) == self.lines(find_run)[-2:]

    def test_lines_of_a_resumed_run_follow_the_first_ones(self, run_script, find_run):
        before = self.lines(find_run)

        run_script(RESUMED)

        after = self.lines(find_run)
        assert after[: len(before)] == before
        assert "after resuming" in after[len(before) :]
