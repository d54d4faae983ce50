"""SFTP version 3, the writing half: one file into a folder, whole under its name or not there at all.

It is written under a hidden temporary name, always the same one for a name, so that what a broken line leaves is written
over the next time; then it is renamed. Protocol: draft-ietf-secsh-filexfer-02, and OpenSSH's extensions
`posix-rename@openssh.com` and `fsync@openssh.com` where the server has them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from sis_assets.transport.sftp_protocol import NO_SUCH_FILE, Session, handle_of, refusal_of, string

_OPEN, _CLOSE, _WRITE, _REMOVE, _RENAME, _EXTENDED = 3, 4, 6, 13, 18, 200
_WRITE_CREATE_TRUNCATE = 0x02 | 0x08 | 0x10
_OK: Final = 0
_CHUNK: Final = 32 * 1024  # every server takes this much at once
_POSIX_RENAME, _FSYNC = b"posix-rename@openssh.com", b"fsync@openssh.com"


def put(session: Session, folder: bytes, name: bytes, chunks: Iterable[bytes]) -> None:
    """Write `chunks` as the file `name` of the folder, over an older one. Raises Refused, Garbled, TooSlow.

    Without OpenSSH's extension an older file is removed first: then nothing has the name for a moment.
    """
    temporary, target = folder + b"/." + name + b".part", folder + b"/" + name
    handle = handle_of(*session.ask(_OPEN, string(temporary) + struct.pack(">II", _WRITE_CREATE_TRUNCATE, 0)))
    offset = 0
    for chunk in chunks:
        for start in range(0, len(chunk), _CHUNK):
            part = chunk[start : start + _CHUNK]
            _done(session, _WRITE, string(handle) + struct.pack(">Q", offset) + string(part))
            offset += len(part)
    if _FSYNC in session.extensions:
        _done(session, _EXTENDED, string(_FSYNC) + string(handle))
    _done(session, _CLOSE, string(handle))
    if _POSIX_RENAME in session.extensions:
        _done(session, _EXTENDED, string(_POSIX_RENAME) + string(temporary) + string(target))
    else:
        _done(session, _REMOVE, string(target), or_else=NO_SUCH_FILE)
        _done(session, _RENAME, string(temporary) + string(target))


def _done(session: Session, kind: int, payload: bytes, *, or_else: int = _OK) -> None:
    answer = refusal_of(*session.ask(kind, payload))
    if answer.code not in {_OK, or_else}:
        raise answer
