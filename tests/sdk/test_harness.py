"""What the tests stand on: a script that hangs says where, and leaves nothing behind."""

import harness
import pytest


def test_a_script_that_hangs_shows_its_threads_and_both_sides_logs(client, monkeypatch):
    script = client.start(
        """
        import threading
        run = wandb.init(project="hanging")
        print("hanging", flush=True)
        threading.Event().wait()
        """
    )
    script.wait_for_line("hanging")
    monkeypatch.setattr(harness, "SCRIPT_SECONDS", 1)

    with pytest.raises(AssertionError) as told:
        script.wait()

    where = 'threading.py", line', 'script.py", line 7 in <module>', "debug-internal.log", "debug.log", "server.log"
    assert [text for text in where if text not in str(told.value)] == []
    assert script.family() == []


def test_a_script_that_does_not_print_its_line_is_ended_too(client, monkeypatch):
    monkeypatch.setattr(harness, "SCRIPT_SECONDS", 1)
    script = client.start("input()")

    with pytest.raises(AssertionError, match="was never printed"):
        script.wait_for_line("something")

    assert script.wait(expect=None).exit_code != 0


def test_a_script_has_ended_although_another_session_waits_for_its_end(run_script):
    # As the service of the oldest client does when the script gave it up.
    script = run_script(
        """
        import subprocess
        wait = "import os, sys, time\\nwhile os.path.exists(f'/proc/{sys.argv[1]}'): time.sleep(0.1)\\nprint('it ended')"
        subprocess.Popen([sys.executable, "-c", wait, str(os.getpid())], start_new_session=True)
        """
    )

    assert "it ended" in script.output
