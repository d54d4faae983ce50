"""Strings that break software come back exactly as they were written, or their record is rejected."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from sis_assets.sis.delimited import Dialect, Limits, reading
from sis_assets_tests.delimited_files import HEADER, read, reasons, rows, written

# one string a line; those with line ends, long ones and invisible ones are made here
LISTED = (Path(__file__).parents[1] / "data" / "naughty_strings.txt").read_text(encoding="utf-8").splitlines()

INVISIBLE = [
    f"{before}{character}{after}"
    for character in "\u00a0\u00ad\u034f\u061c\u115f\u180e\u2000\u2003\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202e"
    "\u202f\u205f\u2060\u2066\u2069\u3000\u3164\ufeff\ufff9\ufffc\ufffd\uffff\U000e0001\U000e0020\x7f\x80\x85\x9f"
    for before, after in (("", ""), ("a", "b"), ("", "b"), ("a", ""))
]

SPACED = [
    "a b",
    "a  b",
    "a\tb",
    "a \t b",
    "a\nb",
    "a\r\nb",
    "a\rb",
    "\n",
    "\r\n",
    "a\n\nb",
    "\na",
    "a\n",
    '\n"',
    '"\n',
    "|\n|",
    "a\n|b",
]

LONG = ["x" * 999, "é" * 999, "😀" * 999, '"' * 99, "|" * 99, "'" * 99, "\n" * 99, "ab " * 300 + "c"]

COMPOSED = [
    unicodedata.normalize(form, word)
    for word in ("\u00e9", "\u00c5", "\ufb01", "\uac01", "\u00f1")
    for form in ("NFC", "NFD")
]

NAUGHTY = [*LISTED, *INVISIBLE, *SPACED, *LONG, *COMPOSED]


def table() -> list[tuple[str, ...]]:
    return [
        (str(1000 + n), value, f"before {value} after", "1", value[::-1]) for n, value in enumerate(NAUGHTY)
    ]


def test_there_are_enough_of_them() -> None:
    assert len(NAUGHTY) > 300


@pytest.mark.parametrize("delimiter", ["|", ",", "\t", ";"])
@pytest.mark.parametrize("quote_all", [True, False])
def test_naughty_strings_come_back_exactly(tmp_path: Path, delimiter: str, quote_all: bool) -> None:
    limits = Limits(file_bytes=1 << 22)
    got = read(
        tmp_path,
        written([HEADER, *table()], delimiter, "\n", quote_all=quote_all),
        Dialect(delimiter),
        limits,
    )
    blanks = " \t".replace(delimiter, "")
    assert rows(got) == {n: tuple(v.strip(blanks) for v in record) for n, record in enumerate(table(), 1)}
    assert not got.rejected


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quote_all", [True, False])
def test_naughty_strings_without_line_ends_take_the_fast_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, quote_all: bool
) -> None:
    monkeypatch.setattr(reading._Reading, "_precise", None)
    plain = [record for record in table() if not any(c in "".join(record) for c in '\r\n"')]
    got = read(
        tmp_path,
        written([HEADER, *plain], "|", end, quote_all=quote_all),
        Dialect(),
        Limits(file_bytes=1 << 22),
    )
    assert list(rows(got).values()) == [tuple(v.strip(" \t") for v in record) for record in plain]


@pytest.mark.parametrize("code", [code for code in range(1, 0x20) if code not in (9, 10, 13)])
def test_control_characters_are_rejected(tmp_path: Path, code: int) -> None:
    data = written(
        [HEADER, ("1000", "a", "b", "1", "c"), ("1001", f"a{chr(code)}", "b", "1", "c")],
        "|",
        "\n",
        quote_all=True,
    )
    got = read(tmp_path, data)
    assert reasons(got) == [(2, "1001", "control_character")]
    assert list(rows(got)) == [1]
