"""Every kind of damage that files are known to have ends right, or refused or rejected with a reason."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from sis_assets.model.faults import Mover
from sis_assets.sis.delimited import Dialect, Limits, reading, survey
from sis_assets_tests.delimited_files import (
    HEADER,
    PIPE,
    SMALL,
    lines,
    others,
    read,
    reasons,
    refusal,
    rows,
    student,
    students,
    with_columns,
    written,
)

THREE = {1: student(0), 2: student(1), 3: student(2)}


def with_line(line: bytes, *, after: int = 2) -> bytes:
    """Three students with one more line after the given number of lines."""
    existing = students(3).splitlines(keepends=True)
    return b"".join([*existing[:after], line, *existing[after:]])


@pytest.fixture(params=["fast", "precise"])
def path_taken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read by the path that the bytes choose, and once more by the precise one."""
    if request.param == "precise":
        monkeypatch.setattr(reading, "survey", lambda *_: None)
    return str(request.param)


CLEAN = {
    "plain": (students(3), PIPE),
    "carriage_return_and_line_feed": (students(3, end="\r\n"), PIPE),
    "carriage_return_only": (students(3, end="\r"), PIPE),
    "mixed_line_ends": (students(3).replace(b"\n", b"\r\n", 2).replace(b"e.org\n", b"e.org\r", 1), PIPE),
    "comma": (students(3, delimiter=","), Dialect(",")),
    "tab": (students(3, delimiter="\t"), Dialect("\t")),
    "caret": (students(3, delimiter="^"), Dialect("^")),
    "all_quoted": (written([HEADER, *map(student, range(3))], ",", "\n", quote_all=True), Dialect(",")),
    "all_quoted_windows": (
        written([HEADER, *map(student, range(3))], ",", "\r\n", quote_all=True),
        Dialect(","),
    ),
    "some_quoted": (students(3).replace(b"Given-0001", b'"Given-0001"'), PIPE),
    "byte_order_mark": (b"\xef\xbb\xbf" + students(3), PIPE),
    "byte_order_mark_and_declared": (b"\xef\xbb\xbf" + students(3), Dialect(encoding="UTF-8")),
    "utf_16_le": (("\ufeff" + students(3).decode()).encode("utf-16-le"), PIPE),
    "utf_16_be": (("\ufeff" + students(3).decode()).encode("utf-16-be"), PIPE),
    "utf_16_declared": (students(3).decode().encode("utf-16-le"), Dialect(encoding="utf-16-le")),
    "blank_lines": (students(3).replace(b"\n", b"\n\n \t \n"), PIPE),
    "blank_lines_first": (b"\n  \r\n" + students(3), PIPE),
    "padded": (students(3).replace(b"|", b"   |\t "), PIPE),
    "padded_line_ends": (students(3).replace(b"\n", b"  \n"), PIPE),
    "second_header": (with_line(lines(HEADER)), PIPE),
    "second_header_padded": (with_line(lines([f" {name}\t" for name in HEADER])), PIPE),
    "second_header_quoted": (with_line(written([HEADER], "|", "\n", quote_all=True)), PIPE),
    "second_header_with_mark": (with_line(b"\xef\xbb\xbf" + lines(HEADER)), PIPE),
    "second_header_last": (students(3) + lines(HEADER), PIPE),
    "header_in_capitals": (students(3).replace(b"StudentID", b"STUDENTID"), PIPE),
    "header_with_invisible": (
        students(3).replace(b"FirstName", "First\u200bName\u00a0\ufeff".encode()),
        PIPE,
    ),
    "other_name": (students(3).replace(b"CurrentGrade", b"CurrentYear"), PIPE),
    "no_final_newline_agreed": (students(3)[:-1], Dialect(final_newline=False)),
    "no_final_newline_agreed_windows": (students(3, end="\r\n")[:-2], Dialect(final_newline=False)),
}


@pytest.mark.parametrize("kind", CLEAN)
def test_a_file_that_is_only_unusual_is_read_right(tmp_path: Path, kind: str, path_taken: str) -> None:
    data, dialect = CLEAN[kind]
    got = read(tmp_path, data, dialect)
    assert rows(got) == THREE
    assert not got.rejected
    assert got.records == 3
    assert set(others(got).values()) == {None}


@pytest.mark.parametrize(
    "kind",
    [
        "plain",
        "carriage_return_and_line_feed",
        "comma",
        "tab",
        "all_quoted",
        "all_quoted_windows",
        "some_quoted",
        "byte_order_mark",
        "utf_16_le",
        "padded",
        "padded_line_ends",
        "no_final_newline_agreed_windows",
    ],
)
def test_a_usual_file_takes_the_fast_path(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading._Reading, "_precise", None)
    assert rows(read(tmp_path, *CLEAN[kind])) == THREE


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_large_file_keeps_its_order(tmp_path: Path, end: str) -> None:
    count = 150_000
    got = read(tmp_path, students(count, end=end), limits=Limits())
    found = rows(got)
    assert len(found) == count
    assert all(found[n + 1][0] == str(1000 + n) for n in range(count))


REJECTED = {
    "too_few": (with_line(b"1777|Given|Family\n"), [(2, "1777", "too_few_fields")]),
    "too_few_without_a_whole_key": (with_line(b"1777\n"), "neighbours"),
    "key_that_is_none": (with_line(b"Given|Family|1\n"), "neighbours"),
    "too_many": (with_line(b"1777|Gi|ven|Family|1|x@example.org\n"), [(2, "1777", "too_many_fields")]),
    "unescaped_line_break": (
        with_line(b"1777|Gi\nven|Family|1|x@example.org\n"),
        [(2, "1777", "too_few_fields"), (3, None, "too_few_fields")],
    ),
    "footer": (students(3) + b"Total records: 3\n", [(4, None, "too_few_fields")]),
    "footer_of_two_lines": (
        students(3) + b"-----\n3\n",
        [(4, None, "too_few_fields"), (5, None, "too_few_fields")],
    ),
    "text_after_quote": (with_line(b'1777|"Ozark" Ridge|Fam|1|x\n'), [(2, "1777", "bad_quoting")]),
    "blank_after_quote": (with_line(b'1777|"Ozark" |Fam|1|x\n'), [(2, "1777", "bad_quoting")]),
    "control_character": (with_line(b"1777|Gi\x0bven|Fam|1|x\n"), [(2, "1777", "control_character")]),
    "control_character_in_key": (with_line(b"17\x0177|Given|Fam|1|x\n"), [(2, None, "control_character")]),
    "field_too_long": (with_line(b"1777|" + b"x" * 1001 + b"|Fam|1|x\n"), [(2, "1777", "field_too_long")]),
    "key_too_long": (with_line(b"1" * 1001 + b"|Given|Fam|1|x\n"), [(2, None, "field_too_long")]),
    "record_too_long": (with_line(b"1777|" + b"x" * 9999 + b"|Fam|1|x\n"), [(2, "1777", "record_too_long")]),
    "quoted_record_too_long": (
        with_line(b'1777|"' + b"xyz\n" * 1200 + b'end"|Fam|1|x\n'),
        [(2, "1777", "record_too_long"), *((n, None, "too_few_fields") for n in range(3, 1203))],
    ),
}


@pytest.mark.parametrize(
    "kind", [kind for kind, (_, expected) in REJECTED.items() if isinstance(expected, list)]
)
def test_a_damaged_record_is_rejected_and_the_others_are_loaded(tmp_path: Path, kind: str) -> None:
    data, expected = REJECTED[kind]
    got = read(tmp_path, data)
    assert reasons(got) == expected
    assert sorted(rows(got).values()) == sorted(THREE.values())
    assert got.records == 3 + len(expected)


def test_rejected_records_keep_their_numbers(tmp_path: Path) -> None:
    assert sorted(rows(read(tmp_path, with_line(b"1777|Given|Family\n")))) == [1, 3, 4]


@pytest.mark.parametrize("kind", ["too_few_without_a_whole_key", "key_that_is_none"])
def test_a_piece_of_a_record_costs_the_record_before_it_too(tmp_path: Path, kind: str) -> None:
    got = read(tmp_path, REJECTED[kind][0])
    assert reasons(got) == [(1, "1000", "line_break"), (2, None, "too_few_fields")]
    assert rows(got) == {3: student(1), 4: student(2)}


def test_a_break_in_the_last_column_does_not_load_half_a_value(tmp_path: Path) -> None:
    got = read(tmp_path, students(3).replace(b"s1@example.org", b"s1@exam\nple.org"))
    assert reasons(got) == [(2, "1001", "line_break"), (3, None, "too_few_fields")]
    assert rows(got) == {1: student(0), 4: student(2)}


def test_a_break_in_the_first_column_does_not_load_half_a_value(tmp_path: Path) -> None:
    shuffled = [(s[1], s[0], *s[2:]) for s in (HEADER, *map(student, range(3)))]
    got = read(tmp_path, lines(*shuffled).replace(b"Given-0001", b"Given\n-0001"))
    assert reasons(got) == [(1, "1000", "line_break"), (2, None, "too_few_fields"), (3, "1001", "line_break")]
    assert rows(got) == {4: student(2)}


def test_stray_quotes_cost_one_line_each(tmp_path: Path) -> None:
    stray = b'1777|"Bub|Fam|1|x\n1778|"Al|Fam|1|x\n'
    got = read(tmp_path, lines(HEADER) + stray + students(200).partition(b"\n")[2])
    assert reasons(got) == [(1, "1777", "bad_quoting"), (2, "1778", "record_too_long")]
    assert list(rows(got).values()) == [student(n) for n in range(200)]


def test_a_quote_that_swallows_whole_records_is_not_believed(tmp_path: Path) -> None:
    data = with_line(b'1777|"Bub|Fam|1|x\n1778|Given|Fam|1|x\n1779|Hub"|Fam|1|x\n')
    got = read(tmp_path, data)
    assert reasons(got) == [(2, None, "ambiguous_quoting")]
    assert sorted(rows(got).values()) == sorted(THREE.values())


def test_two_records_with_too_few_fields_in_a_row_give_one_key_only(tmp_path: Path) -> None:
    got = read(tmp_path, with_line(b"1777|Given|Family\n1778|Given|Family\n"))
    assert reasons(got) == [(2, "1777", "too_few_fields"), (3, None, "too_few_fields")]


def test_a_key_after_a_delimiter_that_may_have_shifted_it_is_not_given(tmp_path: Path) -> None:
    shuffled = [(s[3], s[0], s[1], s[2], s[4]) for s in (HEADER, *map(student, range(3)))]
    got = read(tmp_path, lines(*shuffled) + b"1|1777|Gi|ven|Family|x\n")
    assert reasons(got) == [(4, None, "too_many_fields")]


def test_a_rejected_first_record_has_its_key_judged_by_those_after_it(tmp_path: Path) -> None:
    assert reasons(read(tmp_path, with_line(b"1777|Given|Family\n", after=1))) == [
        (1, "1777", "too_few_fields")
    ]
    assert reasons(read(tmp_path, with_line(b"Given|Family|1\n", after=1))) == [(1, None, "too_few_fields")]


def test_literal_quotes_are_text(tmp_path: Path, path_taken: str) -> None:
    data = students(3).replace(b"Given-0001", b'5\'2" "x"').replace(b"Family-0002", b'O"Fam""ily"')
    got = read(tmp_path, data)
    assert rows(got)[2][1] == '5\'2" "x"'
    assert rows(got)[3][2] == 'O"Fam""ily"'


def test_a_quote_after_a_blank_is_text(tmp_path: Path, path_taken: str) -> None:
    got = read(tmp_path, students(3).replace(b"Given-0001", b' "Given-0001"'))
    assert rows(got)[2][1] == '"Given-0001"'


def test_quotes_may_be_around_fields_here_and_text_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "_CHUNK", 60)
    data = students(9).replace(b"Given-0001", b'"Given-0001"').replace(b"Given-0007", b' "Given-0007"')
    assert rows(read(tmp_path, data))[8][1] == '"Given-0007"'


def test_quoted_values_hold_delimiters_line_ends_and_quotes(tmp_path: Path) -> None:
    value = 'a|b\nc\r\nd\re ""|"\n'
    table = [HEADER, student(0), ("1777", value, "Family", "1", ""), student(1)]
    assert rows(read(tmp_path, written(table, "|", "\n", quote_all=False)))[2][1] == value


def test_unknown_columns_are_kept_and_reported(tmp_path: Path, path_taken: str) -> None:
    data = lines(
        ("Shoe \u00dc's", *HEADER[:4], "", "Pet"),
        *((str(n), *student(n)[:4], "", ' "Rex" \\ ') for n in range(3)),
    )
    got = read(tmp_path, data)
    assert got.unknown_columns == ("Shoe \u00dc's", "column_6", "Pet")
    assert got.missing_optional == ("email",)
    assert got.columns == ("student_id", "first_name", "last_name", "grade")
    assert others(got)[2] == {"Shoe \u00dc's": "1", "column_6": "", "Pet": '"Rex" \\'}
    assert rows(got)[3] == student(2)[:4]


def test_columns_may_stand_in_any_order(tmp_path: Path, path_taken: str) -> None:
    assert rows(read(tmp_path, lines(*(s[::-1] for s in (HEADER, *map(student, range(3))))))) == THREE


def test_empty_values_stay_empty(tmp_path: Path, path_taken: str) -> None:
    got = read(tmp_path, lines(HEADER, ("1", "", "  ", '""', "\\N")))
    assert rows(got) == {1: ("1", "", "", "", "\\N")}


def archive(data: bytes) -> bytes:
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w") as packed:
            packed.writestr("Student.txt", data)
        return buffer.getvalue()


REFUSED = {
    "empty": (b"", PIPE, "0 bytes", Mover.DISTRICT),
    "blank_lines_only": (b"\n \n\r\n", PIPE, "blank lines only", Mover.DISTRICT),
    "header_only": (lines(HEADER), PIPE, "no records", Mover.DISTRICT),
    "header_twice_only": (lines(HEADER, HEADER), PIPE, "no records", Mover.DISTRICT),
    "no_header": (lines(*map(student, range(3))), PIPE, "LastName, StudentID", Mover.DISTRICT),
    "preamble": (b"Export of 2026-09-01\n" + students(3), PIPE, "StudentID", Mover.DISTRICT),
    "header_of_two_lines": (
        lines(HEADER[:2]) + lines(HEADER[2:]) + students(3),
        PIPE,
        "LastName",
        Mover.DISTRICT,
    ),
    "missing_column": (students(3).replace(b"LastName", b"Surname"), PIPE, "LastName", Mover.DISTRICT),
    "wrong_delimiter": (students(3, delimiter=","), PIPE, "','", Mover.ENGINEER),
    "duplicate_header": (
        students(3).replace(b"Email", b"firstname "),
        PIPE,
        "columns 2 and 5",
        Mover.DISTRICT,
    ),
    "column_by_two_names": (
        students(3).replace(b"Email", b"CurrentYear"),
        PIPE,
        "CurrentGrade and CurrentYear",
        Mover.DISTRICT,
    ),
    "too_many_columns": (lines((*HEADER, *map(str, range(1000)))), PIPE, "1005 columns", Mover.DISTRICT),
    "cut_in_a_value": (students(3)[:-5], PIPE, "cut off", Mover.DISTRICT),
    "cut_before_the_line_end": (students(3)[:-1], PIPE, "cut off", Mover.DISTRICT),
    "cut_in_quotes": (students(3) + b'1777|"Given\n', PIPE, "still open", Mover.DISTRICT),
    "cut_in_quotes_though_agreed": (
        students(3) + b'1777|"Gi',
        Dialect(final_newline=False),
        "still open",
        None,
    ),
    "open_quote_in_mid_file": (with_line(b'1777|"Given|Family|1|x\n'), PIPE, "still open", Mover.DISTRICT),
    "open_quote_in_header": (b'"' + students(3), PIPE, "header", Mover.DISTRICT),
    "bad_quote_in_header": (b'"Student"ID' + students(3), PIPE, "header", Mover.DISTRICT),
    "nul": (with_line(b"1777|Gi\x00ven|Family|1|x\n"), PIPE, "NUL character at byte 100", Mover.DISTRICT),
    "nul_in_cp1252": (with_line(b"1777|Ren\xe9|\x00|1|x\n"), PIPE, "NUL", Mover.DISTRICT),
    "nul_in_utf_16": (
        ("\ufeff" + students(1).decode() + "\0").encode("utf-16-le"),
        PIPE,
        "NUL",
        Mover.DISTRICT,
    ),
    "utf_16_without_mark": (students(3).decode().encode("utf-16-le"), PIPE, "utf-16", Mover.DISTRICT),
    "utf_16_cut_in_a_character": (
        ("\ufeff" + students(3).decode()).encode("utf-16-le")[:-1],
        PIPE,
        "utf-16",
        None,
    ),
    "gzip": (gzip.compress(students(3)), PIPE, "gzip", Mover.DISTRICT),
    "zip": (archive(students(3)), PIPE, "zip", Mover.DISTRICT),
    "pgp": (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n", PIPE, "PGP", Mover.DISTRICT),
    "ebcdic": (students(3).decode().encode("cp037"), PIPE, "EBCDIC", Mover.DISTRICT),
    "c1_undefined": (with_line(b"1777|Gi\x81ven|Family|1|x\n"), PIPE, "not cp1252", Mover.DISTRICT),
    "utf_8_damaged": (
        with_line("1777|Ren\u00e9|F".encode() + b"\xe9|1|x\n"),
        PIPE,
        "not utf-8, though",
        Mover.DISTRICT,
    ),
    "declared_utf_8_but_cp1252": (
        with_line(b"1777|Ren\xe9|F|1|x\n"),
        Dialect(encoding="utf-8"),
        "offset 101 is not utf-8",
        Mover.ENGINEER,
    ),
    "declared_latin_1_but_cp1252": (
        with_line(b"1777|Ren\x92|F|1|x\n"),
        Dialect(encoding="latin-1"),
        "offset 101",
        Mover.ENGINEER,
    ),
    "mark_against_declared": (
        b"\xef\xbb\xbf" + students(3),
        Dialect(encoding="cp1252"),
        "utf-8, but files.encoding says cp1252",
        Mover.ENGINEER,
    ),
    "wide_mark_against_declared": (
        ("\ufeff" + students(3).decode()).encode("utf-16-le"),
        Dialect(encoding="utf-8"),
        "utf-16-le",
        Mover.ENGINEER,
    ),
    "declared_utf_16_without_mark": (
        students(3).decode().encode("utf-16-le"),
        Dialect(encoding="utf-16"),
        "no byte order mark",
        Mover.ENGINEER,
    ),
    "declared_unknown": (students(3), Dialect(encoding="klingon"), "not supported", Mover.ENGINEER),
    "declared_no_text": (students(3), Dialect(encoding="rot13"), "not supported", Mover.ENGINEER),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_cannot_be_read_whole_is_refused(tmp_path: Path, kind: str) -> None:
    data, dialect, seen, mover = REFUSED[kind]
    fault = refusal(tmp_path, data, dialect, with_columns(SMALL, 1000))
    assert seen in fault.seen
    assert mover in {None, fault.mover}
    for number in range(3):
        assert student(number)[1] not in fault.reason


@pytest.mark.parametrize("error", [-1, 1])
def test_a_count_that_differs_refuses_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    right = reading.count_records
    monkeypatch.setattr(reading, "count_records", lambda *of: right(*of) + error)
    fault = refusal(tmp_path, with_line(b"1777|Given|Family\n"))
    assert f"3 records loaded and 1 rejected, but {4 + error} counted" in fault.seen
    assert fault.mover is Mover.ENGINEER


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    assert "more than 100" in refusal(tmp_path, students(50), limits=Limits(file_bytes=100)).seen


def test_cp1252_is_read_when_the_bytes_are_not_utf_8(tmp_path: Path, path_taken: str) -> None:
    data = students(3).replace(b"Given-0001", b"Ren\xe9e O\x92Hara")
    got = read(tmp_path, data)
    assert got.encoding == "cp1252"
    assert rows(got)[2][1] == "Ren\u00e9e O\u2019Hara"


def test_the_declared_encoding_wins_over_guesses(tmp_path: Path, path_taken: str) -> None:
    data = students(3).replace(b"Given-0001", "Ren\u00e9e".encode())
    got = read(tmp_path, data, Dialect(encoding="cp1252"))
    assert rows(got)[2][1] == "Ren\u00c3\u00a9e"
    assert rows(read(tmp_path, data, Dialect(encoding="cp437")))[2][1] == "Ren\u251c\u2310e"


def test_names_of_files_are_no_patterns(tmp_path: Path) -> None:
    folder = tmp_path / "a[b]*? 'c\""
    folder.mkdir()
    assert rows(read(folder, students(3))) == THREE
