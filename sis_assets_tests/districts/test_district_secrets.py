"""No secret stands in a district file, and none comes out of one: not by repr, dump, digest or message."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sis_assets.districts import DistrictFileError, Secret, load_district, load_districts
from sis_assets.model.faults import Mover, NeedsPerson

PLAIN = {
    "district": "eagle-ridge",
    "name": "Eagle Ridge",
    "timezone": "America/Los_Angeles",
    "state": "CA",
    "sis": {
        "kind": "oneroster_api",
        "url": "https://o.example.org",
        "version": "1.1",
        "auth": {
            "kind": "oauth1",
            "consumer_key": "k",
            "consumer_secret": {"env": "S"},
            "signature": "HMAC-SHA1",
        },
        "ids": {"student": "identifier"},
    },
    "schools": {"include": ["16"]},
    "codes": {"grade": {"9": "09"}, "exit": {"W": "withdrawn"}},
    "pull": {"days": ["mon"], "from": "20:00", "to": "02:00"},
    "calendar": {
        "year_start": "2026-08-12",
        "modes": [{"from": "2027-06-02", "to": "2027-07-31", "mode": "pause"}],
    },
    "guard": {"deactivate": {"percent": "5"}, "on_hold": "all"},
    "freshness": {"within_hours": "30"},
    "alerts": [{"file": "/run/alert"}],
    "destinations": {
        "schoology": {
            "url": "https://h/v1",
            "consumer_key": {"env": "K"},
            "consumer_secret": {"env": "S"},
            "acting_user": "1",
            "inactive_leavers": "true",
        }
    },
}
SECRET_PLACES = [
    ("sis", "auth", "consumer_secret"),
    ("alerts", 0),
    ("destinations", "schoology", "consumer_secret"),
]


def _places(node: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, child in children for place in _places(child, (*path, key)))]


def _with(path: tuple[str | int, ...], value: object) -> object:
    if not path:
        return value
    data = copy.deepcopy(PLAIN)
    parent = data
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = value
    return data


def _everything_told(error: BaseException) -> str:
    record = logging.LogRecord(
        "t", logging.ERROR, "f", 1, "%s", (error,), (type(error), error, error.__traceback__)
    )
    told = [str(error), repr(error), logging.Formatter().format(record), *traceback.format_exception(error)]
    told += [repr(error.__cause__), repr(error.__context__), repr(pickle.loads(pickle.dumps(error)).problems)]
    return "\n".join(told)


#: Values that look like secrets and stand nowhere in our own words.
SECRETS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=8, max_size=60
).map(lambda text: f"zQ7{text}9vX".replace("\\", "/"))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    value=SECRETS, place=st.sampled_from([place for place in _places(PLAIN) if place]), wrapped=st.booleans()
)
def test_no_value_of_the_file_comes_out_by_an_error_wherever_it_stands(tmp_path, value, place, wrapped):
    path = tmp_path / "eagle-ridge.yaml"
    path.write_text(
        yaml.safe_dump(_with(place, [value] if wrapped else value), allow_unicode=True), encoding="utf-8"
    )
    registry = load_districts(tmp_path)
    for error in registry.broken.values():
        assert "zQ7" not in _everything_told(error)
    refused = {*SECRET_PLACES, ("district",), ("timezone",), ("state",), ("sis",), ("sis", "kind")}
    assert ("eagle-ridge" in registry.broken) or place not in refused


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    value=SECRETS,
    place=st.sampled_from(SECRET_PLACES),
    form=st.sampled_from(["text", "key", "value", "list"]),
)
def test_a_secret_in_the_file_is_refused_in_words_that_say_how_to_write_it(tmp_path, value, place, form):
    written = {"text": value, "key": {value: None}, "value": {"secret": value}, "list": [value]}[form]
    path = tmp_path / "eagle-ridge.yaml"
    path.write_text(yaml.safe_dump(_with(place, written), allow_unicode=True), encoding="utf-8")
    with pytest.raises(DistrictFileError) as caught:
        load_district(path)
    assert "{env: NAME}" in str(caught.value)
    assert "zQ7" not in _everything_told(caught.value)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    value=SECRETS,
    before=st.sampled_from(["", "*", "&", "!", "%", "@", "'", '"', "{", "[", "!!", "|", ">", "- ", "? "]),
)
def test_yaml_that_cannot_be_read_is_not_quoted(tmp_path, value, before):
    path = tmp_path / "eagle-ridge.yaml"
    path.write_text(
        f"district: eagle-ridge\nsis: {{client_secret:{value}}}\npassword: {before}{value}\n",
        encoding="utf-8",
    )
    with pytest.raises(DistrictFileError) as caught:
        load_district(path)
    assert "zQ7" not in _everything_told(caught.value)


def test_bytes_that_are_no_text_are_not_quoted(tmp_path):
    path = tmp_path / "eagle-ridge.yaml"
    path.write_bytes(b"district: eagle-ridge\npassword: zQ7\xff\xfe9vX\n")
    with pytest.raises(DistrictFileError) as caught:
        load_district(path)
    assert "line 2, column 14: is not UTF-8 text" in str(caught.value)
    assert "zQ7" not in _everything_told(caught.value)


@pytest.mark.parametrize(
    "text", ["client_secret:zQ7hunter9vX", "zQ7 hunter: 9vX", "https://u:zQ7@h", "zQ7=="]
)
def test_a_key_that_does_not_look_like_one_is_not_repeated(extra, text):
    with pytest.raises(DistrictFileError) as caught:
        extra(f'"{text} {"x" * 40}": y\n')
    assert "…" in str(caught.value)
    assert "zQ7" not in _everything_told(caught.value)


def test_pydantic_itself_shows_no_input():
    with pytest.raises(ValidationError) as caught:
        Secret.model_validate("zQ7hunter9vX")
    assert "zQ7" not in str(caught.value)
    assert "zQ7" not in repr(caught.value)


def test_a_secret_shows_its_place_and_never_its_value(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("zQ7hunter9vX\n")
    monkeypatch.setenv("NAME", "zQ7hunter9vX")
    for secret, place in (
        (Secret(env="NAME"), "NAME"),
        (Secret(file=tmp_path / "secret"), str(tmp_path / "secret")),
    ):
        assert secret.reveal() == "zQ7hunter9vX"
        shown = f"{secret} {secret!r} {secret.model_dump()} {secret.model_dump_json()} {secret.__dict__}"
        assert "zQ7" not in shown
        assert place in str(secret)
        assert place in repr(secret)


def test_a_secret_is_read_each_time_it_is_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("NAME", "first")
    secret = Secret(env="NAME")
    assert secret.reveal() == "first"
    monkeypatch.setenv("NAME", "second")
    assert secret.reveal() == "second"
    monkeypatch.delenv("NAME")
    with pytest.raises(NeedsPerson):
        secret.reveal()


def test_only_line_ends_at_the_end_of_a_secret_file_do_not_count(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b" two words \r\n\n")
    assert Secret(file=path).reveal() == " two words "


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_environment_variable_without_a_value_is_named_and_is_the_engineers(monkeypatch, value):
    monkeypatch.delenv("EAGLE_SECRET", raising=False)
    if value is not None:
        monkeypatch.setenv("EAGLE_SECRET", value)
    with pytest.raises(NeedsPerson, match="EAGLE_SECRET") as caught:
        Secret(env="EAGLE_SECRET").reveal()
    assert caught.value.mover is Mover.ENGINEER
    assert ("not set" if value is None else "empty") in str(caught.value)


@pytest.mark.parametrize(
    ("content", "seen"),
    [(None, "No such file"), (b"", "is empty"), (b"\n", "is empty"), (b"zQ7\xff", "not UTF-8")],
)
def test_a_secret_file_without_a_secret_is_named_and_is_the_engineers(tmp_path: Path, content, seen):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NeedsPerson, match=str(path)) as caught:
        Secret(file=path).reveal()
    assert caught.value.mover is Mover.ENGINEER
    assert seen in str(caught.value)
    assert caught.value.__context__ is None
    assert "zQ7" not in str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        "{env: A, file: /b}",
        "{}",
        "{env: }",
        "{env: ''}",
        "{env: 'A B'}",
        "{env: [A]}",
        "{file: ''}",
        "[]",
        "~",
    ],
)
def test_a_reference_names_exactly_one_place(extra, faults, written):
    assert faults(extra, f"alerts: [{written}]\n")


@pytest.mark.parametrize(
    "url",
    [
        "mailto://ops:zQ7hunter9vX@example.org",
        "mailto://example.org?user=ops&pass=zQ7hunter9vX",
        "mailtos://ops@example.org?smtp_password=zQ7",
        "slack://zQ7A/zQ7B/zQ7C",
        "https://hooks.slack.com/services/zQ7A/zQ7B",
        "jsons://example.org/hook?+Authorization=zQ7",
        "jsons://example.org/zQ7a8b9c0d1e2f3a4b5c6d7e8",
        "jsons://zQ7:zQ7@example.org",
        "jsons://example.org/hook#zQ7",
        "json://alerts.example.org/hook",
        "ops@zQ7.example.org",
    ],
)
def test_an_alert_url_with_a_credential_or_in_clear_is_refused(extra, faults, url):
    (told,) = faults(extra, f'alerts: ["{url}"]\n')
    assert told.startswith(
        "alerts.0 (line 7, column 10): must be" if "holds" not in told else "alerts.0 (line 7"
    )
    assert "zQ7" not in told


@pytest.mark.parametrize(
    "url",
    ["mailto://ops@example.org", "mailtos://smtp.example.org:587?from=a@example.org&to=b@example.org",
     "jsons://alerts.example.org/district/hook", "json://127.0.0.1:8080/hook", "syslog://local0"],
)  # fmt: skip
def test_an_alert_url_without_a_credential_stands_in_the_file(extra, url):
    assert extra(f'alerts: ["{url}"]\n').alerts == (url,)
