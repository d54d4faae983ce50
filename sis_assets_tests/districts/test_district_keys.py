"""Every key of the district file: what it accepts, its default, and what it refuses."""

from __future__ import annotations

import base64
from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from sis_assets.districts import (
    Aeries,
    EschoolplusApi,
    EschoolplusFiles,
    OAuth1,
    OAuth2,
    OneRosterApi,
    OneRosterFiles,
    PowerSchool,
    Secret,
    SiteLogin,
    reveal,
)

SECRET = "{env: NAME}"
FILES = "sis: {kind: oneroster_files, dropzone: {folder: /d}}"


def _public_key(kind: str = "ssh-ed25519", size: int = 32) -> str:
    fields = [kind.encode(), bytes(1 + number % 255 for number in range(size))]
    blob = b"".join(len(field).to_bytes(4) + field for field in fields)
    return f"{kind} {base64.b64encode(blob).decode()}"


KEY = _public_key()


def test_the_example_of_the_design_loads_and_says_what_it_says(load):
    district = load("""
district: eagle-ridge             # partition key
name: Eagle Ridge Unified
timezone: America/Los_Angeles
state: CA
sis:
  kind: eschoolplus_files
  dropzone:
    folder: /srv/drop/eagle-ridge
    quiet_seconds: 300
  files: {delimiter: "|", encoding: cp1252, final_newline: true, names: {}, columns: {}}
schools: {include: [], exclude: [], planning: {}}
codes:   {status: {}, grade: {}, exit: {}}
pull:    {days: [mon, tue, wed, thu, fri], from: "20:00", to: "02:00"}
calendar:
  year_start: 2026-08-12
  year_end: 2027-06-04
  modes: [{from: 2027-06-02, to: 2027-07-31, mode: pause}]
access:  {expires: 2027-06-30, renewal_working_days: 10}
guard:   {}
freshness: {within_hours: 30}
alerts:  [mailto://ops@example.org, {env: SLACK_URL}]
""")
    assert (district.district, district.name, district.state) == ("eagle-ridge", "Eagle Ridge Unified", "CA")
    assert district.zone == ZoneInfo("America/Los_Angeles")
    assert district.sis_name == "eschoolplus"
    assert isinstance(district.sis, EschoolplusFiles)
    assert district.sis.dropzone.folder == Path("/srv/drop/eagle-ridge")
    assert district.sis.files.encoding == "cp1252"
    assert district.pull is not None
    assert (district.pull.opens, district.pull.closes) == (time(20), time(2))
    assert district.pull.days == ("mon", "tue", "wed", "thu", "fri")
    assert (district.calendar.year_start, district.calendar.year_end) == (date(2026, 8, 12), date(2027, 6, 4))
    (span,) = district.calendar.modes
    assert (span.first_day, span.last_day, span.mode) == (date(2027, 6, 2), date(2027, 7, 31), "pause")
    assert district.access.expires == date(2027, 6, 30)
    assert district.alerts == ("mailto://ops@example.org", Secret(env="SLACK_URL"))


def test_all_that_may_be_left_out_has_the_published_default(extra):
    district = extra("")
    files = district.sis.files
    assert (files.delimiter, files.encoding, files.final_newline, files.date_format) == (
        "|",
        None,
        True,
        "iso",
    )
    assert (files.names, files.columns) == ({}, {})
    assert district.sis.dropzone.quiet_seconds == 300
    guard = district.guard
    shares = {
        kind: getattr(guard, kind)
        for kind in type(guard).model_fields
        if kind not in {"on_hold", "approve_within_days"}
    }
    assert {kind: (share.percent, share.at_least) for kind, share in shares.items()} == {
        "deactivate": (10, 10),
        "create": (25, 50),
        "transfer": (25, 50),
        "update": (75, 50),
        "rekey": (5, 10),
        "rejected": (5, 10),
        "shrink": (80, 10),
    }
    assert (guard.transfer.year_start_days, guard.on_hold, guard.approve_within_days) == (60, "split", 30)
    assert district.pull is None
    assert (district.access.expires, district.access.renewal_working_days) == (None, 10)
    assert district.freshness.within_hours == 30
    assert district.destinations.schoology is None
    assert district.alerts == ()


def test_one_override_of_the_guard_leaves_the_others_at_their_default(extra):
    guard = extra("guard: {deactivate: {percent: 2.5}, on_hold: all}").guard
    assert (guard.deactivate.percent, guard.deactivate.at_least, guard.create.percent) == (2.5, 10, 25)
    assert guard.on_hold == "all"


def test_a_district_is_frozen(extra):
    with pytest.raises(ValidationError):
        extra("").name = "Another"


def test_a_key_without_a_value_counts_as_absent(extra):
    district = extra("schools:\nguard: {deactivate: ~}\nstate: null\n")
    assert district == extra("")


def test_scalars_are_the_text_that_stands_in_the_file(extra):
    district = extra(
        "schools: {include: [0132, 16, no, 1e5, 0x1F, 12:30, 2027-01-01, 1_0, .5, =], planning: {016: 017}}\n"
        "codes: {status: {0: active, no: inactive}}\n"
    )
    expected = ("0132", "16", "no", "1e5", "0x1F", "12:30", "2027-01-01", "1_0", ".5", "=")
    assert district.schools.include == expected
    assert district.schools.planning == {"016": "017"}
    assert district.codes.status == {"0": "active", "no": "inactive"}


def test_a_district_may_be_called_by_a_number(load):
    district = load(f"district: eagle-ridge\nname: 0042\ntimezone: UTC\n{FILES}")
    assert district.name == "0042"


def test_grades_map_to_ceds_codes_whether_quoted_or_not(extra):
    assert extra("codes: {grade: {9: 09, K: 'KG', P: PK, X: UG, 14: 13}}").codes.grade == {
        "9": "09",
        "K": "KG",
        "P": "PK",
        "X": "UG",
        "14": "13",
    }


@pytest.mark.parametrize(
    ("kind", "flow", "model", "name"),
    [
        (
            "powerschool",
            f"url: https://ps.example.org, client_id: abc, client_secret: {SECRET}",
            PowerSchool,
            "powerschool",
        ),
        (
            "aeries",
            f"url: https://a.example.org/aeries, certificate: {SECRET}, database_year: 2026",
            Aeries,
            "aeries",
        ),
        ("eschoolplus_files", "dropzone: {folder: /d}", EschoolplusFiles, "eschoolplus"),
        (
            "eschoolplus_api",
            (
                "url: https://e.example.org/plus360api/v1/abc, version: 1.2, auth: "
                f"{{kind: site_login, domain: d, site_code: 0042, login: l, password: {SECRET}}}"
            ),
            EschoolplusApi,
            "eschoolplus",
        ),
        ("oneroster_files", "dropzone: {folder: /d}", OneRosterFiles, "oneroster"),
        (
            "oneroster_api",
            (
                "url: https://o.example.org, version: '1.1', auth: {kind: oauth2, "
                f"token_url: https://o.example.org/token, client_id: {SECRET}, client_secret: {SECRET}}}"
            ),
            OneRosterApi,
            "oneroster",
        ),
    ],
)
def test_every_kind_of_sis_has_its_keys_and_its_prefix_of_raw_tables(sis, kind, flow, model, name):
    district = sis(f"{{kind: {kind}, {flow}}}")
    assert type(district.sis) is model
    assert district.sis_name == name


def test_the_three_ways_to_authenticate(sis):
    base = "kind: oneroster_api, url: https://o.example.org, version: 1.1"
    oauth1 = sis(
        f"{{{base}, auth: {{kind: oauth1, consumer_key: k, consumer_secret: {SECRET}, "
        "signature: HMAC-SHA1}}"
    )
    assert isinstance(oauth1.sis.auth, OAuth1)
    assert oauth1.sis.auth.signature == "HMAC-SHA1"
    oauth2 = sis(
        f"{{{base}, auth: {{kind: oauth2, token_url: https://o.example.org/t, client_id: c, "
        f"client_secret: {SECRET}, "
        "scopes: [https://purl.imsglobal.org/spec/or/v1p1/scope/roster-core.readonly]}}"
    )
    assert isinstance(oauth2.sis.auth, OAuth2)
    assert len(oauth2.sis.auth.scopes) == 1
    login = sis(
        f"{{{base}, auth: {{kind: site_login, domain: d, site_code: 0042, login: l, password: {SECRET}}}}}"
    )
    assert isinstance(login.sis.auth, SiteLogin)
    assert login.sis.auth.site_code == "0042"


ROSTER = f"kind: oneroster_api, url: https://o.example.org, version: 1.1, auth: {{kind: oauth1, consumer_key: k, consumer_secret: {SECRET}}}"


def test_a_oneroster_api_has_defaults_that_ask_for_nothing_unusual(sis):
    source = sis(f"{{{ROSTER}}}").sis
    assert (source.base_path, source.limit, source.sort, source.without, source.deltas) == (
        None,
        5000,
        "sourcedId",
        (),
        None,
    )


def test_a_oneroster_api_may_be_read_by_deltas_elsewhere_and_in_part(sis):
    source = sis(
        f"{{{ROSTER}, base_path: /v1p1, limit: 100, sort: none, without: [demographics], tombstone_days: 14,"
        " deltas: {full_every_days: 3, overlap_minutes: 0}}"
    ).sis
    assert (source.base_path, source.without, source.tombstone_days) == ("/v1p1", ("demographics",), 14)
    assert (source.deltas.full_every_days, source.deltas.overlap_minutes) == (3, 0)


@pytest.mark.parametrize("path", ["v1p1", "/v1p1/", "/v1p1?x=1", "/", "//host", "/v 1"])
def test_a_base_path_is_a_plain_path(sis, path):
    with pytest.raises(Exception, match="must be a path"):
        sis(f"{{{ROSTER}, base_path: '{path}'}}")


@pytest.mark.parametrize("name", ["X Domain", "X:Domain", "1Domain", "X-Dömain"])
def test_a_header_has_a_headers_name(sis, name):
    with pytest.raises(Exception, match="must be a header's name"):
        sis(
            "{kind: oneroster_api, url: https://o.example.org, version: 1.1, auth: {kind: site_login, domain: d, site_code: c,"
            f" login: l, password: {SECRET}, domain_header: '{name}'}}}}"
        )


def test_eschoolplus_expects_a_birth_date_and_leaves_nobody_out(sis):
    source = sis(f"{{{ROSTER.replace('oneroster_api', 'eschoolplus_api')}}}").sis
    assert source.expects == ("birthDate",)
    assert source.pre_registered.include
    assert source.out_of_district.include


def test_an_identifier_stands_in_clear_or_beside_its_secret(sis, monkeypatch):
    monkeypatch.setenv("NAME", "value-of-name")
    plain = sis(
        f"{{kind: powerschool, url: https://ps.example.org, client_id: 0042, client_secret: {SECRET}}}"
    )
    beside = sis(
        f"{{kind: powerschool, url: https://ps.example.org, client_id: {SECRET}, client_secret: {SECRET}}}"
    )
    assert reveal(plain.sis.client_id) == "0042"
    assert reveal(beside.sis.client_id) == "value-of-name"


@pytest.mark.parametrize(
    ("pasted", "site"),
    [
        ("https://a.example.org/aeries/", "https://a.example.org/aeries"),
        ("https://A.example.org/Aeries/api/v5/", "https://a.example.org/Aeries"),
        ("https://a.example.org/admin/api", "https://a.example.org/admin"),
        ("https://a.example.org/admin/API/v5/systeminfo?DatabaseYear=2026", "https://a.example.org/admin"),
        ("https://a.example.org/admin/Login.aspx?page=default.aspx", "https://a.example.org/admin"),
        ("https://a.example.org/admin/sub/Security/Page.ASPX#part", "https://a.example.org/admin"),
        ("https://a.example.org/LoginParent.aspx", "https://a.example.org"),
        ("https://a.example.org/two/names", "https://a.example.org/two/names"),
        ("https://api.example.org:8443/apiary", "https://api.example.org:8443/apiary"),
    ],
)
def test_an_address_of_aeries_may_be_pasted_from_any_of_its_pages(sis, pasted, site):
    aeries = sis(f"{{kind: aeries, url: '{pasted}', certificate: {SECRET}, database_year: 2026}}")
    assert aeries.sis.url == site


def test_aeries_may_list_leas_and_oneroster_its_identifiers(sis):
    aeries = sis(
        f"{{kind: aeries, url: https://a.example.org/aeries/, certificate: {SECRET}, "
        "database_year: 2026, leas: [0123, 0124]}"
    ).sis
    assert aeries.leas == ("0123", "0124")
    assert aeries.url == "https://a.example.org/aeries"
    ids = sis("{kind: oneroster_files, dropzone: {folder: /d}, ids: {student: identifier}}").sis.ids
    assert (ids.student, ids.school, ids.state_id) == ("identifier", "sourcedId", None)


def test_requests_say_how_columns_are_filled(sis):
    requests = sis(
        "{kind: eschoolplus_files, dropzone: {folder: /d}, requests: "
        "{mode: file, columns: {STUDENT_ID: student_id, RETAKE: null}, "
        "literals: {SCHD_INTERVAL: 01}, year_id: term}}"
    ).sis.requests
    assert requests.columns == {"STUDENT_ID": "student_id", "RETAKE": None}
    assert (requests.literals, requests.year_id) == ({"SCHD_INTERVAL": "01"}, "term")


def test_schoology_has_the_published_keys(extra):
    schoology = extra(
        "destinations: {schoology: {url: https://api.schoology.com/v1, consumer_key: {env: K}, "
        "consumer_secret: {env: S}, acting_user: 123456, schools: {0132: 99}, "
        "terms: {T1: 7}, inactive_leavers: true}}"
    ).destinations.schoology
    assert schoology is not None
    assert (schoology.acting_user, schoology.schools, schoology.terms) == (
        "123456",
        {"0132": "99"},
        {"T1": "7"},
    )
    assert (schoology.roles.student, schoology.roles.staff, schoology.inactive_leavers) == (
        "Student",
        "Teacher",
        True,
    )


def test_an_sftp_drop_pins_one_host_key_or_two(sis):
    base = (
        "{kind: oneroster_files, dropzone: {sftp: {host: h, username: u, password: {env: A}, host_key: %s}}}"
    )
    one = sis(base % f'"{KEY} comment"').sis.dropzone.sftp
    assert one.host_key == (KEY,)
    assert (one.port, one.path, one.legacy_ssh_rsa) == (22, "/", False)
    assert (one.timeouts.connect_seconds, one.timeouts.reply_seconds, one.timeouts.total_seconds) == (
        15,
        60,
        3600,
    )
    other = _public_key("ssh-rsa", 270)
    assert sis(base % f'["{KEY}", "{other}"]').sis.dropzone.sftp.host_key == (KEY, other)


def test_relative_paths_begin_at_the_folder_of_the_district_file(sis, tmp_path):
    assert (
        sis("{kind: oneroster_files, dropzone: {folder: ../drop}}").sis.dropzone.folder
        == tmp_path / "../drop"
    )


def test_a_tab_is_a_delimiter_and_an_encoding_may_be_spelt_in_any_way(extra, sis):
    files = sis(
        '{kind: eschoolplus_files, dropzone: {folder: /d}, files: {delimiter: "\\t", encoding: Windows-1252}}'
    ).sis.files
    assert (files.delimiter, files.encoding) == ("\t", "cp1252")


def test_columns_name_the_header_in_this_districts_file(sis):
    files = sis(
        "{kind: eschoolplus_files, dropzone: {folder: /d}, files: {names: {students: Pupils.csv}, "
        "columns: {students: {StudentID: UPN ID}}}}"
    ).sis.files
    assert files.names == {"students": "Pupils.csv"}
    assert files.columns == {"students": {"StudentID": "UPN ID"}}


def test_http_is_for_the_loopback_address_only(sis, faults):
    flow = f"{{kind: powerschool, url: %s, client_id: c, client_secret: {SECRET}}}"
    for url in ("http://127.0.0.1:8080", "http://localhost", "http://[::1]:80", "http://127.9.9.9/"):
        sis(flow % f'"{url}"')
    for url in ("http://ps.example.org", "http://10.0.0.1", "http://localhost.example.org", "http://0.0.0.0"):
        assert faults(sis, flow % f'"{url}"') == [
            (
                "sis.url (line 4, column 31): must begin with https://; "
                "http:// is allowed for this machine's loopback address only"
            )
        ]


def test_access_has_ended_on_the_day_after_it_expires(extra):
    access = extra("access: {expires: 2027-06-30}").access
    assert not access.ended(date(2027, 6, 30))
    assert access.ended(date(2027, 7, 1))
    assert not extra("").access.ended(date(2999, 1, 1))


ONEROSTER = (
    "kind: oneroster_api, version: 1.1, auth: {kind: oauth1, consumer_key: k, consumer_secret: {env: S}}"
)
SFTP = "kind: oneroster_files, dropzone: {sftp: {host: h, username: u, %s}}"


@pytest.mark.parametrize(
    ("flow", "key", "says"),
    [
        (
            "kind: powerschool, url: https://h/admin, client_id: c, client_secret: {env: S}",
            "sis.url",
            "without a path",
        ),
        (
            "kind: powerschool, url: https://u:p@h, client_id: c, client_secret: {env: S}",
            "sis.url",
            "password",
        ),
        (
            "kind: powerschool, url: 'https://h?a=b', client_id: c, client_secret: {env: S}",
            "sis.url",
            "no '?'",
        ),
        ("kind: powerschool, url: ftp://h, client_id: c, client_secret: {env: S}", "sis.url", "https://"),
        (
            "kind: powerschool, url: ps.example.org, client_id: c, client_secret: {env: S}",
            "sis.url",
            "must be a URL",
        ),
        (
            "kind: powerschool, url: 'https://h:99999', client_id: c, client_secret: {env: S}",
            "sis.url",
            "must be a URL",
        ),
        (
            "kind: powerschool, url: 'https://[::1', client_id: c, client_secret: {env: S}",
            "sis.url",
            "must be a URL",
        ),
        (
            "kind: aeries, url: 'https://h/aeries/api/v5/schools?CERT=0123', certificate: {env: S}, database_year: 2026",
            "sis.url",
            "must not hold the certificate",
        ),
        (
            "kind: aeries, url: h/aeries, certificate: {env: S}, database_year: 2026",
            "sis.url",
            "must be a URL",
        ),
        (
            "kind: aeries, url: http://h.example.org/aeries, certificate: {env: S}, database_year: 2026",
            "sis.url",
            "must begin with https://",
        ),
        (
            "kind: aeries, url: https://h, certificate: {env: S}, database_year: 2026, code_tables: [STU]",
            "sis.code_tables.0",
            "STU/TG",
        ),
        (
            "kind: aeries, url: https://h, certificate: {env: S}, database_year: 2026-27",
            "sis.database_year",
            "whole number",
        ),
        (
            "kind: aeries, url: https://h, certificate: {env: S}, database_year: 26",
            "sis.database_year",
            "at least 1990",
        ),
        (f"url: https://h/ims/oneroster/v1p1, {ONEROSTER}", "sis.url", "must end before"),
        (f"url: https://h/x/v1p1, {ONEROSTER}", "sis.url", "must end before"),
        (f"url: https://h, {ONEROSTER.replace('1.1', '1.3')}", "sis.version", "one of 1.1, 1.2"),
        (
            f"url: https://h, {ONEROSTER.replace('oauth1', 'oauth')}",
            "sis.auth.kind",
            "nearest known one is oauth",
        ),
        (
            f"url: https://h, {ONEROSTER.replace('kind: oauth1, ', '')}",
            "sis.auth.kind",
            "required and missing",
        ),
        (
            f"url: https://h, {ONEROSTER.replace('consumer_key', 'consumer_keys')}",
            "sis.auth.consumer_keys",
            "is consumer_key",
        ),
        ("kind: oneroster_files, dropzone: {}", "sis.dropzone", "exactly one of folder and sftp"),
        (
            "kind: oneroster_files, dropzone: {folder: /d, quiet_seconds: -1}",
            "sis.dropzone.quiet_seconds",
            "at least 0",
        ),
        ("kind: oneroster_files, dropzone: /d", "sis.dropzone", "must be a mapping"),
        (
            "kind: oneroster_files, dropzone: {folder: [/d]}",
            "sis.dropzone.folder",
            "must be text, not a list",
        ),
        (SFTP % f'host_key: "{KEY}"', "sis.dropzone.sftp", "exactly one of password and key_file"),
        (SFTP % f'password: {SECRET}, key_file: /k, host_key: "{KEY}"', "sis.dropzone.sftp", "exactly one"),
        (
            SFTP % f'password: {SECRET}, key_passphrase: {SECRET}, host_key: "{KEY}"',
            "sis.dropzone.sftp.key_passphrase",
            "key_file only",
        ),
        (SFTP % f"password: {SECRET}", "sis.dropzone.sftp.host_key", "required and missing"),
        (SFTP % f"password: {SECRET}, host_key: []", "sis.dropzone.sftp.host_key", "at least 1"),
        (
            SFTP % f'password: {SECRET}, host_key: ["{KEY}", "{KEY}", "{KEY}"]',
            "sis.dropzone.sftp.host_key",
            "at most 2",
        ),
        (SFTP % f'password: {SECRET}, host_key: "h {KEY}"', "sis.dropzone.sftp.host_key.0", "ssh-keyscan"),
        (SFTP % f'password: {SECRET}, host_key: "{KEY[:-4]}"', "sis.dropzone.sftp.host_key.0", "cut off"),
        (
            SFTP % f'password: {SECRET}, host_key: "ssh-rsa {KEY[12:]}"',
            "sis.dropzone.sftp.host_key.0",
            "cut off",
        ),
        (
            SFTP % f'password: {SECRET}, host_key: "{KEY}", timeouts: {{connect_seconds: 0}}',
            "sis.dropzone.sftp.timeouts.connect_seconds",
            "at least 1",
        ),
        (
            SFTP % f'password: {SECRET}, host_key: "{KEY}", port: 70000',
            "sis.dropzone.sftp.port",
            "at most 65535",
        ),
        (
            SFTP % f'password: {SECRET}, host_key: "{KEY}", legacy_ssh_rsa: maybe',
            "sis.dropzone.sftp.legacy_ssh_rsa",
            "true or false",
        ),
    ],
)
def test_what_a_sis_refuses_is_named_with_its_key(sis, faults, flow, key, says):
    told = faults(sis, f"{{{flow}}}")
    assert any(line.startswith(f"{key} (line 4, column ") and says in line for line in told), told


@pytest.mark.parametrize(
    ("flow", "key", "says"),
    [
        ("delimiter: '||'", "delimiter", "one character"),
        ("delimiter: a", "delimiter", "one character"),
        ("delimiter: '\"'", "delimiter", "one character"),
        ("delimiter: ''", "delimiter", "one character"),
        ("encoding: cp12521", "encoding", "encoding that Python knows"),
        ("encoding: base64", "encoding", "encoding that Python knows"),
        ("encoding: unicode_escape", "encoding", "encoding that Python knows"),
        ("date_format: ymd", "date_format", "iso, mdy, dmy"),
        ("names: {students: ../Student.txt}", "names.students", "plain file name"),
        ("names: {students: a/Student.txt}", "names.students", "plain file name"),
        ("names: {students: 'a\\Student.txt'}", "names.students", "plain file name"),
        ("names: {students: ..}", "names.students", "plain file name"),
        ("names: {students: .}", "names.students", "plain file name"),
        ("names: {students: ''}", "names.students", "is empty"),
        ("names: {students: ~}", "names.students", "nothing stands there"),
        ("names: {student: S.txt}", "names.student", "nearest known one is student"),
        ("names: {students: a.txt, schools: A.txt}", "names", "same file"),
        (
            "columns: {pupils: {A: B}}",
            "columns.pupils",
            "known keys: schools, courses, students, student_courses",
        ),
        ("columns: {students: {A: X, B: X}}", "columns.students", "same header"),
    ],
)
def test_what_files_refuses_is_named_with_its_key(sis, faults, flow, key, says):
    (told,) = faults(sis, f"{{kind: eschoolplus_files, dropzone: {{folder: /d}}, files: {{{flow}}}}}")
    assert told.startswith(f"sis.files.{key} (line 4, column ")
    assert says in told


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("state: California", "state", "two capital letters"),
        ("pull: {days: [], from: '20:00', to: '02:00'}", "pull.days", "at least 1"),
        ("pull: {days: [mon, mon]}", "pull.days", "twice"),
        ("pull: {days: [monday]}", "pull.days.0", "nearest known one is mon"),
        ("pull: {from: '20:00'}", "pull", "both from and to"),
        ("pull: {from: '20:00', to: '20:00'}", "pull.to", "must differ"),
        ("pull: {from: '8 pm', to: '24:00'}", "pull.to", "HH:MM"),
        ("pull: {from: 72000, to: '02:00'}", "pull.from", "HH:MM"),
        ("calendar: {year_start: 12/08/2026}", "calendar.year_start", "YYYY-MM-DD"),
        ("calendar: {year_start: 1786492800}", "calendar.year_start", "YYYY-MM-DD"),
        ("calendar: {year_end: 2027-02-30}", "calendar.year_end", "YYYY-MM-DD"),
        ("calendar: {year_start: 2027-08-12, year_end: 2027-06-04}", "calendar.year_end", "after year_start"),
        (
            "calendar: {year_start: 2026-08-12, year_end: 2028-06-04}",
            "calendar.year_end",
            "by a year at most",
        ),
        (
            "calendar: {modes: [{from: 2027-07-31, to: 2027-07-30, mode: pause}]}",
            "calendar.modes.0.to",
            "before from",
        ),
        (
            "calendar: {modes: [{from: 2027-07-31, to: 2027-08-01, mode: stop}]}",
            "calendar.modes.0.mode",
            "one of normal",
        ),
        (
            "calendar: {modes: [{from: 2027-07-31, mode: pause}]}",
            "calendar.modes.0.to",
            "required and missing",
        ),
        (
            (
                "calendar: {modes: [{from: 2027-07-01, to: 2027-07-05, mode: pause}, "
                "{from: 2027-06-01, to: 2027-07-01, mode: normal}]}"
            ),
            "calendar.modes.0",
            "share a day",
        ),
        ("access: {expires: soon}", "access.expires", "YYYY-MM-DD"),
        ("access: {renewal_working_days: 1.5}", "access.renewal_working_days", "whole number"),
        ("guard: {deactivate: {percent: 101}}", "guard.deactivate.percent", "at most 100"),
        ("guard: {deactivate: {percent: nan}}", "guard.deactivate.percent", "number"),
        ("guard: {deactivate: {year_start_days: 3}}", "guard.deactivate.year_start_days", "no known key"),
        ("guard: {on_hold: some}", "guard.on_hold", "one of split, all"),
        ("guard: {missing: {percent: 1}}", "guard.missing", "no known key"),
        ("freshness: {within_hours: 0}", "freshness.within_hours", "at least 1"),
        ("schools: {include: [0132], exclude: ['0132']}", "schools.exclude", "include names too"),
        ("schools: {include: 0132}", "schools.include", "must be a list"),
        ("schools: {include: [~]}", "schools.include.0", "nothing stands there"),
        ("schools: {include: [' ']}", "schools.include.0", "is empty"),
        ('schools: {include: ["a\\nb"]}', "schools.include.0", "one line"),
        ("codes: {grade: {9: 9}}", "codes.grade.9", "CEDS"),
        ("codes: {grade: {9: kg}}", "codes.grade.9", "CEDS"),
        ("codes: {exit: {W: left}}", "codes.exit.W", "one of withdrawn, transferred_out, graduated, no_show"),
        ("codes: {exit: {W: missing}}", "codes.exit.W", "one of withdrawn"),
        (
            "codes: {status: {A: enrolled}}",
            "codes.status.A",
            "one of active, pre_registered, inactive, graduated",
        ),
        ("destinations: {canvas: {}}", "destinations.canvas", "known keys: schoology"),
        ("destinations: {schoology: {url: https://h/v2}}", "destinations.schoology.url", "end in /v1"),
        ("alerts: mailto://ops@example.org", "alerts", "must be a list"),
    ],
)
def test_what_a_section_refuses_is_named_with_its_key(extra, faults, text, key, says):
    told = faults(extra, text)
    assert any(line.startswith(f"{key} (line 7, column ") and says in line for line in told), told


@pytest.mark.parametrize(("kind", "mode"), [("powerschool", "sql"), ("eschoolplus_files", "api")])
def test_requests_go_back_only_in_a_way_that_the_sis_has(sis, faults, kind, mode):
    keys = {
        "powerschool": "url: https://h, client_id: c, client_secret: {env: S}",
        "eschoolplus_files": "dropzone: {folder: /d}",
    }
    (told,) = faults(sis, f"{{kind: {kind}, {keys[kind]}, requests: {{mode: {mode}}}}}")
    assert told.startswith("sis.requests.mode (line 4")
    assert "for this kind of SIS" in told


def test_a_column_is_filled_by_a_field_or_by_a_literal(sis, faults):
    flow = (
        "{kind: eschoolplus_files, dropzone: {folder: /d}, requests: {columns: {A: kind}, literals: {A: R}}}"
    )
    (told,) = faults(sis, flow)
    assert told.startswith("sis.requests.literals (line 4")


@pytest.mark.parametrize(
    "zone", ["America/Los_Angles", "Pacific", "../etc/passwd", "America", "/etc/localtime", "a\\0b"]
)
def test_a_time_zone_must_exist(load, faults, zone):
    (told,) = faults(
        load,
        f'district: eagle-ridge\nname: E\ntimezone: "{zone}"\n{FILES}',
    )
    assert told.startswith("timezone (line 3, column 11): must be a time zone of the IANA database")


def test_a_misspelt_time_zone_gets_the_nearest(load, faults):
    (told,) = faults(
        load,
        f"district: eagle-ridge\nname: E\ntimezone: america/los_angles\n{FILES}",
    )
    assert told.endswith("the nearest known one is America/Los_Angeles")


@pytest.mark.parametrize("key", ["Eagle", "eagle_ridge", "", "a" * 64, "ümlaut", "a.b", "a/b"])
def test_a_district_key_is_short_and_plain(load, faults, key):
    told = faults(
        load,
        f'district: "{key}"\nname: E\ntimezone: UTC\n{FILES}',
    )
    assert told == ["district (line 1, column 11): must be 1 to 63 of the characters a-z, 0-9 and -"]
