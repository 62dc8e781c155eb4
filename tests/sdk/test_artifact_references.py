"""References: entries of an artifact whose bytes lie elsewhere, in a store, on a web server, in another artifact."""

import http.server
import threading

import pytest
from harness import files_below


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content = f"page {self.path}".encode()
        self.send_response(200)
        self.send_header("ETag", '"tag of the page"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def web():
    """The URL of a web server that answers everything."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def logged(run_script, web, tmp_path_factory):
    """The directory to which the references to files lead."""
    directory = tmp_path_factory.mktemp("referred to")
    (directory / "sub").mkdir()
    (directory / "a.txt").write_text("a")
    (directory / "sub/größe.txt").write_text("größe")
    run_script(
        f"""
        from versions import version
        os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
        run = wandb.init(project="references", id="references1")
        mixed = version("mixed", {{"own.txt": "own"}})
        mixed.add_reference("file://{directory}/a.txt", name="one file.txt")
        mixed.add_reference("file://{directory}")
        mixed.add_reference("{web}/page?x=1", name="page.txt")
        run.log_artifact(mixed).wait()
        stores = wandb.Artifact("stores", "dataset")
        stores.add_reference("s3://bucket/some/object.bin", name="object.bin", checksum=False)
        stores.add_reference("s3://bucket/some/directory", name="directory", checksum=False)
        stores.add_reference("hdfs://cluster/file", name="sub/file")
        run.log_artifact(stores).wait()
        for time in range(2):
            unchanged = wandb.Artifact("unchanged", "dataset")
            unchanged.add_reference("s3://bucket/object", name="object", checksum=False)
            run.log_artifact(unchanged).wait()
        run.finish()
        """
    )
    return directory


@pytest.fixture
def entries(find_artifact):
    """`entries(path)`: what each entry of an artifact leads to, and its digest and size."""
    return lambda path: {
        name: (entry.ref, entry.digest, entry.size or None) for name, entry in find_artifact(path).manifest.entries.items()
    }


def test_references_are_kept_as_they_were_added(logged, entries):
    assert entries("references/stores:latest") == {
        "object.bin": ("s3://bucket/some/object.bin", "s3://bucket/some/object.bin", None),
        "directory": ("s3://bucket/some/directory", "s3://bucket/some/directory", None),
        "sub/file": ("hdfs://cluster/file", "hdfs://cluster/file", None),
    }


def test_references_count_as_files_and_take_their_size(logged, find_artifact):
    artifact = find_artifact("references/mixed:latest")

    assert artifact.file_count == 5
    assert artifact.size == len("own" + "a" + "a") + len("größe".encode()) + len("page /page?x=1")


def test_references_to_files_and_pages_are_downloaded(logged, find_artifact, download):
    assert download(find_artifact("references/mixed:latest")) == {
        "own.txt": b"own",
        "one file.txt": b"a",
        "a.txt": b"a",
        "sub/größe.txt": "größe".encode(),
        "page.txt": b"page /page?x=1",
    }


def test_a_page_is_kept_with_its_etag(logged, find_artifact, web):
    entry = find_artifact("references/mixed:latest").get_entry("page.txt")

    assert (entry.ref, entry.digest, entry.ref_target()) == (f"{web}/page?x=1", "tag of the page", f"{web}/page?x=1")


def test_the_same_references_are_the_same_version(logged, find_artifact):
    assert find_artifact("references/unchanged:latest").version == "v0"


def test_a_reference_whose_file_is_gone_is_missed(logged, run_script, find_artifact, download):
    (logged / "gone.txt").write_text("gone")
    run_script(
        f"""
        from versions import version
        run = wandb.init(project="references", id="gone1")
        artifact = version("gone", {{"own.txt": "own"}})
        artifact.add_reference("file://{logged}/gone.txt")
        run.log_artifact(artifact).wait()
        run.finish()
        """
    )
    (logged / "gone.txt").unlink()

    with pytest.raises(Exception, match="gone.txt"):
        download(find_artifact("references/gone:v0"))
    assert download(find_artifact("references/gone:v0"), path_prefix="own") == {"own.txt": b"own"}


@pytest.fixture(scope="module")
def chained(run_script):
    run_script(
        """
        from versions import log
        run = wandb.init(project="references", id="chain1")
        first = log(run, "first", {"a.txt": "a", "sub/b c.txt": "b", "größe.txt": "größe"})
        second = wandb.Artifact("second", "dataset")
        for name in first.manifest.entries:
            second.add_reference(first.get_entry(name), name="from first/" + name)
        second = run.log_artifact(second).wait()
        third = wandb.Artifact("third", "dataset")
        third.add_reference(second.get_entry("from first/a.txt").ref_url(), name="a.txt")
        run.log_artifact(third).wait()
        run.finish()
        """
    )


def test_entries_of_another_artifact_are_downloaded_from_it(chained, find_artifact, download):
    referring = find_artifact("references/second:latest")

    expected = {"from first/a.txt": b"a", "from first/sub/b c.txt": b"b", "from first/größe.txt": "größe".encode()}
    assert download(referring) == expected
    assert all(entry.ref.startswith("wandb-artifact://") for entry in referring.manifest.entries.values())


def test_a_reference_to_a_reference_leads_to_the_bytes(chained, find_artifact, tmp_path):
    find_artifact("references/third:latest").get_entry("a.txt").download(root=str(tmp_path))

    assert files_below(tmp_path) == {"a.txt": b"a"}


def test_an_artifact_of_thousands_of_entries_is_read_over_several_pages(run_script, find_artifact, download):
    """The client asks for 5,000 entries at once, and downloads only what is listed."""
    run_script(
        """
        from versions import version
        os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
        run = wandb.init(project="references", id="many1")
        artifact = version("many", {"zz first.txt": "first", "aa last.txt": "last"})
        for number in range(6000):
            artifact.add_reference(f"s3://bucket/{number}", name=f"part/{number:04}", checksum=False)
        run.log_artifact(artifact).wait()
        run.finish()
        """
    )
    artifact = find_artifact("references/many:latest")

    assert (artifact.file_count, len(artifact.manifest.entries)) == (6002, 6002)
    assert len({file.name for file in artifact.files(per_page=1000)}) == 6002
    assert download(artifact, path_prefix="zz") == {"zz first.txt": b"first"}
    assert download(artifact, path_prefix="aa") == {"aa last.txt": b"last"}
