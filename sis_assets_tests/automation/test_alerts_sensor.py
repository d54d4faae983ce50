"""The sensor tells the team by its channels, keeps the quiet hours, and starts nothing."""

from __future__ import annotations

import time
from datetime import datetime

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._utils.error import SerializableErrorInfo

from sis_assets.automation.alerts import QUIET, TEAM, alerts_fleet, channels, is_quiet
from sis_assets.districts import load_districts
from sis_assets.model.faults import NeedsPerson
from sis_assets_tests.homes import TestHome, student
from sis_assets_tests.webhooks import Webhook


def tick(instance: dg.DagsterInstance) -> str:
    said = alerts_fleet(dg.build_sensor_context(instance=instance))
    assert isinstance(said, dg.SkipReason)
    return said.skip_message or ""


def test_a_broken_district_file_is_told_once(
    test_home: TestHome, instance: dg.DagsterInstance, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TEAM, f"{webhook.url}/team")
    test_home.add("north")
    test_home.drop("north", [student(1)])
    assert tick(instance) == "0 messages sent."
    file = test_home.root / "districts" / "north.yaml"
    whole = file.read_text()
    file.write_text(whole + "nonsense: 1\n")
    assert tick(instance) == "1 message sent."
    assert "nonsense" in webhook.got[0]["message"]
    assert tick(instance) == "0 messages sent."
    file.write_text(whole)
    assert tick(instance) == "1 message sent."
    assert "1 district no longer" in webhook.got[1]["message"]


def test_nothing_is_told_in_the_quiet_hours(
    test_home: TestHome, instance: dg.DagsterInstance, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TEAM, f"{webhook.url}/team")
    test_home.add("north", more="nonsense: 1\n")
    monkeypatch.setenv(QUIET, "00:00-00:00 UTC")
    assert tick(instance).startswith("Quiet hours")
    monkeypatch.delenv(QUIET)
    assert tick(instance) == "1 message sent."
    assert len(webhook.got) == 1


def test_a_dead_channel_is_named_without_its_address(
    test_home: TestHome, instance: dg.DagsterInstance, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TEAM, f"{webhook.url}/broken {webhook.url}/team")
    test_home.add("north", more="nonsense: 1\n")
    assert tick(instance) == f"2 messages sent; no message was taken by 1 of {TEAM}."
    assert f"The alert channel 1 of {TEAM} takes no message" in webhook.got[-1]["message"]


def test_a_job_that_fails_is_told_until_it_works_again(
    test_home: TestHome, instance: dg.DagsterInstance, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TEAM, f"{webhook.url}/team")
    test_home.add("north")

    @dg.op(config_schema={"works": bool})
    def maybe(context) -> None:  # type: ignore[no-untyped-def] # Dagster reads annotations as they stand
        if not context.op_config["works"]:
            raise dg.Failure("no")

    @dg.job
    def upkeep() -> None:
        maybe()

    def run(works: bool) -> None:
        config = {"ops": {"maybe": {"config": {"works": works}}}}
        upkeep.execute_in_process(run_config=config, instance=instance, raise_on_error=False)

    for works in (True, False):
        run(works)
    tick(instance)
    assert webhook.got[-1]["title"] == "sis-assets: 1 job needs attention"
    assert "1 job failing: upkeep" in webhook.got[-1]["message"]
    tick(instance)
    assert len(webhook.got) == 1
    run(works=True)
    tick(instance)
    assert "1 job no longer failing: upkeep" in webhook.got[-1]["message"]
    assert len(webhook.got) == 2


def test_a_sensor_whose_newest_tick_failed_is_told_until_one_works(
    test_home: TestHome, instance: dg.DagsterInstance, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TEAM, f"{webhook.url}/team")
    test_home.add("north")
    code = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name="sis_assets.definitions"), container_image=None
    )
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(code, "repository"), "drops")
    state = InstigatorState(
        origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData(min_interval=30)
    )
    instance.add_instigator_state(state)
    for status, told in (
        (TickStatus.FAILURE, "1 sensor failing: drops"),
        (TickStatus.SUCCESS, "1 sensor no longer failing"),
    ):
        moment = time.time()
        error = SerializableErrorInfo("no", [], "RuntimeError") if status is TickStatus.FAILURE else None
        instance.create_tick(
            TickData(
                state.instigator_origin_id,
                "drops",
                InstigatorType.SENSOR,
                status,
                moment,
                selector_id=state.selector_id,
                error=error,
                run_ids=[],
            )
        )
        assert tick(instance) == "1 message sent."
        assert told in webhook.got[-1]["message"]


def test_before_there_are_districts_there_is_nothing_to_tell(
    test_home: TestHome, instance: dg.DagsterInstance
) -> None:
    assert tick(instance) == "There is no folder districts/ in SIS_ASSETS_HOME yet"


def test_a_districts_channels_are_its_own_and_a_missing_secret_is_a_channel_without_an_address(
    test_home: TestHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORTH_HOOK", "json://127.0.0.1:9/x")
    test_home.add("north", more="alerts: [mailto://ops@example.org, {env: NORTH_HOOK}, {env: MISSING}]\n")
    found = channels(load_districts(test_home.root / "districts"), {TEAM: " json://a  json://b\n"})
    assert [(channel.name, channel.districts) for channel in found] == [
        (f"1 of {TEAM}", None),
        (f"2 of {TEAM}", None),
        ("1 of north", frozenset({"north"})),
        ("2 of north", frozenset({"north"})),
        ("3 of north", frozenset({"north"})),
    ]
    assert [channel.url for channel in found[2:]] == [
        "mailto://ops@example.org",
        "json://127.0.0.1:9/x",
        None,
    ]


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        ("2026-11-01T05:59:59-06:00", True),
        ("2026-11-01T06:00:00-06:00", False),
        ("2026-10-31T22:00:00-05:00", True),
        ("2026-10-31T21:59:59-05:00", False),
    ],
)
def test_quiet_hours_are_those_of_their_time_zone_over_midnight_and_the_change_of_clocks(
    moment: str, quiet: bool
) -> None:
    assert is_quiet(datetime.fromisoformat(moment), {QUIET: "22:00-06:00 America/Chicago"}) is quiet
    assert not is_quiet(datetime.fromisoformat(moment), {})


@pytest.mark.parametrize(
    "text", ["22:00 America/Chicago", "22:00-06:00", "22:00-06:00 Nowhere/Land", "x-y UTC"]
)
def test_quiet_hours_that_are_written_wrong_are_explained(text: str) -> None:
    with pytest.raises(NeedsPerson, match="22:00-06:00 America/Chicago"):
        is_quiet(datetime.fromisoformat("2026-11-01T05:59:59-06:00"), {QUIET: text})
