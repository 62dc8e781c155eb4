"""What the client tests stand on: a real server, people on it, and scripts run by the installed client.

Nothing here looks into the server: it is started, asked to make people over its admin socket, and stopped.
"""

import contextlib
import http.client
import importlib.metadata
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

def parsed(version):
    return tuple(int(part) for part in version.split(".")[:3])


CLIENT_VERSION = importlib.metadata.version("wandb")
REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("WEIGHHOUSE_BINARY", REPOSITORY / "target/debug/weighhouse"))
FOR_SCRIPTS = Path(__file__).with_name("for_scripts")
START_SECONDS = 60
# Many times what any script takes, because beside other programs a script may wait long for its turn: see README.md.
SCRIPT_SECONDS = 300
END_SECONDS = 10
LOG_LINES = 40
# In the environment of a script and of all that it starts, whatever session that is in.
MARK = "WEIGHHOUSE_SCRIPT"
ANY = object()

# One spelling of a private setting is read by every supported client: `WANDB__NAME` is `_name` in 0.17 and
# `x_name` since 0.19. What a test does not look at is switched off, because it costs time in every process.
QUIET_CLIENT = {
    "WANDB_SILENT": "true",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_DISABLE_CODE": "true",
    "WANDB_DISABLE_JOB_CREATION": "true",
    "WANDB__DISABLE_STATS": "true",
    "WANDB__DISABLE_META": "true",
    "WANDB__FILE_STREAM_TRANSMIT_INTERVAL": "0.1",
    # Half a minute by default, which beside other programs may be too little for a service that is Python itself.
    "WANDB__SERVICE_WAIT": str(SCRIPT_SECONDS),
    # A process that gives itself a title writes it over the environment by which `Process` finds it.
    "WANDB__DISABLE_SETPROCTITLE": "true",
    "NO_PROXY": "127.0.0.1,localhost",
}
# The oldest two look for `distutils`, instead of which setuptools hands them all of itself unless told so.
if sys.version_info < (3, 12):
    QUIET_CLIENT["SETUPTOOLS_USE_DISTUTILS"] = "stdlib"


@dataclass(frozen=True)
class Person:
    username: str
    email: str
    api_key: str

    @property
    def entity(self):
        """A person's own entity has the person's name."""
        return self.username


class Server:
    """A server of its own on a free port, with a data directory that goes away with it."""

    def __init__(self, settings=None, licensed=False):
        """With `licensed`, one that has a licence for everything."""
        self.directory = Path(tempfile.mkdtemp(prefix="weighhouse-sdk-"))
        self.data = self.directory / "data"
        self.log = self.directory / "server.log"
        ready = self.directory / "ready.json"
        settings = dict(settings or {})
        if licensed:
            authority = self._authority()
            settings["WEIGHHOUSE__LICENSE__TRUSTED_KEYS"] = str(authority / "public.pem")
        command = [BINARY, "serve", "--listen", "127.0.0.1:0", "--data-dir", self.data, "--ready-file", ready]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log)
        try:
            self.url = self._wait_for(ready)["url"]
            if licensed:
                self._ask_admin_socket("PUT", "/api/v1/license", {"license": self._issue_licence(authority)})
        except BaseException:
            self.stop()
            raise

    def _authority(self):
        """The keys of somebody who issues licences."""
        authority = self.directory / "authority"
        subprocess.run([BINARY, "license-authority", "keygen", "--out", authority], check=True)
        return authority

    def _issue_licence(self, authority):
        issued = self.directory / "license"
        words = ["--holder", "Tests", "--features", "all", "--expires", "2099-12-31", "--out", issued]
        subprocess.run([BINARY, "license-authority", "issue", "--key", authority / "private.pem", *words], check=True)
        return issued.read_text()

    def _wait_for(self, ready):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if ready.exists():
                return json.loads(ready.read_text())
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"{BINARY} did not start:\n{self.log.read_text()}")

    def create_person(self, username, system_admin=False):
        wanted = {"username": username, "email": f"{username}@example.com", "system_admin": system_admin}
        status, made = self._ask_admin_socket("POST", "/api/v1/users", wanted)
        assert status == 201, (status, made)
        return Person(username, wanted["email"], made["api_key"])

    def create_organization(self, name, **roles):
        """An organization; `roles` says what each person is in it: `admin`, `member` or `viewer`."""
        self._create("organizations", {"name": name}, roles)

    def create_team(self, name, organization="default", **roles):
        """A team of people of an organization; `roles` says what each is in it: `admin` or `member`."""
        self._create("teams", {"name": name, "organization": organization}, roles)

    def _create(self, kind, wanted, roles):
        status, made = self._ask_admin_socket("POST", f"/api/v1/{kind}", wanted)
        assert status == 201, (status, made)
        for username, role in roles.items():
            self.give_role(kind, wanted["name"], username, role)

    def give_role(self, kind, name, username, role):
        """Makes a person something in one of the `organizations` or `teams`."""
        status, made = self._ask_admin_socket("PUT", f"/api/v1/{kind}/{name}/members/{username}", {"role": role})
        assert status == 200, (status, made)

    def _ask_admin_socket(self, method, path, body):
        connection = http.client.HTTPConnection("admin")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.data / "admin.sock"))
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def client_environment(home, url, api_key):
    """The variables of a client that knows one server and one key, and finds no settings of whoever runs the tests."""
    (home / "config").mkdir(exist_ok=True)  # the oldest client does not make it
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    own = {"HOME": home, "WANDB_DIR": home, "WANDB_CACHE_DIR": home / "cache", "WANDB_CONFIG_DIR": home / "config"}
    own |= {"WANDB_DATA_DIR": home / "data", "WANDB_BASE_URL": url, "WANDB_API_KEY": api_key}
    own |= {"WANDB_ARTIFACT_DIR": home / "artifacts"}
    own |= {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": FOR_SCRIPTS, "PYTHONFAULTHANDLER": "1"}
    return {**inherited, **QUIET_CLIENT, **{name: str(value) for name, value in own.items()}}


def files_below(directory):
    """The bytes of every file below a directory, by its path in there."""
    paths = [path for path in Path(directory).rglob("*") if path.is_file()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def wait_until(look, seconds=40):
    """What `look` answers as soon as it is something; for what the client does in its own time, such as a heartbeat."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"nothing was seen within {seconds} s"
        time.sleep(0.1)
    return seen


def last_lines(path):
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([f"-- {path}, the last of {len(lines)} lines:", *lines[-LOG_LINES:]])


def what_it_does(process):
    """A process as `ps` shows it: with little CPU time and many others running, it has waited for its turn."""
    columns = "pid,ppid,stat,etime,time,wchan:20,args"
    return subprocess.run(["ps", "-ww", "-o", columns, "-p", str(process)], capture_output=True, text=True).stdout


class Process:
    """A client process in a directory of its own. What it prints and reads are lines."""

    def __init__(self, arguments, directory, environment, server_log=None):
        self.directory = directory
        self._server_log = server_log
        self._mark = f"{MARK}={uuid.uuid4().hex}"
        self.output = ""
        self.hung = []
        self.exit_code = None
        # A session of its own, so that whatever it leaves behind can be ended with it.
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=directory,
            env=environment | dict([self._mark.split("=")]),
            # A shell starts background jobs deaf to Ctrl-C, and children stay so: a script must hear it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            text=True,
            encoding="utf-8",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        # Takes note of its end at once. The service of the oldest client, which holds our pipe, ends when it sees that
        # no process has the script's id; a zombie still has it, and stays one while we read the pipe to its end.
        threading.Thread(target=self._process.wait, daemon=True).start()

    def wait_for_line(self, wanted):
        """Reads on until a line is exactly `wanted`."""
        limit = threading.Timer(SCRIPT_SECONDS, self._abort)
        limit.start()
        try:
            for line in self._process.stdout:
                self.output += line
                if line.strip() == wanted:
                    return
        finally:
            limit.cancel()
        raise AssertionError(f"`{wanted}` was never printed:\n{self._story()}")

    def say(self, line=""):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def interrupt(self):
        """What Ctrl-C does to the script itself."""
        os.kill(self._process.pid, signal.SIGINT)

    def wait(self, expect=0):
        """Waits for the end, and fails unless the exit code is `expect`: a number, `None` for anything but 0, or `ANY`."""
        try:
            rest, _ = self._process.communicate(timeout=SCRIPT_SECONDS)
        except subprocess.TimeoutExpired:
            self._abort()
            self.end()
            raise AssertionError(f"the script did not end within {SCRIPT_SECONDS} s:\n{self._story()}") from None
        self.output += rest
        self.exit_code = self._process.returncode
        as_expected = expect is ANY or (self.exit_code != 0 if expect is None else self.exit_code == expect)
        assert as_expected, f"exit code {self.exit_code}, expected {expect}:\n{self.output}"
        return self

    def end(self):
        """Ends the process and everything in its session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        # The oldest client has a process in another session, which keeps the pipe open until it has given up.
        with contextlib.suppress(subprocess.TimeoutExpired):
            rest, _ = self._process.communicate(timeout=END_SECONDS)
            self.output += rest

    def _abort(self):
        """Makes the script, and then each process that it started, print where its threads are, and end."""
        for process in self.family():
            self.hung.append(what_it_does(process))
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGABRT)
            deadline = time.monotonic() + 1
            while process in self.family() and time.monotonic() < deadline:
                time.sleep(0.02)

    def family(self):
        """The script and what it started, oldest first, as far as the system tells the environment of processes."""
        found = []
        for environment in Path("/proc").glob("[0-9]*/environ"):
            # Another user's process, or one that has just ended.
            with contextlib.suppress(OSError):
                if self._mark.encode() in environment.read_bytes().split(b"\0"):
                    found.append(int(environment.parent.name))
        return sorted(found)

    def _story(self):
        """What the client printed, what hung, and the ends of what client and server have written down."""
        load = f"load {os.getloadavg()} on {os.cpu_count()} processors"
        logs = [path for path in sorted(self.directory.rglob("debug*.log")) if not path.is_symlink()]
        logs = [last_lines(path) for path in [*logs, *filter(None, [self._server_log])]]
        return "\n".join([self.output, *self.hung, load, *logs])

    def reported(self):
        """The last line of the output as JSON: how a script hands values to its test."""
        return json.loads(self.output.strip().splitlines()[-1])


class Client:
    """Runs scripts and commands of the installed client as one person, below one directory."""

    def __init__(self, directory, url, person, server_log=None):
        """With `server_log`, its end is shown beside a script that hangs."""
        self.directory = directory
        self.url = url
        self.server_log = server_log
        self.person = person
        self._processes = []

    def start(self, code, directory=None, **environment):
        """Starts a script. `wandb`, `os`, `sys` and `json` are imported for it."""
        directory = directory or self.new_directory()
        (directory / "script.py").write_text("import json, os, sys\nimport wandb\n" + textwrap.dedent(code), encoding="utf-8")
        return self._launch(["script.py"], directory, environment)

    def run(self, code, directory=None, expect=0, **environment):
        return self.start(code, directory, **environment).wait(expect)

    def command(self, *arguments, directory=None, expect=0, **environment):
        """`wandb ARGUMENTS…` on the command line."""
        return self.start_command(*arguments, directory=directory, **environment).wait(expect)

    def start_command(self, *arguments, directory=None, **environment):
        arguments = ["-m", "wandb", *map(str, arguments)]
        return self._launch(arguments, directory or self.new_directory(), environment)

    def new_directory(self):
        return Path(tempfile.mkdtemp(dir=self.directory))

    def _launch(self, arguments, directory, environment):
        given = client_environment(directory, self.url, self.person.api_key) | environment
        environment = {name: value for name, value in given.items() if value is not None}
        process = Process(arguments, directory, environment, self.server_log)
        self._processes.append(process)
        return process

    def end_all(self):
        for process in self._processes:
            if process.exit_code is None:
                process.end()
