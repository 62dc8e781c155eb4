"""Teams whose bytes are in buckets of their own, at each provider: two teams, two buckets, two pairs of keys.

Buckets are `localhost` here and the server is `127.0.0.1`, so that a client that sends its API key along where it must not
would send it to another host. Google's store is a double: what passes is right in itself, not proven to be taken by Google.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import wandb
from harness import REPOSITORY, Client, Server, files_below, wait_until

PROGRAM = REPOSITORY / "target/debug/examples/stores"
LARGE = 3 << 20

LOG = """
import random
run = wandb.init(entity=os.environ["TEAM"], project="p", id=os.environ["RUN"])
open("saved.txt", "w").write("saved by " + os.environ["TEAM"])
run.save("saved.txt", policy="now")
import numpy
run.log({"x": 1, "picture": wandb.Image(numpy.full((8, 8, 3), 7, dtype="uint8"))})
open("large.bin", "wb").write(random.Random(1).randbytes(%d))
artifact = wandb.Artifact("data", "dataset")
artifact.add_file("large.bin")
artifact.add_file("saved.txt", name="texts/small.txt")
run.log_artifact(artifact).wait()
run.finish()
""" % LARGE

USE = """
run = wandb.init(entity=os.environ["TEAM"], project="p", job_type="use")
directory = run.use_artifact("data:latest").download(skip_cache=True)
run.finish()
print(json.dumps([os.path.getsize(directory + "/large.bin"), open(directory + "/texts/small.txt").read()]))
"""


@contextlib.contextmanager
def started_stores():
    program = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield {"pid": program.pid, **json.loads(program.stdout.readline())}
    program.communicate()


@pytest.fixture(scope="module")
def server():
    server = Server({"WEIGHHOUSE__STORAGE__ALLOW_ENDPOINTS": "localhost,127.0.0.1"}, licensed=True)
    yield server
    server.stop()


class Team:
    """A team of one person, in a bucket of its own."""

    def __init__(self, server, directory, address, data_path):
        self.server = server
        self.name = f"t{secrets.token_hex(5)}"
        self.person = server.create_person(f"p{secrets.token_hex(5)}")
        store = {"address": address.replace("127.0.0.1", "localhost"), "data_path": data_path}
        created = server._ask_admin_socket("POST", "/api/v1/connectors", {"name": self.name, "store": store})
        assert created[0] == 201, created
        server.create_team(self.name, **{self.person.username: "member"})
        attached = server._ask_admin_socket("PUT", f"/api/v1/teams/{self.name}/connector", {"connector": self.name})
        assert attached[0] == 200, attached
        self.client = Client(directory, server.url, self.person)

    def log(self):
        self.client.run(LOG, TEAM=self.name, RUN="r")

    def api(self):
        # Parts of the client make an Api of their own from the environment.
        os.environ.update({"WANDB_BASE_URL": self.server.url, "WANDB_API_KEY": self.person.api_key})
        return wandb.Api(overrides={"base_url": self.server.url}, api_key=self.person.api_key)

    def run(self):
        return self.api().run(f"{self.name}/p/r")

    def direct_urls(self):
        """Where the files of the artifact are fetched."""
        query = """query Urls($entity: String!) { project(name: "p", entityName: $entity) { artifact(name: "data:v0") {
            currentManifest { file { directUrl } } files(first: 10) { edges { node { name directUrl } } } } } }"""
        body = json.dumps({"query": query, "variables": {"entity": self.name}}).encode()
        request = urllib.request.Request(f"{self.server.url}/graphql", body, {"Content-Type": "application/json"})
        request.add_header("Authorization", f"Bearer {self.person.api_key}")
        found = json.load(urllib.request.urlopen(request))["data"]["project"]["artifact"]
        files = {edge["node"]["name"]: edge["node"]["directUrl"] for edge in found["files"]["edges"]}
        return {"manifest": found["currentManifest"]["file"]["directUrl"], **files}


@pytest.fixture(scope="module", params=["s3-direct", "s3-proxy", "gcs-direct", "gcs-proxy", "azure-direct", "azure-proxy"])
def teams(request, server, tmp_path_factory):
    """Two teams at one provider, both of which have logged. Stores of their own: no two connectors share a place."""
    provider, data_path = request.param.split("-")
    with started_stores() as stores:
        if stores[provider] is None:
            pytest.skip("Azurite is not installed")
        addresses = stores[provider]["addresses"]
        made = [Team(server, tmp_path_factory.mktemp("team"), address, data_path) for address in addresses]
        for team in made:
            team.log()
        made[0].buckets = stores[provider].get("buckets")
        made[0].is_direct = data_path == "direct"
        made[0].stores_pid = stores["pid"]
        yield made
        for team in made:
            team.client.end_all()


def test_everything_that_was_logged_comes_back(teams, tmp_path):
    for team in teams:
        run = team.run()
        names = {file.name for file in run.files()}
        assert {"saved.txt", "config.yaml", "wandb-summary.json"} <= names
        assert any(name.startswith("media/images/picture") for name in names)
        with run.file("saved.txt").download(root=tmp_path / team.name) as file:
            assert file.read() == f"saved by {team.name}"
        used = team.client.run(USE, TEAM=team.name).reported()
        assert used == [LARGE, f"saved by {team.name}"]
        assert [row["x"] for row in run.scan_history(keys=["x"])] == [1]


def test_files_get_their_md5_without_anybody_sending_it(teams):
    md5s = wait_until(lambda: [file.md5 for file in teams[0].run().files() if file.md5])
    assert all(len(md5) == 24 for md5 in md5s)


def test_nothing_is_in_another_bucket_or_in_the_store_of_the_server(teams, server):
    assert files_below(server.data / "objects") == {}
    if teams[0].buckets:
        a, b = (files_below(bucket) for bucket in teams[0].buckets)
        told = [b"saved by " + team.name.encode() for team in teams]
        assert told[0] in a.values() and told[1] not in a.values()
        assert told[1] in b.values() and told[0] not in b.values()
        assert all(path.startswith("runs/") for path in a if not path.startswith("."))


def test_bytes_go_the_way_that_the_connector_says(teams):
    hosts = {urllib.parse.urlsplit(url).hostname for url in teams[0].direct_urls().values()}
    assert hosts == {"localhost" if teams[0].is_direct else "127.0.0.1"}


def status_of(url):
    try:
        return urllib.request.urlopen(url).status
    except urllib.error.HTTPError as error:
        return error.code


def test_a_url_opens_what_it_was_signed_for_and_nothing_of_the_other_team(teams):
    urls = [team.direct_urls() for team in teams]
    assert {status_of(url) for of_team in urls for url in of_team.values()} == {200}
    ours, theirs = (urllib.parse.urlsplit(of_team["large.bin"]) for of_team in urls)
    mixed = [ours._replace(path=theirs.path), theirs._replace(path=ours.path)]
    if not teams[0].is_direct:
        mixed = [ours._replace(path=ours.path[:-4] + "AAAA")]
    for url in mixed:
        assert status_of(url.geturl()) in (400, 403), url.geturl()


def test_content_that_the_team_has_is_not_sent_again_and_that_of_another_team_is(teams):
    for team in teams:
        team.client.run(LOG.replace('"data"', '"again"'), TEAM=team.name, RUN="again")
        files = team.api().artifact(f"{team.name}/p/again:v0").manifest.entries
        assert set(files) == {"large.bin", "texts/small.txt"}
    if teams[0].buckets:
        for bucket in teams[0].buckets:
            large = [path for path, content in files_below(bucket).items() if len(content) == LARGE]
            assert len(large) == 1, large


SILENCE = 30


@pytest.mark.parametrize("teams", ["s3-direct", "s3-proxy"], indirect=True)
def test_a_store_that_is_silent_for_half_a_minute_costs_time_and_nothing_else(teams):
    team = teams[0]
    os.kill(team.stores_pid, signal.SIGSTOP)
    try:
        script = team.client.start(LOG.replace('"data"', '"late"').replace("Random(1)", "Random(2)"), TEAM=team.name, RUN="late")
        time.sleep(SILENCE)
        assert team.api().run(f"{team.name}/p/late").state == "running"
        assert team.api().run(f"{team.name}/p/r").summary["x"] == 1, "what needs no store is answered"
    finally:
        os.kill(team.stores_pid, signal.SIGCONT)
    script.wait()
    names = {file.name for file in team.api().run(f"{team.name}/p/late").files()}
    assert {"saved.txt", "config.yaml"} <= names and any(name.startswith("media/images/picture") for name in names)
    assert set(team.api().artifact(f"{team.name}/p/late:v0").manifest.entries) == {"large.bin", "texts/small.txt"}


GIB = 1 << 30
SIZE = 3 * GIB
MEMORY_GROWTH = 64 << 20

LOG_SPARSE = f"""
with open("sparse.bin", "wb") as file:
    file.truncate({SIZE})
    for at in range(0, {SIZE}, {GIB} // 4):
        file.seek(at + 12345)
        file.write(b"at %d" % at)
run = wandb.init(entity=os.environ["TEAM"], project="p")
artifact = wandb.Artifact("sparse", "dataset")
artifact.add_file("sparse.bin", skip_cache=True, policy="immutable")
run.log_artifact(artifact).wait()
run.finish()
"""

USE_SPARSE = f"""
import hashlib
artifact = wandb.Api().artifact(os.environ["TEAM"] + "/p/sparse:latest")
path = artifact.download(skip_cache=True) + "/sparse.bin"
with open(path, "rb") as file:
    md5 = hashlib.file_digest(file, "md5").digest()
import base64
print(json.dumps([os.path.getsize(path), base64.b64encode(md5).decode() == artifact.manifest.entries["sparse.bin"].digest]))
"""


def resident(server):
    status = (Path("/proc") / str(server.process.pid) / "status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


@pytest.mark.skipif(float(os.environ.get("WEIGHHOUSE_TEST_SCALE", 1)) < 1, reason="needs 10 GiB of disk and minutes")
@pytest.mark.parametrize("teams", ["s3-direct", "s3-proxy"], indirect=True)
def test_three_gibibytes_go_up_and_down_in_memory_that_does_not_grow(teams, server):
    team = teams[0]
    before, highest, is_done = resident(server), [0], threading.Event()

    def watch():
        while not is_done.wait(0.05):
            highest[0] = max(highest[0], resident(server))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        team.client.run(LOG_SPARSE, TEAM=team.name)
        assert team.client.run(USE_SPARSE, TEAM=team.name).reported() == [SIZE, True]
    finally:
        is_done.set()
        watching.join()
    assert highest[0] - before < MEMORY_GROWTH, (before, highest[0])
