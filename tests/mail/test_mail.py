"""Mails through a real mail server (aiosmtpd): encrypted in both ways, with and without a login, and what goes wrong.

`weighhouse mail test` sends, with the directory not served: what is tried here is the way to the mail server.
"""

import os
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("WEIGHHOUSE_BINARY", REPOSITORY / "target/debug/weighhouse"))
USER, PASSWORD = "weighhouse", "a-password-for-mail"


class Kept:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.rcpt_tos, envelope.content.decode(), session.ssl is not None))
        return "250 2.0.0 taken as number %d" % len(self.mails)


def authenticate(server, session, envelope, mechanism, auth_data):
    is_right = (auth_data.login, auth_data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


class OnFreePort(Controller):
    """Told to listen on port 0, a controller looks for its server there too."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    authority = trustme.CA()
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    authority.file = file
    return authority


@pytest.fixture
def mail_server(authority):
    """Starts mail servers: `security` as the settings name it, with a login if `login` is set."""
    running = []

    def start(security, login=False):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        options = {"authenticator": authenticate, "auth_required": True} if login else {}
        if security == "tls":
            options |= {"ssl_context": context, "auth_require_tls": False}
        elif security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        kept = Kept()
        controller = OnFreePort(kept, hostname="127.0.0.1", port=0, **options)
        controller.start()
        running.append(controller)
        kept.port = controller.port
        return kept

    yield start
    for controller in running:
        controller.stop()


@pytest.fixture
def send(tmp_path, authority):
    """Sends a test mail with these settings; returns how the command ended."""
    made = ["user", "create", "--username", "ada", "--email", "ada@example.com"]
    subprocess.run([BINARY, *made, "--data-dir", tmp_path / "data"], check=True, capture_output=True)

    def run(port, security, login=None, trusted=True):
        settings = {
            "SERVER__PUBLIC_URL": "https://w.example",
            "MAIL__HOST": "127.0.0.1",
            "MAIL__PORT": str(port),
            "MAIL__SECURITY": security,
            "MAIL__FROM": "Weighhouse <weighhouse@example.com>",
            "MAIL__TIMEOUT_SECS": "10",
        }
        if trusted:
            settings["MAIL__CA_FILE"] = str(authority.file)
        if login:
            file = tmp_path / "password"
            file.write_text(login[1] + "\n")
            settings |= {"MAIL__USER": login[0], "MAIL__PASSWORD_FILE": str(file)}
        environment = {**os.environ, **{f"WEIGHHOUSE__{name}": value for name, value in settings.items()}}
        command = [BINARY, "mail", "test", "--to", "grace@example.com", "--data-dir", tmp_path / "data"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    return run


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_mail_arrives_encrypted_as_the_settings_say(mail_server, send, security):
    kept = mail_server(security)

    sent = send(kept.port, security)

    assert (sent.returncode, sent.stdout) == (0, "250 2.0.0 taken as number 1\n"), sent.stderr
    (receivers, text, is_encrypted) = kept.mails[0]
    assert receivers == ["grace@example.com"]
    assert is_encrypted == (security == "starttls") or security == "tls"
    assert "From: Weighhouse <weighhouse@example.com>" in text and "https://w.example" in text


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_wants_a_login_gets_it(mail_server, send, security):
    kept = mail_server(security, login=True)

    assert send(kept.port, security, login=(USER, PASSWORD)).returncode == 0
    refused = send(kept.port, security, login=(USER, "another-password"))

    assert refused.returncode == 1 and "535" in refused.stderr, refused.stderr
    assert "another-password" not in refused.stderr
    assert len(kept.mails) == 1


def test_nothing_is_said_in_clear_to_a_server_that_does_not_encrypt(mail_server, send):
    kept = mail_server("none")

    refused = send(kept.port, "starttls", login=(USER, PASSWORD))

    assert refused.returncode == 1 and "STARTTLS" in refused.stderr.upper(), refused.stderr
    assert kept.mails == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_whose_certificate_nobody_vouches_for_is_refused(mail_server, send, security):
    kept = mail_server(security)

    refused = send(kept.port, security, trusted=False)

    assert refused.returncode == 1 and "certificate" in refused.stderr.lower(), refused.stderr
    assert kept.mails == []


def test_a_server_that_is_not_there_is_named_by_what_happened(send):
    refused = send(1, "none")

    assert refused.returncode == 1 and "refused" in refused.stderr.lower(), refused.stderr
