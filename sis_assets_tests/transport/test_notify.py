"""Messages reach a real mail server and a real webhook on loopback, and a dead one is a plain no."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from sis_assets.transport.notify import send
from sis_assets_tests.webhooks import Webhook


class Mailbox:
    """A mail server's handler that keeps what it gets."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - its name
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture
def mailbox(free_port: int) -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port)
    controller.start()
    yield box
    controller.stop()


def test_a_mail_arrives_with_its_title_and_text(mailbox: Mailbox, free_port: int) -> None:
    url = f"mailto://127.0.0.1:{free_port}?from=sis-assets@example.org&to=ops@example.org&mode=insecure"
    assert send(
        url, "sis-assets: 2 districts need attention", "300 districts failing: a, b\nThe file is cut."
    )
    [mail] = mailbox.mails
    assert "2 districts need attention" in str(mail["subject"])
    parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    assert any(isinstance(part, bytes) and b"The file is cut." in part for part in parts)


def test_a_webhook_gets_title_and_text(webhook: Webhook) -> None:
    assert send(f"{webhook.url}/hook", "A title", "A text <b> & more")
    [told] = webhook.got
    assert (told["title"], told["message"]) == ("A title", "A text <b> & more")


def test_a_server_that_refuses_or_is_away_and_a_url_that_is_none_are_a_no(
    webhook: Webhook, free_port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    for url in (f"{webhook.url}/broken", f"json://127.0.0.1:{free_port}/", "nonsense", "nosuch://token@host"):
        assert not send(url, "A title", "A text")
    printed = capfd.readouterr()
    assert "token" not in printed.out + printed.err
