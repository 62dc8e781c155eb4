"""What is uploaded: contents that the entity has are not sent again, and other people's contents never stand in for them."""

import pytest
from proxy import Proxy


@pytest.fixture
def upload(server, run_script):
    """`upload(code)`: runs a script and tells which contents it put. Files of the run are put as well and matter not."""

    def upload(code, **environment):
        proxy = Proxy(server.url)
        try:
            run_script(code, WANDB_BASE_URL=proxy.url, **environment)
        finally:
            proxy.stop()
        assert all(exchange.status < 400 for exchange in proxy.exchanges if exchange.method == "PUT")
        return proxy.uploads()

    return upload


def logs(project, name, texts):
    return f"""
from versions import log
run = wandb.init(project={project!r})
log(run, {name!r}, {texts!r})
run.finish()
"""


def manifests(uploads):
    return [body for body in uploads if b"wandb-storage-policy-v1" in body]


def test_only_the_changed_file_of_a_version_is_uploaded(upload, find_artifact, download):
    first = upload(logs("uploads", "growing", {"kept.txt": "kept content", "changed.txt": "old content"}))
    second = upload(logs("uploads", "growing", {"kept.txt": "kept content", "changed.txt": "new content"}))

    assert (first.count(b"kept content"), first.count(b"old content"), len(manifests(first))) == (1, 1, 1)
    assert (second.count(b"kept content"), second.count(b"new content"), len(manifests(second))) == (0, 1, 1)
    assert download(find_artifact("uploads/growing:v1")) == {"kept.txt": b"kept content", "changed.txt": b"new content"}


def test_a_version_that_exists_is_not_uploaded(upload, find_artifact):
    first = upload(logs("uploads", "same", {"file.txt": "same content"}))
    second = upload(logs("uploads", "same", {"file.txt": "same content"}))

    assert (first.count(b"same content"), len(manifests(first))) == (1, 1)
    assert (second.count(b"same content"), len(manifests(second))) == (0, 0)
    assert find_artifact("uploads/same:latest").version == "v0"


def test_a_content_of_another_collection_and_project_is_not_uploaded(upload, find_artifact, download):
    upload(logs("uploads", "original", {"file.txt": "shared content"}))
    again = upload(logs("other uploads", "copy", {"sub/renamed.txt": "shared content"}))

    assert again.count(b"shared content") == 0
    assert download(find_artifact("other uploads/copy:v0")) == {"sub/renamed.txt": b"shared content"}


def test_a_content_that_a_deleted_version_had_is_there_again(upload, find_artifact, download):
    upload(logs("uploads", "mortal", {"file.txt": "mortal content"}))
    find_artifact("uploads/mortal:v0").delete(delete_aliases=True)

    upload(logs("uploads", "revived", {"file.txt": "mortal content"}))

    assert download(find_artifact("uploads/revived:v0")) == {"file.txt": b"mortal content"}


def test_a_content_of_another_person_is_uploaded_by_whoever_logs_it(upload, server, person):
    """Else knowing the MD5 of a file would be enough to get it."""
    other = server.create_person(f"{person.username}-other")
    upload(logs("uploads", "secret", {"file.txt": "secret content"}))

    uploaded = upload(logs("uploads", "secret", {"file.txt": "secret content"}), WANDB_API_KEY=other.api_key)

    assert uploaded.count(b"secret content") == 1


def test_a_draft_uploads_only_what_was_added(upload, find_artifact, download):
    upload(logs("uploads", "drafted", {"kept.txt": "drafted content"}))

    uploaded = upload(
        """
        run = wandb.init(project="uploads")
        draft = run.use_artifact("drafted:latest").new_draft()
        with draft.new_file("added.txt") as file:
            file.write("added content")
        run.log_artifact(draft).wait()
        run.finish()
        """
    )

    assert (uploaded.count(b"drafted content"), uploaded.count(b"added content")) == (0, 1)
    assert download(find_artifact("uploads/drafted:v1")) == {"kept.txt": b"drafted content", "added.txt": b"added content"}


def test_a_script_that_is_killed_while_it_logs_leaves_no_version(client, find_artifact):
    """What came of it is no version: not until it is committed."""
    script = client.start(
        """
        from versions import log, version
        run = wandb.init(project="uploads", id="killed1")
        log(run, "interrupted", {"file.txt": "first"})
        run.upsert_artifact(version("interrupted", {"file.txt": "second"}), distributed_id="never finished")
        print("begun", flush=True)
        input()
        """
    )
    script.wait_for_line("begun")
    script.end()

    assert find_artifact("uploads/interrupted:latest").version == "v0"
    with pytest.raises(Exception, match="not found"):
        find_artifact("uploads/interrupted:v1")
