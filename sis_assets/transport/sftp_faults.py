"""What can go wrong with an SFTP drop, told as faults.

The line or the server failing passes, so it is transient. A refused credential, an unknown host key or a
server that speaks nothing we accept does not, so a person is needed. `tried` is always the caller's attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sis_assets.model.faults import Fault, Mover, NeedsPerson, TransientFault
from sis_assets.transport.sftp_address import HostKey, SftpAddress
from sis_assets.transport.sftp_protocol import NO_SUCH_FILE, PERMISSION_DENIED, Refused

_LATER = "It is tried again at the next sync; check the server if this lasts"


class Unreached(TransientFault):
    """The server could not be reached, or broke off before we said who we are."""


def unreached(tried: str, error: BaseException | None) -> Unreached:
    """Tell that nobody answered, or not as an SSH server."""
    seen = "the connection broke off before it was secured"
    if isinstance(error, TimeoutError):
        seen = "no answer in time"
    elif isinstance(error, ConnectionRefusedError):
        seen = "nothing listens there"
    return Unreached(tried=tried, seen=seen, todo=_LATER, mover=Mover.DISTRICT)


def unknown_host(tried: str) -> Unreached:
    """Tell that the name service knows no such host."""
    todo = "Check the host in the district file, and our name service"
    return Unreached(tried=tried, seen="the host name is not known", todo=todo, mover=Mover.ENGINEER)


def broken(tried: str, seen: str) -> TransientFault:
    """Tell that the line or the server failed after we had said who we are."""
    return TransientFault(tried=tried, seen=seen, todo=_LATER, mover=Mover.DISTRICT)


def refused(tried: str, answer: Refused) -> Fault:
    """Tell that the server answered a request with an error."""
    if answer.code != PERMISSION_DENIED:
        return broken(tried, f"the server answered with SFTP status {answer.code}")
    todo = "Let the account list the folder and read its files"
    seen = "the server does not let our account read it"
    return NeedsPerson(tried=tried, seen=seen, todo=todo, mover=Mover.DISTRICT)


def unwritable(tried: str, answer: Refused) -> Fault:
    """Tell that the server does not take a file."""
    if answer.code not in {PERMISSION_DENIED, NO_SUCH_FILE}:
        return broken(tried, f"the server answered with SFTP status {answer.code}")
    seen = "the server does not let our account write there, or has no such folder"
    todo = "Let the account write, replace and rename files in the folder, or correct it in the district file"
    return NeedsPerson(tried=tried, seen=seen, todo=todo, mover=Mover.DISTRICT)


def incompatible(tried: str, what: str, *, legacy: bool) -> NeedsPerson:
    """Tell that the server offers nothing we accept; `what` is the library's word for which algorithm."""
    hint = "" if legacy else "; if it can do no better than ssh-rsa, allow legacy_ssh_rsa for this district"
    seen = f"the server has no algorithm in common with us ({what})"
    return NeedsPerson(
        tried=tried, seen=seen, todo=f"Ask for a current SSH server{hint}", mover=Mover.DISTRICT
    )


def unpinned(tried: str) -> NeedsPerson:
    """Tell that what is pinned as a host key is none."""
    seen = "a pinned host key is not of the form 'ssh-ed25519 AAAA…'"
    todo = "Correct host_key in the district file"
    return NeedsPerson(tried=tried, seen=seen, todo=todo, mover=Mover.ENGINEER)


def other_host_key(tried: str, shown: HostKey, pinned: Sequence[HostKey]) -> NeedsPerson:
    """Tell that the server is not the one we know, or has a new key."""
    known = ", ".join(map(str, pinned)) or "none"
    seen = f"the server showed the host key {shown}; pinned: {known}"
    todo = "Confirm the server's key by another way and pin it; until then we do not log in"
    return NeedsPerson(tried=tried, seen=seen, todo=todo, mover=Mover.DISTRICT)


def bad_key_file(tried: str, path: Path, how: str) -> NeedsPerson:
    """Tell that our own private key cannot be used."""
    todo = "Correct the key file or its passphrase"
    return NeedsPerson(tried=tried, seen=f"our key file {path} {how}", todo=todo, mover=Mover.ENGINEER)


def no_entry(tried: str, address: SftpAddress) -> NeedsPerson:
    """Tell that the server does not accept our credentials."""
    seen = f"the server refused our {address.credentials} for {address.username}"
    todo = "Renew it on the server and in the district file"
    return NeedsPerson(tried=tried, seen=seen, todo=todo, mover=Mover.DISTRICT)
