"""Files of a run: saved by each policy, with odd names, downloaded byte for byte, uploaded and deleted by the Api."""

import pytest
from harness import CLIENT_VERSION, parsed, wait_until

CONTENTS = {
    "plain.txt": b"text\n",
    "empty.bin": b"",
    "with space.txt": b"space",
    "100% sure.txt": b"percent",
    "%41.txt": b"looks escaped",
    "plus+and&equals=.txt": b"query",
    "hash#and?mark.txt": b"url",
    "größe ✓.txt": "größe".encode(),
    "deep/er/and deeper/file.bin": bytes(range(256)) * 1000,
}

if parsed(CLIENT_VERSION) < (0, 19):
    del CONTENTS["empty.bin"]  # the oldest client does not upload empty files

SAVED = f"""
    from pathlib import Path
    run = wandb.init(project="files", id="saved1")
    for name, content in {CONTENTS!r}.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        run.save(name, base_path=".", policy="now")
    Path("at_end.txt").write_text("first")
    run.save("at_end.txt", base_path=".", policy="end")
    Path("at_end.txt").write_text("last")
    Path("live.txt").write_text("first")
    run.save("live.txt", base_path=".", policy="live")
    Path("live.txt").write_text("last version")
    Path(run.dir, "in_run_dir.txt").write_text("found")
    run.save(str(Path(run.dir, "in_run_dir.txt")), base_path=run.dir)
    run.finish()
"""


@pytest.fixture(scope="module", autouse=True)
def saved(run_script):
    run_script(SAVED)


@pytest.fixture
def run(find_run):
    return find_run("files/saved1")


def content(file, directory):
    file.download(root=str(directory), replace=True)
    return (directory / file.name).read_bytes()


@pytest.mark.parametrize("name", CONTENTS)
def test_a_saved_file_is_downloaded_byte_for_byte(run, tmp_path, name):
    file = run.file(name)

    assert (file.name, file.size) == (name, len(CONTENTS[name]))
    assert content(file, tmp_path) == CONTENTS[name]


@pytest.mark.parametrize("name, expected", [("at_end.txt", b"last"), ("live.txt", b"last version"), ("in_run_dir.txt", b"found")])
def test_a_file_has_its_last_content(run, tmp_path, name, expected):
    assert content(run.file(name), tmp_path) == expected


def test_every_file_is_listed_once(run):
    names = [file.name for file in run.files()]

    assert len(names) == len(set(names))
    assert set(names) >= {*CONTENTS, "at_end.txt", "live.txt", "config.yaml", "wandb-summary.json"}


def test_files_are_listed_over_several_pages(run):
    assert sorted(file.name for file in run.files(per_page=2)) == sorted(file.name for file in run.files())


def test_files_are_listed_by_name(run):
    assert [file.name for file in run.files(["plain.txt", "missing.txt"])] == ["plain.txt"]


@pytest.mark.since("0.22.0", "listing files by pattern")
def test_files_are_listed_by_pattern(run):
    names = {file.name for file in run.files(pattern="%.bin")}

    assert names == {"empty.bin", "deep/er/and deeper/file.bin"}


def test_the_files_describe_themselves(run):
    file = run.file("plain.txt")

    assert file.md5 == "4cuww4ea+DRyRvEsVZqGtQ=="
    assert file.updated_at


def test_the_file_of_the_config_is_the_config(run, tmp_path):
    assert b"_wandb" in content(run.file("config.yaml"), tmp_path)


def test_a_file_that_does_not_exist_cannot_be_downloaded(run, tmp_path):
    with pytest.raises(Exception):
        run.file("missing.txt").download(root=str(tmp_path))


def test_a_file_is_uploaded_replaced_and_deleted_by_the_api(run, find_run, tmp_path):
    path = tmp_path / "up loaded.txt"
    path.write_text("one")
    uploaded = run.upload_file(str(path), root=str(tmp_path))
    assert (uploaded.name, content(uploaded, tmp_path)) == ("up loaded.txt", b"one")

    path.write_text("two, longer")
    run.upload_file(str(path), root=str(tmp_path))
    assert content(find_run("files/saved1").file("up loaded.txt"), tmp_path) == b"two, longer"

    find_run("files/saved1").file("up loaded.txt").delete()
    assert [file.name for file in find_run("files/saved1").files(["up loaded.txt"])] == []
    assert content(find_run("files/saved1").file("plain.txt"), tmp_path) == b"text\n"


def test_a_saved_file_is_there_while_the_run_goes_on(client, find_run, tmp_path):
    """The client gives no sign when an upload is done, so the test looks until the file is listed."""
    script = client.start(
        """
        run = wandb.init(project="files", id="open1")
        open("early.txt", "w").write("early")
        run.save("early.txt", policy="now")
        print("saved", flush=True)
        input()
        run.finish()
        """
    )
    script.wait_for_line("saved")

    found = wait_until(lambda: [file for file in find_run("files/open1").files(["early.txt"]) if file.size])
    early = content(found[0], tmp_path)
    script.say()
    script.wait()

    assert early == b"early"
