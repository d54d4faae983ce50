"""Messages to people by Apprise: mail, chat, webhooks; the only module that knows it."""

from __future__ import annotations

import logging

import apprise

# It would tell addresses, which may hold a token.
logging.getLogger("apprise").setLevel(logging.CRITICAL)


def send(url: str, title: str, body: str) -> bool:
    """Send one message to an Apprise URL and tell whether its server took it; every trouble is a no.

    A server that does not answer is given up after a few seconds.
    """
    channel = apprise.Apprise()
    return bool(
        channel.add(url) and channel.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT)
    )
