"""Untrusted bytes become utf-8, or are refused.

A byte order mark is believed first, then the declared encoding, then strict utf-8, then cp1252. Bytes that are utf-8
already are checked and left where they are; any other encoding is rewritten as utf-8 into a scratch file, chunk by chunk.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sis_assets.model.faults import Mover
from sis_assets.sis.delimited.refusals import refused
from sis_assets.sis.delimited.shapes import MIB

_CHUNK = 4 * MIB
_HEAD = 4096

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

# Every encoding here but utf-16 keeps ASCII as it is, so that delimiters and line ends cannot hide in other characters.
_SINGLE_BYTE = frozenset(
    {"cp1250", "cp1252", "cp437", "cp850", "iso8859-1", "iso8859-15", "iso8859-2", "mac-roman"}
)
_WIDE = frozenset({"utf-16-le", "utf-16-be"})
_IN_PLACE = frozenset({"utf-8", "ascii"})
_ENCODINGS = _SINGLE_BYTE | _WIDE | _IN_PLACE | {"utf-8-sig", "utf-16"}

_WRAPPED = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"-----BEGIN PGP", "a PGP message"),
    (b"\x85\x01", "a PGP message"),
    (b"\x85\x02", "a PGP message"),
    (b"\x84\x5e", "a PGP message"),
    (b"\xc1\xc0", "a PGP message"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
    (b"%PDF", "a PDF document"),
)

_C1 = bytes(range(0x80, 0xA0))
_NOT_TEXT = "Send the file as plain text, not wrapped or encrypted"
_DECLARE = (
    "Name the encoding that the district's system writes in files.encoding, or have the export repaired"
)


@dataclass(frozen=True, slots=True)
class Text:
    """Where the file stands as utf-8 (from byte `start` on), and in which encoding it came."""

    path: Path
    start: int
    encoding: str


def as_utf8(path: Path, declared: str | None, scratch: Path) -> Text:
    """Return where the text of `path` stands as checked utf-8: in the file itself, or in `scratch`, which is then made.

    Raises PermanentFault for what is no text in the encoding; the message names a byte's offset, never a content.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    _refuse_what_is_no_text(path, head)
    mark, encoding = _encoding(path, head, declared)
    if encoding is not None:
        bad = _first_bad_byte(path, encoding, mark, scratch)
        if bad is not None:
            raise refused(path, f"the byte at offset {bad} is not {encoding}", _DECLARE, Mover.ENGINEER)
        return Text(path, mark, encoding) if encoding in _IN_PLACE else Text(scratch, 0, encoding)
    not_utf8 = _first_bad_byte(path, "utf-8", 0, scratch)
    if not_utf8 is None:
        return Text(path, 0, "utf-8")
    if _holds_utf8_sequences(path):
        seen = f"the byte at offset {not_utf8} is not utf-8, though other characters of the file are"
        raise refused(path, seen, _DECLARE)
    not_cp1252 = _first_bad_byte(path, "cp1252", 0, scratch)
    if not_cp1252 is not None:
        seen = f"the byte at offset {not_utf8} is not utf-8 and the byte at offset {not_cp1252} is not cp1252"
        raise refused(path, seen, _DECLARE)
    return Text(scratch, 0, "cp1252")


def _refuse_what_is_no_text(path: Path, head: bytes) -> None:
    if not head:
        raise refused(path, "the file is empty (0 bytes)", "Export and send the file again")
    for magic, name in _WRAPPED:
        if head.startswith(magic):
            raise refused(path, f"the file is {name}", _NOT_TEXT)
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    high = len(head) - len(head.translate(None, bytes(range(0x80, 0x100))))
    if not wide and high * 2 > len(head) and b"\n" not in head and b"\r" not in head:
        raise refused(path, "the file looks like EBCDIC or binary data", _NOT_TEXT)


def _encoding(path: Path, head: bytes, declared: str | None) -> tuple[int, str | None]:
    """Return the length of the byte order mark and the encoding that mark and declaration agree on."""
    wanted = None
    if declared is not None:
        try:
            wanted = codecs.lookup(declared).name
        except LookupError:
            wanted = ""
        if wanted not in _ENCODINGS:
            seen = "files.encoding names an encoding that is not supported"
            raise refused(path, seen, f"Choose one of {', '.join(sorted(_ENCODINGS))}", Mover.ENGINEER)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            if wanted is not None and not encoding.startswith(wanted.removesuffix("-sig")):
                seen = (
                    f"the file begins with a byte order mark of {encoding}, but files.encoding says {wanted}"
                )
                raise refused(
                    path, seen, "Correct files.encoding, or have the export repaired", Mover.ENGINEER
                )
            return len(mark), encoding
    if wanted == "utf-16":
        seen = "files.encoding says utf-16, but the file has no byte order mark"
        raise refused(path, seen, "Say utf-16-le or utf-16-be in files.encoding", Mover.ENGINEER)
    return 0, "utf-8" if wanted == "utf-8-sig" else wanted


def _first_bad_byte(path: Path, encoding: str, start: int, scratch: Path) -> int | None:
    """Check `path` from `start` on, and write it to `scratch` unless it is utf-8 as it stands.

    Returns the offset of the first byte that the encoding does not have. NUL characters refuse the file.
    """
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    target = None
    if encoding not in _IN_PLACE:
        target = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    offset = start
    try:
        for chunk in _chunks(path, start):
            waiting, _ = decoder.getstate()
            if encoding not in _WIDE:
                _refuse_nul(path, offset, chunk.find(b"\0"))
            if target is not None or waiting or not chunk.isascii():
                try:
                    text = decoder.decode(chunk, not chunk)
                except UnicodeDecodeError as error:
                    return offset - len(waiting) + error.start
                if encoding in _WIDE:
                    _refuse_nul(path, offset - len(waiting), 2 * text.find("\0"))
                elif encoding.startswith("iso8859") and len(chunk.translate(None, _C1)) < len(chunk):
                    return offset + next(at for at, byte in enumerate(chunk) if byte in _C1)
                if target is not None:
                    _write(target, text.encode())
            offset += len(chunk)
    finally:
        if target is not None:
            os.close(target)
    return None


def _refuse_nul(path: Path, offset: int, found: int) -> None:
    if found >= 0:
        seen = f"there is a NUL character at byte {offset + found}; utf-16 without its mark looks like this"
        raise refused(path, seen, "Send the file as utf-8 or cp1252 text")


def _holds_utf8_sequences(path: Path) -> bool:
    return any(not chunk.decode("utf-8", "ignore").isascii() for chunk in _chunks(path, 0))


def _chunks(path: Path, start: int) -> Iterator[bytes]:
    """Yield the file's bytes from `start` on, at last an empty chunk."""
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while chunk := file.read(_CHUNK):
            yield chunk
    yield b""


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
