"""Loading: every fault with its place, one broken file among many, and the digest of a file's content."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sis_assets.districts import (
    SCHOOLOGY_SUFFIX,
    DistrictFileError,
    Registry,
    load_district,
    load_districts,
    tree,
)
from sis_assets.model.faults import Mover, NeedsPerson

MINIMAL = (
    "district: {key}\nname: A\ntimezone: UTC\nsis: {{kind: oneroster_files, dropzone: {{folder: /d}}}}\n"
)


def _write(folder: Path, *keys: str) -> None:
    for key in keys:
        (folder / f"{key}.yaml").write_text(MINIMAL.format(key=key))


def test_all_faults_are_listed_in_the_files_order_each_with_key_line_and_column(load, faults):
    text = (
        "district: eagle-ridge\ntimezone: Mars\nnames: x\nsis:\n  kind: oneroster_files\n"
        "  dropzone:\n    folder: /d\n    quiet_secondz: 3\n    quiet_seconds: soon\n"
    )
    assert [line.split("; the nearest")[0] for line in faults(load, text)] == [
        "name (line 1, column 1): is required and missing",
        "timezone (line 2, column 11): must be a time zone of the IANA database, such as America/Los_Angeles",
        "names (line 3, column 1): is no known key",
        "sis.dropzone.quiet_secondz (line 8, column 5): is no known key",
        "sis.dropzone.quiet_seconds (line 9, column 20): must be a whole number",
    ]


def test_the_error_names_the_file_and_says_what_to_do_and_whose_move_it_is(tmp_path):
    path = tmp_path / "eagle-ridge.yaml"
    path.write_text("name: A\n")
    with pytest.raises(DistrictFileError) as caught:
        load_district(path)
    error = caught.value
    assert isinstance(error, NeedsPerson)
    assert error.mover is Mover.ENGINEER
    assert str(path) in error.reason
    assert error.reason.endswith("run `sis-assets districts check`. Next move: engineer.")
    assert "\n" not in error.reason
    assert "pydantic" not in error.reason
    again = pickle.loads(pickle.dumps(error))
    assert (again.path, again.problems, again.reason) == (error.path, error.problems, error.reason)


@pytest.mark.parametrize(
    ("kind", "keys", "wrong", "nearest"),
    [
        (
            "powerschool",
            "url: https://h, client_id: c, client_secret: {env: S}",
            "client_secrets",
            "client_secret",
        ),
        (
            "aeries",
            "url: https://h, certificate: {env: S}, database_year: 2026",
            "databaseyear",
            "database_year",
        ),
        ("oneroster_files", "dropzone: {folder: /d}", "drop_zone", "dropzone"),
        ("eschoolplus_files", "dropzone: {folder: /d}", "file", "files"),
    ],
)
def test_the_nearest_known_key_is_one_of_the_right_kind(sis, faults, kind, keys, *, wrong, nearest):
    (told,) = faults(sis, f"{{kind: {kind}, {keys}, {wrong}: x}}")
    assert told.endswith(f"is no known key; the nearest known one is {nearest}")
    assert told.startswith(f"sis.{wrong} (line 4")


def test_an_unknown_key_that_resembles_none_gets_them_all(extra, faults):
    (told,) = faults(extra, "access: {zzzz: 1}\n")
    assert told.endswith("is no known key; known keys: expires, renewal_working_days")


def test_an_unknown_key_is_told_also_when_it_has_no_value(extra, faults):
    (told,) = faults(extra, "acess:\n")
    assert "the nearest known one is access" in told


def test_a_tag_of_our_own_in_a_file_is_an_unknown_key(sis, faults):
    (told,) = faults(sis, '{kind: oneroster_files, dropzone: {folder: /d}, "<oneroster_files>": x}')
    assert "sis.… (line 4" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("~\n", "line 1, column 1: is empty"),
        ("- a\n", "line 1, column 1: must be a mapping of keys to values"),
        ("just text\n", "line 1, column 1: must be a mapping of keys to values"),
        ("a: b: c\n", "line 1, column 5: is not YAML: mapping values are not allowed in this context"),
        ("a: 'x\n", "line 2, column 1: is not YAML: found unexpected end of stream"),
        ("a: [1\n", "line 2, column 1: is not YAML: did not find expected ',' or ']'"),
        ("a: \x01\n", "is not YAML: it holds control characters"),
        ("a: 1\n---\nb: 1\n", "line 2, column 1: holds a second document; a district file is one"),
        (
            "? [a]\n: b\n",
            "line 1, column 3: has a key that is not plain text; quote a value that begins with { [ or *",
        ),
    ],
)
def test_text_that_is_no_district_file_is_explained(load, faults, text, told):
    (seen,) = faults(load, text)
    if "did not find" in told:
        assert seen.startswith(told.split(" ',")[0])
    else:
        assert seen == told


@pytest.mark.parametrize("parser", ["CSafeLoader", "SafeLoader"])
def test_both_parsers_read_the_same(monkeypatch, parser, extra):
    monkeypatch.setattr(tree, "LOADER", getattr(yaml, parser))
    text = "a: [0132, no, ~, 'null', {b: 20:00}]\nc: |\n  x\n  y\nd: ü\n"
    parsed = tree.parse(text)
    assert parsed.data == {"a": ["0132", "no", None, "null", {"b": "20:00"}], "c": "x\ny\n", "d": "ü"}
    assert parsed.values["a", 4, "b"] == tree.Place(1, 30)
    assert parsed.keys["d",] == tree.Place(5, 1)
    assert tree.parse("password: @zQ7\n").problems[0].place == tree.Place(1, 11)
    for text in (
        "a: @zQ7",
        "a: %zQ7",
        "!z!zQ7 a",
        "a: 'zQ7",
        "a: {zQ7",
        "a: b: zQ7",
        "%zQ7 1\n---\n",
        'a: "\\z"',
        "zQ7",
    ):
        assert "zQ7" not in str(tree.parse(text).problems)


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("name: B\n", "name", "stands twice; the first is in line 2"),
        (
            "codes: {exit: {W: withdrawn, W: graduated}}\n",
            "codes.exit.W",
            "stands twice; the first is in line 7",
        ),
        ("schools: &s {}\n", "schools", "anchors (&) and aliases (*) are not used here"),
        ("schools: *s\n", "schools", "anchors (&) and aliases (*) are not used here"),
        ("freshness: !!map {within_hours: 3}\n", "freshness", "tags (!) are not used here"),
        ("freshness: {within_hours: !hours 3}\n", "freshness.within_hours", "tags (!) are not used here"),
        ("!!str state: CA\n", "state", "anchors (&) and tags (!) are not used here"),
        ("<<: {state: CA}\n", "…", "is no known key"),
    ],
)
def test_what_yaml_has_and_a_district_file_has_not_is_refused_with_its_place(extra, faults, text, key, says):
    (told,) = faults(extra, text)
    assert told.startswith(f"{key} (line 7, column ")
    assert says in told


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 200_000, "a: " + "{b: " * 100_000, "- " * 100_000, "[" * 400_000 + "]" * 400_000]
)
def test_nesting_without_end_is_refused_and_does_not_take_the_process_down(load, faults, text):
    (told,) = faults(load, text)
    assert told.endswith("is nested too deeply")


def test_a_file_is_at_most_a_megabyte(load, faults):
    assert faults(load, "# x\n" * 300_000) == ["is larger than 1,000,000 bytes, which no district file is"]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    path = tmp_path / "eagle-ridge.yaml"
    path.write_text(MINIMAL.format(key="eagle-ridge"), encoding="utf-8-sig")
    assert load_district(path).district == "eagle-ridge"


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(DistrictFileError, match="cannot be read \\(Is a directory\\)"):
        load_district(tmp_path / "folder.yaml")
    with pytest.raises(DistrictFileError, match="cannot be read \\(No such file or directory\\)"):
        load_district(tmp_path / "absent.yaml")


def test_the_district_must_be_named_as_its_file(tmp_path):
    (tmp_path / "eagle-rigde.yaml").write_text(MINIMAL.format(key="eagle-ridge"))
    with pytest.raises(
        DistrictFileError, match=r"district \(line 1, column 11\): must be eagle-rigde, as the file is named"
    ):
        load_district(tmp_path / "eagle-rigde.yaml")


def test_a_broken_file_stands_beside_the_good_ones(tmp_path):
    _write(tmp_path, "b", "a", "c")
    (tmp_path / "broken.yaml").write_text("name: [")
    (tmp_path / "My District.yaml").write_text(MINIMAL.format(key="my-district"))
    registry = load_districts(tmp_path)
    assert list(registry.districts) == ["a", "b", "c"]
    assert list(registry.broken) == ["My District", "broken"]
    assert all(isinstance(error, DistrictFileError) for error in registry.broken.values())


def test_only_district_files_are_read_as_such(tmp_path):
    _write(tmp_path, "a")
    for name in (f"a{SCHOOLOGY_SUFFIX}", "a.yml", "a.yaml.bak", ".a.yaml", "README.md"):
        (tmp_path / name).write_text("no: district")
    registry = load_districts(tmp_path)
    assert (list(registry.districts), dict(registry.broken)) == (["a"], {})


def test_a_few_districts_are_read_without_the_others(tmp_path):
    _write(tmp_path, "north", "south")
    (tmp_path / "east.yaml").write_text("name: A\n")
    (tmp_path / "west.yaml").write_text("name: A\n")
    registry = load_districts(tmp_path, ["south", "west", "nowhere"])
    assert (list(registry.districts), list(registry.broken)) == (["south"], ["west"])
    assert not load_districts(tmp_path, []).districts


def test_the_registry_gives_a_district_or_says_why_not(tmp_path):
    _write(tmp_path, "eagle-ridge")
    (tmp_path / "broken.yaml").write_text("")
    registry = load_districts(tmp_path)
    assert registry.district("eagle-ridge") is registry.districts["eagle-ridge"]
    with pytest.raises(DistrictFileError, match="is empty"):
        registry.district("broken")
    with pytest.raises(NeedsPerson, match="the nearest is eagle-ridge"):
        registry.district("eagle-rigde")


def test_the_registry_cannot_be_changed_and_each_load_reads_anew(tmp_path):
    _write(tmp_path, "a")
    before = load_districts(tmp_path)
    assert isinstance(before, Registry)
    with pytest.raises(TypeError):
        before.districts["b"] = before.districts["a"]
    (tmp_path / "a.yaml").write_text(MINIMAL.format(key="a").replace("name: A", "name: B"))
    assert load_districts(tmp_path).districts["a"].name == "B"
    assert before.districts["a"].name == "A"


def test_no_folder_is_not_the_same_as_no_districts(tmp_path):
    assert load_districts(tmp_path).districts == {}
    with pytest.raises(NeedsPerson, match="SIS_ASSETS_HOME") as caught:
        load_districts(tmp_path / "districts")
    assert caught.value.mover is Mover.ENGINEER


def _shuffled(node: object, order: random.Random) -> object:
    if isinstance(node, dict):
        return dict(order.sample([(key, _shuffled(value, order)) for key, value in node.items()], len(node)))
    return [_shuffled(item, order) for item in node] if isinstance(node, list) else node


CONTENT = {
    "district": "eagle-ridge",
    "name": "Eagle Ridge",
    "timezone": "America/Los_Angeles",
    "sis": {
        "kind": "eschoolplus_files",
        "dropzone": {"folder": "/d", "quiet_seconds": 60},
        "files": {"columns": {"students": {"StudentID": "UPN ID", "Email": "Mail"}}},
    },
    "codes": {"grade": {"9": "09", "K": "KG"}},
    "calendar": {
        "year_start": "2026-08-12",
        "modes": [{"from": "2027-06-02", "to": "2027-07-31", "mode": "pause"}],
    },
    "alerts": [{"env": "A"}, "mailto://ops@example.org"],
    "guard": {"create": {"percent": "30"}},
}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    order=st.randoms(use_true_random=False),
    flow=st.booleans(),
    indent=st.integers(2, 8),
    default=st.booleans(),
)
def test_the_digest_does_not_depend_on_order_comments_format_or_defaults_written_out(
    tmp_path, order, flow, indent, default
):
    path = tmp_path / "eagle-ridge.yaml"
    path.write_text(yaml.safe_dump(CONTENT))
    expected = load_district(path).digest()
    content = _shuffled(CONTENT, order)
    if default:
        content["freshness"] = {"within_hours": "30"}
        content["guard"]["deactivate"] = {"percent": "10.0", "at_least": "10"}
        content["sis"]["files"]["delimiter"] = "|"
    text = yaml.safe_dump(content, default_flow_style=flow, indent=indent, sort_keys=False)
    path.write_text(f"# a comment\n{text}\n# another\n")
    assert load_district(path).digest() == expected


def test_the_digest_depends_on_every_value(tmp_path):
    path = tmp_path / "eagle-ridge.yaml"

    def digest(old: str, new: str) -> str:
        text = json.dumps(CONTENT)
        assert old in text
        path.write_text(text.replace(old, new))
        return load_district(path).digest()

    changes = [
        ("Eagle", "Eagle"),
        ("Eagle", "Eagles"),
        ("60", "61"),
        ("UPN ID", "UPN"),
        ('"09"', '"08"'),
        ('"env": "A"', '"env": "B"'),
        ('"env": "A"', '"file": "/A"'),
        ("pause", "normal"),
        ('"30"', '"31"'),
    ]
    digests = {digest(old, new) for old, new in changes}
    assert len(digests) == len(changes)
    assert all(len(value) == 64 for value in digests)


def test_the_digest_of_a_file_stays_when_the_models_learn_new_keys_with_defaults(tmp_path):
    _write(tmp_path, "eagle-ridge")
    said = {
        "district": "eagle-ridge",
        "name": "A",
        "sis": {"dropzone": {"folder": "/d"}, "kind": "oneroster_files"},
        "timezone": "UTC",
    }
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    expected = hashlib.sha256(canonical.encode()).hexdigest()
    assert load_district(tmp_path / "eagle-ridge.yaml").digest() == expected


def test_the_digest_does_not_depend_on_a_secrets_value(extra, monkeypatch):
    monkeypatch.setenv("A", "one")
    before = extra("alerts: [{env: A}]").digest()
    monkeypatch.setenv("A", "two")
    assert extra("alerts: [{env: A}]").digest() == before


def test_a_thousand_files_load_in_two_seconds(tmp_path):
    filled = yaml.safe_dump({key: value for key, value in CONTENT.items() if key != "district"})
    for number in range(1000):
        (tmp_path / f"district-{number}.yaml").write_text(f"district: district-{number}\n{filled}")
    fastest = float("inf")
    for _ in range(3):  # the machine may be busy: what counts is what the code needs
        began = time.process_time()
        registry = load_districts(tmp_path)
        fastest = min(fastest, time.process_time() - began)
    assert len(registry.districts) == 1000
    assert fastest <= 2.0


def test_importing_the_models_imports_nothing_heavy():
    code = (
        "import sys, sis_assets.districts; "
        "print({'dagster', 'duckdb', 'polars', 'paramiko', 'httpx', 'jsonschema'} & set(sys.modules))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert shown.stdout.strip() == "set()"
