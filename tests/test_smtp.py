"""Mails on the wire: a real server on the loopback, in good and bad moods, and files when there is none."""

import email
import email.policy
import os
import socket
import threading
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from config import Settings
from gateways import smtp
from gateways.smtp import FileTransport, PermanentFailure, SmtpTransport, TemporaryFailure
from tests.support.server import free_port


def a_mail(to="alice@acme.example", subject="Une réponse"):
    mail = EmailMessage()
    mail["From"] = "Assistance <support@initech.example>"
    mail["To"] = to
    mail["Subject"] = subject
    mail["Message-ID"] = "<guichet.1@support.initech.example>"
    mail["X-Guichet-Mail"] = "reply"
    mail.set_content("Voilà.\n", cte="quoted-printable")
    mail.add_alternative("<p>Voilà.</p>", subtype="html", cte="quoted-printable")
    return mail


class Moods:
    """A server that answers as it is told, and keeps what it takes."""

    def __init__(self):
        self.mails, self.connections, self.recipients = [], 0, []
        self.on_rcpt, self.on_data, self.on_mail = None, None, None

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.on_mail:
            return self.on_mail
        envelope.mail_from = address
        return "250 ok"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.on_rcpt:
            return self.on_rcpt
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        if self.on_data == "hang up":
            session.transport = None
            server.transport.close()
            return "421 gone"
        if self.on_data:
            return self.on_data
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        self.recipients += envelope.rcpt_tos
        return "250 kept"


@pytest.fixture
def moody():
    handler = Moods()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    handler.url = f"smtp://127.0.0.1:{controller.port}"
    yield handler
    controller.stop()


def test_a_mail_arrives_whole(moody):
    transport = SmtpTransport(moody.url)
    transport.send(a_mail())
    transport.close()
    (mail,) = moody.mails
    assert moody.recipients == ["alice@acme.example"]
    assert mail["Subject"] == "Une réponse"
    assert mail["Message-ID"] == "<guichet.1@support.initech.example>"
    assert mail.get_body(("plain",)).get_content().strip() == "Voilà."
    assert mail.get_body(("html",)).get_content().strip() == "<p>Voilà.</p>"


def test_a_batch_shares_one_connection(moody):
    transport = SmtpTransport(moody.url)
    for number in range(5):
        transport.send(a_mail(subject=str(number)))
    transport.close()
    assert [mail["Subject"] for mail in moody.mails] == ["0", "1", "2", "3", "4"]
    assert moody.connections == 1


def test_a_connection_that_was_cut_between_two_mails_is_opened_again(moody):
    transport = SmtpTransport(moody.url)
    transport.send(a_mail())
    transport._client.sock.shutdown(socket.SHUT_RDWR)
    transport.send(a_mail())
    transport.close()
    assert len(moody.mails) == 2


@pytest.mark.parametrize("step", ["on_rcpt", "on_data"])
@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ("450 mailbox busy", TemporaryFailure),
        ("452 mailbox full", TemporaryFailure),
        ("550 no such person", PermanentFailure),
        ("554 not this", PermanentFailure),
    ],
)
def test_a_refusal_is_for_now_or_for_good_by_its_number(moody, step, answer, failure):
    setattr(moody, step, answer)
    transport = SmtpTransport(moody.url)
    with pytest.raises(failure) as refusal:
        transport.send(a_mail())
    assert answer[:3] in str(refusal.value)
    assert not getattr(refusal.value, "whole_server", False), "the next mail may well be taken"
    setattr(moody, step, None)
    transport.send(a_mail())
    transport.close()
    assert len(moody.mails) == 1


def test_a_server_that_refuses_the_sender_keeps_all_mails_waiting(moody):
    moody.on_mail = "550 not from you"
    with pytest.raises(TemporaryFailure) as refusal:
        SmtpTransport(moody.url).send(a_mail())
    assert refusal.value.whole_server


def test_a_server_that_hangs_up_after_the_text_leaves_the_mail_for_later(moody):
    moody.on_data = "hang up"
    with pytest.raises(TemporaryFailure) as refusal:
        SmtpTransport(moody.url).send(a_mail())
    assert refusal.value.whole_server


def test_no_server_at_the_address_is_for_now():
    with pytest.raises(TemporaryFailure) as refusal:
        SmtpTransport(f"smtp://127.0.0.1:{free_port()}").send(a_mail())
    assert refusal.value.whole_server


def test_a_server_that_says_nothing_is_left_after_the_time_out():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(TemporaryFailure) as refusal:
            SmtpTransport(f"smtp://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2).send(a_mail())
    assert refusal.value.whole_server


def test_a_server_that_falls_silent_after_the_text_is_left_after_the_time_out():
    def serve(listener):
        client, _address = listener.accept()
        with client:
            client.sendall(b"220 hello\r\n")
            for answer in (b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                client.recv(4096)
                client.sendall(answer)
            client.recv(65536)
            done.wait(5)

    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        with pytest.raises(TemporaryFailure):
            SmtpTransport(f"smtp://127.0.0.1:{listener.getsockname()[1]}", timeout=0.3).send(a_mail())
        done.set()
        thread.join()


@pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")
def test_user_and_password_are_taken_from_the_address():
    seen = []

    def authenticate(server, session, envelope, mechanism, data):
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss word", handled=False)

    handler = Moods()
    controller = Controller(
        handler, hostname="127.0.0.1", port=free_port(), authenticator=authenticate,
        auth_required=True, auth_require_tls=False,
    )  # fmt: skip
    controller.start()
    try:
        transport = SmtpTransport(f"smtp://us%40er:p%40ss%20word@127.0.0.1:{controller.port}")
        transport.send(a_mail())
        transport.close()
        assert seen[0] == (b"us@er", b"p@ss word")
        assert len(handler.mails) == 1
        with pytest.raises(TemporaryFailure) as refusal:
            SmtpTransport(f"smtp://us%40er:wrong@127.0.0.1:{controller.port}").send(a_mail())
        assert refusal.value.whole_server, "a wrong password throws no mail away"
        assert "wrong" not in str(refusal.value)
    finally:
        controller.stop()


def test_a_server_without_encryption_gets_no_password_when_encryption_was_asked(moody):
    url = moody.url.replace("smtp://", "smtp+starttls://user:secret@")
    with pytest.raises(TemporaryFailure) as refusal:
        SmtpTransport(url).send(a_mail())
    assert refusal.value.whole_server
    assert moody.mails == []


def test_an_encrypted_server_with_a_certificate_nobody_knows_is_refused(tmp_path):
    import ssl
    import subprocess

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    handler = Moods()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), tls_context=context)
    controller.start()
    try:
        with pytest.raises(TemporaryFailure) as refusal:
            SmtpTransport(f"smtp+starttls://127.0.0.1:{controller.port}").send(a_mail())
        assert "certificate" in str(refusal.value).lower()
        assert handler.mails == []
    finally:
        controller.stop()


@pytest.mark.parametrize("url", ["http://127.0.0.1", "smtp://", "smtp+tls://host", ""])
def test_another_kind_of_address_is_refused(url):
    with pytest.raises(ValueError, match="SMTP_URL"):
        SmtpTransport(url)


# ---- Files -----------------------------------------------------------------------------------------------


def test_a_mail_without_server_is_a_file_that_only_its_owner_reads(tmp_path):
    transport = FileTransport(tmp_path / "mail")
    transport.send(a_mail())
    transport.close()
    (path,) = (tmp_path / "mail").iterdir()
    assert path.name.endswith("-reply-alice@acme.example.eml")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert mail["Subject"] == "Une réponse"
    assert mail.get_body(("plain",)).get_content().strip() == "Voilà."


def test_files_sort_in_the_order_of_the_mails(tmp_path):
    transport = FileTransport(tmp_path)
    for number in range(20):
        transport.send(a_mail(subject=str(number)))
    subjects = [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)["Subject"]
        for path in sorted(tmp_path.iterdir())
    ]
    assert subjects == [str(number) for number in range(20)]


def test_no_address_leads_a_file_out_of_its_folder(tmp_path):
    folder = tmp_path / "mail"
    transport = FileTransport(folder)
    mail = a_mail()
    mail.replace_header("To", '"../../etc/x y"@acme.example')
    mail.replace_header("X-Guichet-Mail", "../reply")
    transport.send(mail)
    assert len(list(folder.iterdir())) == 1
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_cannot_be_written_keeps_the_mails_waiting(tmp_path):
    (tmp_path / "mail").write_text("a file in the way")
    with pytest.raises(TemporaryFailure) as refusal:
        FileTransport(tmp_path / "mail").send(a_mail())
    assert refusal.value.whole_server


def test_a_full_disk_leaves_no_half_a_mail(tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TemporaryFailure):
        FileTransport(tmp_path).send(a_mail())
    assert list(tmp_path.iterdir()) == []


def test_the_operator_chooses_between_server_and_files(tmp_path):
    common = {"data_dir": tmp_path, "database_url": "sqlite://", "base_url": "http://x", "secret_key": "k"}
    assert isinstance(smtp.open_transport(Settings(**common)), FileTransport)
    assert isinstance(smtp.open_transport(Settings(**common, smtp_url="smtp://127.0.0.1:25")), SmtpTransport)
