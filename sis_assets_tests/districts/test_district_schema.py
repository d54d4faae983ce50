"""The committed schema and the documentation page say what the models say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from sis_assets.districts import DistrictFileError, json_schema, load_district
from sis_assets.districts.__main__ import BEGIN, PAGE, with_tables
from sis_assets.districts.schema import SCHEMA_FILE, key_tables, schema_text

EXAMPLES = re.findall(r"```yaml\n# (\S+)\n(.*?)```\n(?:\n```text\n(.*?)```)?", PAGE.read_text(), re.DOTALL)


def _is_valid(text: str) -> bool:
    # An editor reads YAML 1.2, in which dates and times of day are text.
    content = re.sub(r"(?<![\w-])(\d{4}-\d\d-\d\d)(?![\w-])", r'"\1"', text)
    return Draft202012Validator(json_schema()).is_valid(yaml.safe_load(content))


def test_the_committed_schema_is_in_step_with_the_models():
    assert SCHEMA_FILE.read_text() == schema_text(), "run python -m sis_assets.districts"


def test_the_documentations_key_tables_are_in_step_with_the_models():
    page = PAGE.read_text()
    assert BEGIN in page
    assert with_tables(page) == page, "run python -m sis_assets.districts"


def test_the_schema_is_draft_2020_12():
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(json_schema())


def test_every_key_has_a_description():
    schema = json_schema()
    sections = [schema, *schema["$defs"].values()]
    bare = [
        (section["title"], key)
        for section in sections
        for key, field in section["properties"].items()
        if not (
            field.get("description") or schema["$defs"][field["$ref"].rsplit("/", 1)[-1]].get("description")
        )
    ]
    assert len(sections) > 30
    assert bare == []


def test_every_key_stands_in_the_documentations_tables():
    tables = key_tables()
    paths = (
        "district",
        "sis.dropzone.sftp.host_key",
        "sis.auth.consumer_secret",
        "guard.transfer.year_start_days",
        "calendar.modes[].from",
        "destinations.schoology.acting_user",
        "sis.requests.year_id",
        "sis.leas",
    )
    for path in paths:
        assert f"| `{path}` |" in tables
    keys = {key for section in json_schema()["$defs"].values() for key in section["properties"]}
    missing = {key for key in keys - {"env", "file"} if not re.search(rf"\| `(\S*\.)?{key}` \|", tables)}
    assert missing == set()


@pytest.mark.parametrize(("name", "text", "told"), EXAMPLES)
def test_the_documentations_examples_load_or_fail_as_they_say(tmp_path: Path, name, text, told):
    path = tmp_path / name
    path.write_text(text)
    if not told:
        assert load_district(path).district == path.stem
        return
    with pytest.raises(DistrictFileError) as caught:
        load_district(path)
    assert "".join(f"{problem}\n" for problem in caught.value.problems) == told


def test_the_documentation_has_good_and_bad_examples():
    assert [bool(told) for _, _, told in EXAMPLES] == [False, False, True, True, True, True]


@pytest.mark.parametrize("text", [text for _, text, told in EXAMPLES if not told])
def test_an_editor_finds_nothing_wrong_in_the_good_examples(text):
    assert _is_valid(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("folder:", "foldr:"),
        ("eschoolplus_files", "eschoolplus_file"),
        ("district: eagle-ridge", "district: Eagle Ridge"),
        ("dropzone:\n", "drop:\n"),
    ],
)
def test_an_editor_marks_what_the_loader_refuses(tmp_path: Path, old, new):
    text = EXAMPLES[0][1]
    assert old in text
    assert not _is_valid(text.replace(old, new))
    path = tmp_path / "eagle-ridge.yaml"
    path.write_text(text.replace(old, new))
    with pytest.raises(DistrictFileError):
        load_district(path)


def test_an_editor_marks_a_secret_in_the_file():
    text = EXAMPLES[1][1]
    assert not _is_valid(text.replace("{env: CEDAR_FALLS_SFTP_PASSWORD}", "correct-horse"))
    assert not _is_valid(text.replace("{env: CEDAR_FALLS_SFTP_PASSWORD}", "{env: A, file: /b}"))


def test_the_schema_is_plain_json():
    assert json.loads(schema_text()) == json_schema()
