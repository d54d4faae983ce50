"""The provider in a process of its own, so that its CPU and its client's are told apart."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from sis_assets.sandbox.child_process import ServerProcess, server_process


@dataclass(frozen=True, slots=True)
class SandboxProcess(ServerProcess):
    """A running provider: where it is, and what opens it. Its control API has POST settings, day and summer besides."""

    token_url: str
    client_id: str
    client_secret: str
    consumer_key: str
    consumer_secret: str


def sandbox_process(*options: str) -> AbstractContextManager[SandboxProcess]:
    """Run the provider in a child process while the block lasts.

    options  of the command line, such as "--users", "50000"

    Raises NoServer when it does not start; its own words are on stderr.
    """
    return server_process("sis_assets.sandbox.oneroster", options, SandboxProcess)
