"""Artifacts through the real client: our server beside one that throws uploads away.

    cargo build --release
    target/python/0.31.0/bin/python benches/sdk_transfer.py [--big-mb 1024] [--small 2000] [--rounds 3]

The discarding server stands before a second copy of ours and passes everything on, except that it reads the bodies of
uploads into nothing and says itself that an artifact is committed. So both times hold the client's own work, and their
ratio is what storing, hashing and syncing adds to it. Prints one JSON line for each kind of artifact.
"""

import argparse
import http.client
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests/sdk"))
os.environ.setdefault("WEIGHHOUSE_BINARY", str(REPOSITORY / "target/release/weighhouse"))
import harness  # noqa: E402

BLOCK_BYTES = 1 << 20
SMALL_BYTES = 10_000
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

# Logs a directory and prints how long it took, from the call until the client says that it is done.
SCRIPT = """
import os, sys, time
import wandb
run = wandb.init(project="transfer")
artifact = wandb.Artifact(sys.argv[2], "dataset")
began = time.monotonic()
artifact.add_dir(sys.argv[1], policy="immutable")
run.log_artifact(artifact)
run.finish()
print(time.monotonic() - began)
"""


class Discarding:
    """Passes requests on to `upstream`, and keeps nothing of what is uploaded. A process for each connection."""

    def __init__(self, upstream):
        self.upstream = upstream.removeprefix("http://")
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgrp()
            self._accept()

    def stop(self):
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def _accept(self):
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            connection, _ = self.listener.accept()
            if os.fork() == 0:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    self._serve(connection)
                finally:
                    os._exit(0)
            connection.close()

    def _serve(self, connection):
        stream = connection.makefile("rb", buffering=BLOCK_BYTES)
        block = memoryview(bytearray(BLOCK_BYTES))
        while first := stream.readline():
            method, path, _ = first.decode().split(" ", 2)
            headers = {}
            while (line := stream.readline().strip()):
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            length = int(headers.get("content-length", 0))
            if method == "PUT":
                while length:
                    length -= stream.readinto(block[: min(length, BLOCK_BYTES)])
                connection.sendall(OK)
                continue
            connection.sendall(self._answer(method, path, headers, stream.read(length)))

    def _answer(self, method, path, headers, body):
        if b"commitArtifact(" in body:
            id = json.loads(body)["variables"]["artifactID"]
            return answer(200, json.dumps({"data": {"commitArtifact": {"artifact": {"id": id, "digest": ""}}}}).encode())
        upstream = http.client.HTTPConnection(self.upstream, timeout=120)
        passed_on = {name: value for name, value in headers.items() if name not in ("content-length", "accept-encoding")}
        upstream.request(method, path, body, passed_on)
        given = upstream.getresponse()
        return answer(given.status, given.read())


def answer(status, body):
    head = f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def fill(directory, files, size):
    """New random bytes, so that nothing of them is there yet."""
    for number in range(files):
        with open(directory / f"{number:05}.bin", "wb") as file:
            left = size
            while left:
                left -= file.write(os.urandom(min(left, BLOCK_BYTES)))
    os.sync()


def seconds(url, person, files, size):
    with tempfile.TemporaryDirectory(prefix="weighhouse-transfer-") as home:
        home = Path(home)
        (home / "data").mkdir()
        fill(home / "data", files, size)
        environment = harness.client_environment(home, url, person.api_key)
        command = [sys.executable, "-c", SCRIPT, str(home / "data"), f"a-{secrets.token_hex(4)}"]
        done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=1200, check=True)
        return float(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--big-mb", type=int, default=1024)
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    ours, behind = harness.Server(), harness.Server()
    discarding = Discarding(behind.url)
    try:
        people = {ours.url: ours.create_person("ada"), discarding.url: behind.create_person("ada")}
        for workload, files, size in (("big", 1, arguments.big_mb << 20), ("small", arguments.small, SMALL_BYTES)):
            times = {url: [] for url in people}
            for _ in range(arguments.rounds):
                for url, person in people.items():
                    times[url].append(seconds(url, person, files, size))
            stored, thrown_away = (statistics.median(times[url]) for url in people)
            line = {"bench": "sdk_transfer", "workload": workload, "files": files, "bytes": files * size}
            line |= {"client": harness.CLIENT_VERSION, "stored_s": round(stored, 2), "discarded_s": round(thrown_away, 2)}
            print(json.dumps(line | {"ratio": round(stored / thrown_away, 2)}), flush=True)
    finally:
        discarding.stop()
        ours.stop()
        behind.stop()


if __name__ == "__main__":
    main()
