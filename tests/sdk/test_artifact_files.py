"""Files of an artifact: put in by every way, committed, used, and downloaded byte for byte."""

import base64
import hashlib

import pytest
from harness import files_below

CONTENTS = {
    "plain.txt": b"text\n",
    "empty.bin": b"",
    "with space.txt": b"space",
    "100% sure.txt": b"percent",
    "%41.txt": b"looks escaped",
    "plus+and&equals=.txt": b"query",
    "hash#and?mark.txt": b"url",
    "größe ✓.txt": "größe".encode(),
    "deep/er/and deeper/file.bin": bytes(range(256)) * 5000,
}
ADDED = {"renamed.txt": b"text\n", "sub/mutable.txt": b"text\n", "made.txt": "größe\n".encode(), "made.bin": bytes(3)}
EXPECTED = CONTENTS | {f"again/{name}": content for name, content in CONTENTS.items()} | ADDED

LOGGED = f"""
    from pathlib import Path
    for name, content in {CONTENTS!r}.items():
        path = Path("source", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    run = wandb.init(project="artifacts", id="files1")
    artifact = wandb.Artifact("files", "dataset", description="every way", metadata={{"rows": 3, "deep": {{"x": [1, None]}}}})
    artifact.add_dir("source")
    artifact.add_dir("source", name="again", policy="immutable", skip_cache=True)
    artifact.add_file("source/plain.txt", name="renamed.txt", policy="immutable", skip_cache=True)
    artifact.add_file("source/plain.txt", name="sub/mutable.txt")
    with artifact.new_file("made.txt", encoding="utf-8") as file:
        file.write("größe\\n")
    with artifact.new_file("made.bin", mode="wb") as file:
        file.write(bytes(3))
    run.log_artifact(artifact, aliases=["first"])
    artifact.wait()
    single = run.log_artifact("source/plain.txt", name="single", type="dataset").wait()
    unnamed = run.log_artifact("source", type="dataset").wait()
    known = [artifact.id, artifact.name, artifact.version, artifact.state, sorted(artifact.aliases)]
    print(json.dumps([known, artifact.digest, artifact.size, single.name, unnamed.name]))
    run.finish()
"""


@pytest.fixture(scope="module")
def reported(run_script):
    """What the script knew when `wait` had returned."""
    return run_script(LOGGED).reported()


@pytest.fixture(scope="module")
def artifact(reported, find_artifact):
    return find_artifact("artifacts/files:first")


def test_wait_returns_with_the_committed_version(reported, artifact):
    known, digest, *_ = reported

    assert known == [artifact.id, "files:v0", "v0", "COMMITTED", ["first", "latest"]]
    assert digest == artifact.digest


def test_every_file_is_downloaded_byte_for_byte(artifact, download):
    assert download(artifact) == EXPECTED


def test_an_artifact_describes_itself(artifact, person):
    assert (artifact.type, artifact.version, artifact.state, artifact.description) == ("dataset", "v0", "COMMITTED", "every way")
    assert artifact.metadata == {"rows": 3, "deep": {"x": [1, None]}}
    assert (artifact.entity, artifact.project) == (person.entity, "artifacts")
    assert artifact.source_qualified_name == f"{person.entity}/artifacts/files:v0"
    assert (artifact.file_count, artifact.size) == (len(EXPECTED), sum(map(len, EXPECTED.values())))
    assert artifact.created_at and artifact.updated_at and artifact.commit_hash


def test_the_manifest_has_size_and_md5_of_every_file(artifact):
    entries = artifact.manifest.entries

    assert {name: (entry.size, entry.digest) for name, entry in entries.items()} == {
        name: (len(content), base64.b64encode(hashlib.md5(content).digest()).decode()) for name, content in EXPECTED.items()
    }


@pytest.mark.parametrize("name", ["plain.txt", "größe ✓.txt", "hash#and?mark.txt", "again/100% sure.txt", "made.bin"])
def test_one_file_is_downloaded_alone(artifact, tmp_path, name):
    path = artifact.get_entry(name).download(root=str(tmp_path))

    assert files_below(tmp_path) == {name: EXPECTED[name]}
    assert str(path) == str(tmp_path / name)


def test_a_file_that_is_not_in_the_artifact_is_missed(artifact):
    with pytest.raises(KeyError):
        artifact.get_entry("missing.txt")


def test_files_below_a_prefix_are_downloaded(artifact, download):
    assert download(artifact, path_prefix="deep/") == {"deep/er/and deeper/file.bin": CONTENTS["deep/er/and deeper/file.bin"]}
    assert download(artifact, path_prefix="made") == {name: EXPECTED[name] for name in ("made.txt", "made.bin")}


@pytest.mark.since("0.19.0", "downloads in several parts")
def test_a_file_is_downloaded_by_ranges(artifact, download):
    name = "deep/er/and deeper/file.bin"

    assert download(artifact, path_prefix="deep/", multipart=True) == {name: CONTENTS[name]}


def test_files_are_listed_over_several_pages(artifact):
    assert sorted(file.name for file in artifact.files(per_page=5)) == sorted(EXPECTED)
    assert {file.name: int(file.size) for file in artifact.files()} == {name: len(content) for name, content in EXPECTED.items()}


def test_files_are_listed_by_name_and_downloaded(artifact, tmp_path):
    (file,) = artifact.files(names=["with space.txt", "missing.txt"])
    file.download(root=str(tmp_path))

    assert files_below(tmp_path) == {"with space.txt": b"space"}


def test_the_only_file_is_downloaded(reported, find_artifact, tmp_path):
    path = find_artifact("artifacts/single:latest").file(root=str(tmp_path))

    assert reported[3] == "single:v0"
    assert files_below(tmp_path) == {"plain.txt": b"text\n"}
    assert str(path) == str(tmp_path / "plain.txt")


def test_what_is_logged_without_a_name_is_named_after_its_run(reported, find_artifact, download):
    assert reported[4] == "run-files1-source:v0"
    assert download(find_artifact("artifacts/run-files1-source:v0")) == CONTENTS


def test_a_checkout_has_the_files_and_no_others(artifact, tmp_path):
    (tmp_path / "left over.txt").write_text("older")

    artifact.checkout(root=str(tmp_path))

    assert files_below(tmp_path) == EXPECTED


def test_a_download_is_verified(artifact, tmp_path):
    artifact.download(root=str(tmp_path))
    artifact.verify(root=str(tmp_path))

    (tmp_path / "plain.txt").write_text("changed")
    with pytest.raises(ValueError, match="Digest mismatch"):
        artifact.verify(root=str(tmp_path))


def test_a_run_uses_an_artifact_and_downloads_it(reported, run_script):
    """By alias, by version and by its whole path, each with its own request."""
    used = run_script(
        """
        run = wandb.init(project="artifacts", id="user1")
        names = ("files:first", "files:v0", f"{run.entity}/artifacts/files")
        artifacts = [run.use_artifact(name, type="dataset") for name in names]
        root = artifacts[0].download()
        with open(os.path.join(root, "made.txt"), encoding="utf-8") as file:
            text = file.read()
        print(json.dumps([[artifact.version for artifact in artifacts], text, os.path.basename(root)]))
        run.finish()
        """
    ).reported()

    assert used == [["v0", "v0", "v0"], "größe\n", "files:v0"]


def test_a_file_is_downloaded_past_the_cache(reported, run_script):
    read = run_script(
        """
        artifact = wandb.Api().artifact("artifacts/single:latest")
        texts = []
        for name in ("first", "second"):
            path = artifact.download(root=name, skip_cache=True)
            with open(os.path.join(path, "plain.txt")) as file:
                texts.append(file.read())
        print(json.dumps(texts))
        """
    ).reported()

    assert read == ["text\n", "text\n"]


@pytest.mark.parametrize("name", ["nothing:latest", "files:v1", "files:nowhere"])
def test_what_does_not_exist_is_not_found(reported, find_artifact, name):
    with pytest.raises(Exception, match="not found"):
        find_artifact(f"artifacts/{name}")


def test_an_artifact_of_another_type_is_refused(reported, find_artifact):
    with pytest.raises(Exception, match="of type"):
        find_artifact("artifacts/files:latest", type="model")


def test_a_collection_keeps_its_type(reported, run_script):
    script = run_script(
        """
        from versions import log
        run = wandb.init(project="artifacts", id="retyped1")
        log(run, "files", {"a.txt": "a"}, type="model")
        """,
        expect=None,
    )

    assert "already exists with type" in script.output


def test_large_files_are_downloaded_byte_for_byte(run_script, find_artifact, download):
    digest = run_script(
        """
        import hashlib
        content = os.urandom(12 << 20)
        with open("large.bin", "wb") as file:
            file.write(content)
        run = wandb.init(project="artifacts", id="large1")
        run.log_artifact("large.bin", name="large", type="dataset").wait()
        print(json.dumps(hashlib.sha256(content).hexdigest()))
        run.finish()
        """
    ).reported()

    content = download(find_artifact("artifacts/large:v0"))["large.bin"]
    assert (len(content), hashlib.sha256(content).hexdigest()) == (12 << 20, digest)


@pytest.mark.since("0.31.0", "storage_region and digest_algorithm")
def test_a_region_and_an_algorithm_may_be_wished_for(run_script, find_artifact, download):
    """Whatever becomes of the wish, the artifact is whole and its digests are right."""
    run_script(
        """
        run = wandb.init(project="artifacts", id="wishes1")
        artifact = wandb.Artifact("wished", "dataset", storage_region="default", digest_algorithm="XXH128")
        with artifact.new_file("file.txt") as file:
            file.write("wished")
        run.log_artifact(artifact).wait()
        artifact.verify(artifact.download())
        run.finish()
        """
    )

    assert download(find_artifact("artifacts/wished:latest")) == {"file.txt": b"wished"}
