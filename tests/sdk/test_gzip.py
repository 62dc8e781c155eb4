"""File-stream bodies that the client compresses, which it does when it is told to and the server says it can."""

import pytest


@pytest.mark.since("0.31.0", "x_file_stream_no_gzip")
def test_rows_sent_compressed_are_read_back(run_script, find_run):
    run_script(
        """
        settings = wandb.Settings(x_file_stream_no_gzip=False)
        run = wandb.init(project="gzip", id="gzip1", settings=settings)
        for value in range(200):
            run.log({"x": value, "text": "wörter " * 50})
        run.finish()
        """
    )

    rows = list(find_run("gzip/gzip1").scan_history())
    assert [row["x"] for row in rows] == list(range(200))
    assert all(row["text"] == "wörter " * 50 for row in rows)
