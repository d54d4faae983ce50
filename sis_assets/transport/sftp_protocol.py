"""SFTP version 3: list one folder, read many files at once over one byte stream. The writing half is sftp_writing.

One thread drives everything. Requests of several files are under way at the same time, up to a bounded
number of files and bytes, and each reply is handled when it arrives: nothing polls and nothing sleeps, so
neither a long line nor many small files cost a round trip each. Protocol: draft-ietf-secsh-filexfer-02,
and OpenSSH's extension `limits@openssh.com` where the server has it.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

_INIT, _VERSION = 1, 2
_OPEN, _CLOSE, _READ, _FSTAT, _OPENDIR, _READDIR = 3, 4, 5, 8, 11, 12
_STATUS, _HANDLE, _DATA, _NAME, _ATTRS = 101, 102, 103, 104, 105
_EXTENDED, _EXTENDED_REPLY = 200, 201

END_OF_FILE: Final = 1
NO_SUCH_FILE: Final = 2
PERMISSION_DENIED: Final = 3

_LENGTH = struct.Struct(">I")
_PROTOCOL_VERSION = 3
_FOR_READING = 1
_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES, _HAS_EXTENDED = 0x1, 0x2, 0x4, 0x8, 0x80000000

_SAFE_READ = 32 * 1024  # every server can answer this much in one reply
_LARGEST_READ = 255 * 1024  # what OpenSSH allows
_LARGEST_PACKET = 1024 * 1024  # no honest reply is longer
_FILES_UNDER_WAY = 32
BYTES_UNDER_WAY: Final = 4 * 1024 * 1024


class Stream(Protocol):
    """What a session talks through: an SSH channel."""

    def recv(self, nbytes: int, /) -> bytes:
        """Return up to `nbytes`, b"" at the end. Raises TimeoutError."""

    def sendall(self, data: bytes, /) -> object:
        """Send all of `data`. Raises TimeoutError or OSError."""


class Refused(Exception):
    """The server answered a request with an error; `code` is the protocol's."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"SFTP status {code}")


class Garbled(Exception):
    """The server broke the protocol."""


class Changed(Exception):
    """The file at `index` was not, while it was read, what it was when it was listed."""

    def __init__(self, index: int, how: str) -> None:
        self.index = index
        self.how = how
        super().__init__(how)


class TooMany(Exception):
    """The folder holds more entries than asked for."""


class TooSlow(Exception):
    """Answers came, but not all within the time that was given."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the server says of one entry; None where it says nothing. `mtime` in whole seconds, UTC."""

    size: int | None = None
    mode: int | None = None
    mtime: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a folder. `longname` is the server's `ls -l` line, of no fixed form."""

    name: bytes
    longname: bytes
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file to read, with size and time as they were listed."""

    path: bytes
    size: int
    mtime: int | None


class Session:
    """One SFTP session, for one thread. After an exception it is of no further use."""

    def __init__(self, stream: Stream) -> None:
        """Agree on the protocol version, and ask for the server's limits where it has that extension."""
        self._stream = stream
        self._received = bytearray()
        self._outgoing = bytearray()
        self._number = 0
        self._end = float("inf")
        self.largest_read = _SAFE_READ
        self._outgoing += struct.pack(">IBI", 5, _INIT, _PROTOCOL_VERSION)
        kind, body = self._packets()[0]
        if kind != _VERSION:
            raise Garbled("no SFTP version came")
        version = _Fields(body)
        if version.number() != _PROTOCOL_VERSION:
            raise Garbled("another SFTP version came")
        self.extensions = frozenset(version.strings())
        if b"limits@openssh.com" in self.extensions:
            kind, limits = self.ask(_EXTENDED, string(b"limits@openssh.com"))
            if kind == _EXTENDED_REPLY:
                _packet, largest_read = limits.long(), limits.long()
                self.largest_read = min(largest_read, _LARGEST_READ) or _SAFE_READ

    def finish_within(self, seconds: float) -> None:
        """Give all that follows so many seconds together; then it raises TooSlow."""
        self._end = time.monotonic() + seconds

    def listing(self, path: bytes, *, most: int) -> list[Listed]:
        """Return the entries of a folder without `.` and `..`. Raises Refused, TooMany, Garbled, TooSlow."""
        kind, reply = self.ask(_OPENDIR, string(path))
        handle = handle_of(kind, reply)
        found: list[Listed] = []
        while True:
            kind, reply = self.ask(_READDIR, string(handle))
            if kind != _NAME:
                if (refused := refusal_of(kind, reply)).code == END_OF_FILE:
                    break
                raise refused
            found += (entry for entry in reply.names() if entry.name not in {b".", b".."})
            if len(found) > most:
                raise TooMany
        self.ask(_CLOSE, string(handle))
        return found

    def read(self, files: Sequence[Wanted]) -> Iterator[tuple[int, memoryview]]:
        """Yield (index, bytes) of all `files`: each one's bytes in order, several files interleaved.

        An empty chunk ends a file. It comes after the last byte, once the open handle has shown the listed
        size and time before and after. Raises Changed when a file is gone or was touched since it was listed;
        Refused, Garbled, TooSlow.
        """
        return _Reading(self, files).chunks()

    def request(self, kind: int, payload: bytes) -> int:
        """Queue one request and return its number; it leaves with the next `replies`."""
        self._number = (self._number + 1) & 0xFFFFFFFF
        self._outgoing += struct.pack(">IBI", len(payload) + 5, kind, self._number) + payload
        return self._number

    def replies(self) -> Iterator[tuple[int, int, _Fields]]:
        """Send what is queued, wait for replies, and yield them as (number, kind, fields)."""
        for kind, body in self._packets():
            fields = _Fields(body)
            yield fields.number(), kind, fields

    def ask(self, kind: int, payload: bytes) -> tuple[int, _Fields]:
        """Send one request and return the kind and the fields of its reply. Raises Garbled, TooSlow."""
        number = self.request(kind, payload)
        answered, *others = self.replies()
        if others or answered[0] != number:
            raise Garbled("a reply to no request came")
        return answered[1], answered[2]

    def _packets(self) -> list[tuple[int, memoryview]]:
        if self._outgoing:
            self._stream.sendall(bytes(self._outgoing))
            self._outgoing.clear()
        while not (packets := self._whole_packets()):
            if time.monotonic() > self._end:
                raise TooSlow
            data = self._stream.recv(BYTES_UNDER_WAY)
            if not data:
                raise EOFError("the server closed the SFTP session")
            self._received += data
        return packets

    def _whole_packets(self) -> list[tuple[int, memoryview]]:
        start = 0
        spans = []
        while len(self._received) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._received, start)
            if not 1 <= length <= _LARGEST_PACKET:
                raise Garbled("a packet of an impossible length came")
            begin, end = start + _LENGTH.size, start + _LENGTH.size + length
            if end > len(self._received):
                break
            spans.append((begin, end))
            start = end
        if not spans:
            return []
        with memoryview(self._received) as view:
            whole = memoryview(bytes(view[:start]))
        del self._received[:start]
        return [(whole[begin], whole[begin + 1 : end]) for begin, end in spans]


@dataclass(slots=True)
class _File:
    """One file under way: bytes `asked` for, bytes `delivered`, and chunks that came `early`, by offset."""

    index: int
    wanted: Wanted
    handle: bytes = b""
    asked: int = 0
    delivered: int = 0
    early: dict[int, memoryview] = field(default_factory=dict)


_Chunks = Iterator[tuple[int, memoryview]]


class _Reading:
    """Many files under way: which replies are expected, and what to do with each."""

    def __init__(self, session: Session, files: Sequence[Wanted]) -> None:
        self._session = session
        self._waiting = deque(_File(index, wanted) for index, wanted in enumerate(files))
        self._unasked: deque[_File] = deque()
        self._then: dict[int, Callable[[int, _Fields], _Chunks]] = {}
        self._open = 0
        self._bytes = 0

    def chunks(self) -> _Chunks:
        while True:
            self._ask_for_more()
            if not self._then:
                return
            for number, kind, reply in self._session.replies():
                then = self._then.pop(number, None)
                if then is None:
                    raise Garbled("a reply to no request came")
                yield from then(kind, reply)

    def _ask_for_more(self) -> None:
        while self._waiting and self._open < _FILES_UNDER_WAY:
            file = self._waiting.popleft()
            self._open += 1
            payload = string(file.wanted.path) + struct.pack(">II", _FOR_READING, 0)
            self._request(_OPEN, payload, partial(self._opened, file))
        while self._unasked and self._bytes < BYTES_UNDER_WAY:
            file = self._unasked[0]
            length = min(self._session.largest_read, file.wanted.size - file.asked)
            self._ask_for(file, file.asked, length)
            file.asked += length
            if file.asked == file.wanted.size:
                self._unasked.popleft()

    def _ask_for(self, file: _File, offset: int, length: int) -> None:
        self._bytes += length
        payload = string(file.handle) + struct.pack(">QI", offset, length)
        self._request(_READ, payload, partial(self._arrived, file, offset, length))

    def _request(self, kind: int, payload: bytes, then: Callable[[int, _Fields], _Chunks]) -> None:
        self._then[self._session.request(kind, payload)] = then

    def _opened(self, file: _File, kind: int, reply: _Fields) -> _Chunks:
        try:
            file.handle = handle_of(kind, reply)
        except Refused as refused:
            if refused.code == NO_SUCH_FILE:
                raise Changed(file.index, "it was removed or renamed") from None
            raise
        self._request(_FSTAT, string(file.handle), partial(self._compared, file))
        if file.wanted.size:
            self._unasked.append(file)
        else:
            self._finish(file)
        return iter(())

    def _arrived(self, file: _File, offset: int, length: int, kind: int, reply: _Fields) -> _Chunks:
        if kind != _DATA:
            if (refused := refusal_of(kind, reply)).code == END_OF_FILE:
                raise Changed(file.index, "it became shorter")
            raise refused
        chunk = reply.string()
        if not 1 <= len(chunk) <= length:
            raise Garbled("more or less data came than was asked for")
        self._bytes -= length
        if len(chunk) < length:  # a server may answer with less than asked: the rest is asked for again
            self._ask_for(file, offset + len(chunk), length - len(chunk))
        file.early[offset] = chunk
        while ready := file.early.pop(file.delivered, None):
            file.delivered += len(ready)
            yield file.index, ready
        if file.delivered == file.wanted.size:
            self._finish(file)

    def _finish(self, file: _File) -> None:
        self._request(_FSTAT, string(file.handle), partial(self._compared, file))
        self._request(_CLOSE, string(file.handle), partial(self._closed, file))

    def _compared(self, file: _File, kind: int, reply: _Fields) -> _Chunks:
        if kind != _ATTRS:
            raise refusal_of(kind, reply)
        now = reply.attributes()
        if now.size is not None and now.size != file.wanted.size:
            raise Changed(file.index, "its size changed")
        if None not in {now.mtime, file.wanted.mtime} and now.mtime != file.wanted.mtime:
            raise Changed(file.index, "its time changed")
        return iter(())

    def _closed(self, file: _File, _kind: int, _reply: _Fields) -> _Chunks:
        self._open -= 1
        yield file.index, memoryview(b"")


class _Fields:
    """The fields of one packet, read one after the other. Raises Garbled past its end."""

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._at = 0

    def number(self) -> int:
        return self._unpack(">I", 4)

    def long(self) -> int:
        return self._unpack(">Q", 8)

    def string(self) -> memoryview:
        length = self.number()
        start, self._at = self._at, self._at + length
        if self._at > len(self._body):
            raise Garbled("a packet ended too early")
        return self._body[start : self._at]

    def strings(self) -> list[bytes]:
        """All the strings that are left."""
        found = []
        while self._at < len(self._body):
            found.append(bytes(self.string()))
        return found

    def attributes(self) -> Attributes:
        flags = self.number()
        size = self.long() if flags & _HAS_SIZE else None
        if flags & _HAS_OWNER:
            _user, _group = self.number(), self.number()
        mode = self.number() if flags & _HAS_MODE else None
        _accessed, mtime = (self.number(), self.number()) if flags & _HAS_TIMES else (None, None)
        if flags & _HAS_EXTENDED:
            for _ in range(2 * self.number()):
                self.string()
        return Attributes(size, mode, mtime)

    def names(self) -> Iterator[Listed]:
        for _ in range(self.number()):
            yield Listed(bytes(self.string()), bytes(self.string()), self.attributes())

    def _unpack(self, form: str, width: int) -> int:
        start, self._at = self._at, self._at + width
        if self._at > len(self._body):
            raise Garbled("a packet ended too early")
        value: int = struct.unpack_from(form, self._body, start)[0]
        return value


def string(value: bytes) -> bytes:
    """Return a text as the protocol writes it."""
    return struct.pack(">I", len(value)) + value


def handle_of(kind: int, reply: _Fields) -> bytes:
    """Return the handle of an opened file or folder. Raises Refused, Garbled."""
    if kind != _HANDLE:
        raise refusal_of(kind, reply)
    return bytes(reply.string())


def refusal_of(kind: int, reply: _Fields) -> Refused:
    """Return what a status says. Raises Garbled for another reply."""
    if kind != _STATUS:
        raise Garbled("a reply of the wrong kind came")
    return Refused(reply.number())
