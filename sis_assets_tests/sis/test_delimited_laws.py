"""What holds for every file: nothing is lost, both paths read alike, well-formed files come back as they were written."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sis_assets.model.faults import Fault
from sis_assets.sis.delimited import Dialect, ReadFile, read_delimited, reading
from sis_assets.sis.delimited import count as count_module
from sis_assets.sis.delimited import decode as decode_module
from sis_assets.sis.delimited import records as records_module
from sis_assets.sis.delimited import survey as survey_module
from sis_assets.sis.delimited.count import count_records
from sis_assets.sis.delimited.header import Header
from sis_assets.sis.delimited.records import Lines, OpenQuoteError, records
from sis_assets_tests.delimited_files import HEADER, LAYOUT, SMALL, oracle, read, rows, written

BLANKS = " \t"
PIECES = [
    "a",
    "7",
    "|",
    ",",
    '"',
    '""',
    "\n",
    "\r\n",
    "\r",
    " ",
    "\t",
    "StudentID",
    "é",
    "\u00a0",
    "\U0001f600",
    "\\",
    "'",
]
dialects = st.sampled_from([Dialect("|"), Dialect(","), Dialect("\t")])
soup = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
value = st.lists(st.sampled_from(PIECES), max_size=5).map("".join) | st.text(
    st.characters(exclude_categories=("Cs", "Cc")), max_size=12
)
tame = st.text("ab \"'é7", max_size=4)


@pytest.fixture(scope="module")
def folder() -> Path:
    with TemporaryDirectory() as name:
        yield Path(name)


def parsed(
    data: bytes, delimiter: bytes, folder: Path, width: int | None, limit: int
) -> list[list[bytes]] | None:
    path = folder / "soup"
    path.write_bytes(data)
    try:
        return [record.fields for record in records(Lines(path, 0, limit), delimiter, limit, width)]
    except OpenQuoteError:
        return None


@settings(max_examples=500, deadline=None)
@given(
    soup, st.sampled_from([1, 2, 3]), st.sampled_from([8, 30, 4000]), st.sampled_from([1, 2, 3, 7, 1 << 20])
)
@example('a|"x\n"\n', 2, 4000, 1)
@example('"a\n"|"b"c\n|\n', 2, 4000, 1)
@example("a\r\r\n\r", 1, 4000, 1)
def test_the_counter_agrees_with_the_parser_on_any_text(
    folder: Path, text: str, width: int, limit: int, chunk: int
) -> None:
    data = (text + "\n").encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records_module, "_CHUNK", chunk)
        patch.setattr(count_module, "_WINDOW", chunk)
        found = parsed(data, b"|", folder, width, limit)
        if found is not None:
            header = Header(tuple(f"H{n}" for n in range(width)), {"key": 0}, 0, ())
            assert count_records(folder / "soup", 0, header, b"|", limit) == len(found)


@given(soup, st.integers(1, 9), st.integers(1, 9))
def test_lines_do_not_depend_on_how_the_file_is_cut_into_chunks(
    folder: Path, text: str, chunk: int, limit: int
) -> None:
    path = folder / "lines"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records_module, "_CHUNK", chunk)
        found = [line[: limit + 1] for line in Lines(path, 0, limit)]
    assert found == [line[: limit + 1] for line in text.encode().splitlines(keepends=True)]


@settings(max_examples=250, deadline=None)
@given(soup)
def test_well_formed_text_is_parsed_as_the_standard_says(folder: Path, text: str) -> None:
    try:
        expected = oracle(text + "\n", "|")
    except ValueError:
        return
    found = parsed((text + "\n").encode(), b"|", folder, None, 4000)
    assert [[field.decode() for field in record] for record in found or []] == expected


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(*[value] * 4), min_size=1, max_size=8),
    dialects,
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_written_table_is_read_back(
    table: list[tuple[str, ...]], dialect: Dialect, quote_all: bool, end: str
) -> None:
    numbered = [(str(1000 + n), *record) for n, record in enumerate(table)]
    data = written([HEADER, *numbered], dialect.delimiter, end, quote_all=quote_all)
    blanks = BLANKS.replace(dialect.delimiter, "")
    with TemporaryDirectory() as name:
        got = read(Path(name), data, dialect)
        assert not got.rejected
        expected = {n: tuple(v.strip(blanks) for v in record) for n, record in enumerate(numbered, 1)}
        assert rows(got) == expected


def outcome(folder: Path, data: bytes, dialect: Dialect) -> tuple[object, ...]:
    path, into = folder / "Student.txt", folder / "out.parquet"
    path.write_bytes(data)
    try:
        got: ReadFile = read_delimited(path, LAYOUT, dialect, SMALL, into)
    except Fault as fault:
        assert not into.exists()
        return (fault.reason,)
    found = rows(got)
    assert len(found) + len(got.rejected) == got.records
    assert sorted([*found, *(r.row_number for r in got.rejected)]) == list(range(1, got.records + 1))
    return got.columns, got.records, got.rejected, found


HEAD = ",".join(HEADER).encode()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(tame, min_size=5, max_size=5) | st.lists(tame, min_size=1, max_size=6),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from([150, 1 << 20]),
)
@example([["1", "a", "b", "c", "d", ""]], "\n", False, 1 << 20)
@example([["1", "a", "b", "c", "d", "e"], ["1", "a", "b", "c"]], "\r\n", False, 1 << 20)
@example([["1", ' "a"', "b", "c", "d"]], "\n", False, 1 << 20)
@example([["1", '"a"', 'b"c', ' "d"', "d"]], "\n", False, 1 << 20)
@example([["1", '"a" ', "b", "c", "d"]], "\r\n", False, 1 << 20)
@example([["StudentID", "", "", "", ""]], "\n", False, 1 << 20)
@example([["1", "\\N", "", "\x01", ""]], "\n", False, 1 << 20)
@example([["1", '"\n"', "", "", ""], ["2", "", "", "", ""]], "\n", False, 1 << 20)
@example([["1", ',",', "", "", ""], ["2", "", "", "", ""]], "\r\n", True, 1 << 20)
def test_both_paths_read_alike(table: list[list[str]], end: str, quote_all: bool, chunk: int) -> None:
    body = [",".join(f'"{v}"' if quote_all else v for v in record) for record in table]
    data = HEAD + end.encode() + "".join(line + end for line in body).encode()
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(survey_module, "_CHUNK", chunk)
        patch.setattr(decode_module, "_CHUNK", chunk)
        chosen = outcome(Path(name), data, Dialect(","))
        patch.setattr(reading, "survey", lambda *_: None)
        assert outcome(Path(name), data, Dialect(",")) == chosen


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_arbitrary_bytes_are_read_or_refused(data: bytes, with_header: bool) -> None:
    with TemporaryDirectory() as name:
        outcome(
            Path(name),
            HEAD + b"\n" + data + b"\n" if with_header else data,
            Dialect(",", final_newline=False),
        )


@settings(max_examples=25, deadline=None)
@given(soup.map(str.encode))
def test_arbitrary_records_are_loaded_or_rejected(data: bytes) -> None:
    with TemporaryDirectory() as name:
        outcome(
            Path(name), HEAD + b"\n1,a,b,c,d\n" + data.replace(b"|", b",") + b"\n2,a,b,c,d\n", Dialect(",")
        )
