"""The protocol against peers that use their freedom: short answers, any order, any cut."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sis_assets.transport.sftp_protocol import (
    Attributes,
    Changed,
    Garbled,
    Listed,
    Refused,
    Session,
    TooMany,
    TooSlow,
    Wanted,
)


def string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def packet(kind: int, body: bytes) -> bytes:
    return struct.pack(">IB", len(body) + 1, kind) + body


@dataclass
class Peer:
    """An SFTP server in memory, written from the draft: it answers what is asked, but as it likes."""

    files: dict[bytes, bytes]
    random: random.Random
    extensions: bytes = b""
    most: int = 10**9  # bytes in one answer
    _asked: bytes = b""
    _answers: bytes = b""
    _handles: dict[bytes, bytes] = field(default_factory=dict)
    _closed: int = 0
    _listed: bool = False
    open_at_once: int = 0

    def sendall(self, data: bytes) -> None:
        self._asked += data
        answers = []
        while len(self._asked) >= 4:
            (length,) = struct.unpack_from(">I", self._asked)
            if len(self._asked) < 4 + length:
                break
            asked, self._asked = self._asked[4 : 4 + length], self._asked[4 + length :]
            answers.append(self._answer(asked[0], asked[1:]))
        self.random.shuffle(answers)
        self._answers += b"".join(answers)

    def recv(self, nbytes: int) -> bytes:
        take = self.random.randint(1, max(1, min(nbytes, len(self._answers))))
        data, self._answers = self._answers[:take], self._answers[take:]
        return data

    def _answer(self, kind: int, body: bytes) -> bytes:
        if kind == 1:
            return packet(2, struct.pack(">I", 3) + self.extensions)
        number, body = body[:4], body[4:]
        (length,) = struct.unpack_from(">I", body)
        kinds = {3: self._open, 4: self._close, 5: self._data, 8: self._fstat, 11: self._folder}
        answer = {**kinds, 12: self._names, 200: self._limits}[kind]
        code, reply = answer(body[4 : 4 + length], body[4 + length :])
        return packet(code, number + reply)

    def _limits(self, _what: bytes, _rest: bytes) -> tuple[int, bytes]:
        return 201, struct.pack(">QQQQ", 2**18, 100_000, 2**18, 99)

    def _open(self, path: bytes, _rest: bytes) -> tuple[int, bytes]:
        if path not in self.files:
            return status(2)
        handle = str(len(self._handles)).encode()
        self._handles[handle] = path
        self.open_at_once = max(self.open_at_once, len(self._handles) - self._closed)
        return 102, string(handle)

    def _close(self, _handle: bytes, _rest: bytes) -> tuple[int, bytes]:
        self._closed += 1
        return status(0)

    def _data(self, handle: bytes, rest: bytes) -> tuple[int, bytes]:
        offset, wanted = struct.unpack(">QI", rest)
        content = self.files[self._handles[handle]]
        data = content[offset : offset + min(wanted, self.random.randint(1, self.most))]
        return (103, string(data)) if data else status(1)

    def _fstat(self, handle: bytes, _rest: bytes) -> tuple[int, bytes]:
        return 105, struct.pack(">IQII", 1 | 8, len(self.files[self._handles[handle]]), 7, 7)

    def _folder(self, _path: bytes, _rest: bytes) -> tuple[int, bytes]:
        return 102, string(b"folder")

    def _names(self, _handle: bytes, _rest: bytes) -> tuple[int, bytes]:
        if self._listed:
            return status(1)
        self._listed = True
        names = [b".", b"..", *self.files]
        return 104, struct.pack(">I", len(names)) + b"".join(map(self._entry, names))

    def _entry(self, name: bytes) -> bytes:
        attributes = struct.pack(">IQIIIIII", 0xF | 0x80000000, 5, 1, 2, 0o100644, 7, 7, 1)
        return string(name) + string(b"-rw " + name) + attributes + string(b"k") + string(b"v")


def status(code: int) -> tuple[int, bytes]:
    return 101, struct.pack(">I", code) + string(b"words") + string(b"en")


def read(peer: Peer, wanted: Sequence[Wanted]) -> dict[int, bytes]:
    contents: dict[int, bytes] = {}
    ended = set()
    for index, chunk in Session(peer).read(wanted):
        assert index not in ended
        if chunk:
            contents[index] = contents.get(index, b"") + bytes(chunk)
        else:
            ended.add(index)
            contents.setdefault(index, b"")
    assert ended == set(range(len(wanted)))
    return contents


@given(
    sizes=st.lists(st.one_of(st.integers(0, 3), st.integers(0, 100_000)), max_size=60),
    most=st.sampled_from([1000, 30_000, 10**9]),
    seed=st.integers(0, 1000),
    limits=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_all_bytes_arrive_in_order_however_the_peer_answers(
    sizes: list[int], most: int, seed: int, limits: bool
) -> None:
    chance = random.Random(seed)
    files = {b"/drop/%d" % n: chance.randbytes(size) for n, size in enumerate(sizes)}
    extensions = string(b"limits@openssh.com") + string(b"1") if limits else b""
    peer = Peer(files, chance, extensions, most)
    wanted = [Wanted(path, len(content), 7) for path, content in files.items()]
    assert read(peer, wanted) == dict(enumerate(files.values()))


def test_a_server_is_not_asked_to_hold_many_files_open() -> None:
    files = {b"%d" % n: b"1234" for n in range(100)}
    peer = Peer(files, random.Random(1))
    read(peer, [Wanted(path, 4, 7) for path in files])
    assert 1 < peer.open_at_once <= 32


def test_the_servers_limit_for_one_answer_is_kept() -> None:
    extensions = string(b"other") + string(b"1") + string(b"limits@openssh.com") + string(b"1")
    assert Session(Peer({}, random.Random(1), extensions)).largest_read == 100_000
    assert Session(Peer({}, random.Random(1))).largest_read == 32 * 1024


def test_a_listing_has_names_as_bytes_and_what_the_server_says() -> None:
    session = Session(Peer({b"\xff": b"12345"}, random.Random(1)))
    assert session.listing(b".", most=1) == [Listed(b"\xff", b"-rw \xff", Attributes(5, 0o100644, 7))]


def test_a_listing_has_a_limit() -> None:
    with pytest.raises(TooMany):
        Session(Peer({b"a": b"", b"b": b""}, random.Random(1))).listing(b".", most=1)


@pytest.mark.parametrize(
    "wanted", [Wanted(b"f", 5, 7), Wanted(b"f", 3, 7), Wanted(b"f", 4, 8), Wanted(b"g", 4, 7)]
)
def test_a_file_other_than_listed_has_changed(wanted: Wanted) -> None:
    with pytest.raises(Changed) as caught:
        read(Peer({b"f": b"1234", b"": b""}, random.Random(1)), [Wanted(b"", 0, 7), wanted])
    assert caught.value.index == 1


def test_without_a_time_the_size_counts() -> None:
    assert read(Peer({b"f": b"1234"}, random.Random(1)), [Wanted(b"f", 4, None)]) == {0: b"1234"}


@dataclass
class Nonsense:
    """A peer that answers with given bytes, whatever is asked."""

    answers: bytes

    def sendall(self, data: bytes) -> None:
        del data

    def recv(self, nbytes: int) -> bytes:
        data, self.answers = self.answers[:nbytes], self.answers[nbytes:]
        return data


VERSION = packet(2, struct.pack(">I", 3))
REPLIES = st.builds(
    lambda kind, number, body: packet(kind, struct.pack(">I", number) + body),
    st.sampled_from([101, 102, 103, 104, 105, 201, 7]),
    st.integers(0, 4),
    st.one_of(
        st.binary(max_size=40),
        st.builds(string, st.binary(max_size=5)),
        st.builds(lambda n: struct.pack(">I", n), st.integers(0, 2**32 - 1)),
    ),
)


@given(st.one_of(st.binary(max_size=200), st.lists(REPLIES, max_size=8).map(lambda r: VERSION + b"".join(r))))
@settings(max_examples=500, deadline=None)
def test_nonsense_is_told_as_such_and_never_as_a_file(answers: bytes) -> None:
    with suppress(Garbled, Refused, TooMany, EOFError):  # these, or what really is a listing; nothing else
        Session(Nonsense(answers)).listing(b".", most=3)
    with pytest.raises((Garbled, Refused, Changed, EOFError)):
        list(Session(Nonsense(answers)).read([Wanted(b"f", 2**20, 7)]))


@pytest.mark.parametrize(
    "answer",
    [
        struct.pack(">I", 0),
        struct.pack(">I", 2**31),
        packet(2, struct.pack(">I", 4)),
        packet(2, b""),
        packet(101, struct.pack(">I", 3)),
    ],
)
def test_a_peer_that_speaks_no_sftp_is_garbled(answer: bytes) -> None:
    with pytest.raises(Garbled):
        Session(Nonsense(answer))


def test_a_session_has_an_end() -> None:
    session = Session(Peer({b"f": b"1234"}, random.Random(1)))
    session.finish_within(-1)
    with pytest.raises(TooSlow):
        session.listing(b".", most=9)
