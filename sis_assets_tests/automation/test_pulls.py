"""The schedule reads every API once a night, in runs of many districts, and leaves alone what is not due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import dagster as dg
import pytest

from sis_assets.assets.platform import DISTRICTS_TAG, Platform
from sis_assets.automation import pulls as module
from sis_assets.automation.pulls import pulls
from sis_assets.definitions import defs
from sis_assets.sandbox.powerschool.server import Sandbox
from sis_assets.sis.delimited import Readers
from sis_assets.transport import http
from sis_assets.warehouse import Home
from sis_assets_tests.homes import TestHome, student
from sis_assets_tests.powerschool_district import HURRIED

EVENING, LATER, NEXT = (f"2026-10-{moment}:00-07:00" for moment in ("15T20:10", "15T20:30", "16T20:10"))
NIGHTS = 'pull: {from: "20:00", to: "02:00"}\n'


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with Sandbox(students=8, seed=5) as opened:
        yield opened


@pytest.fixture
def town(test_home: TestHome, server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> TestHome:
    """Three districts by API, and one that drops files."""
    monkeypatch.setenv("TOWN_SECRET", server.client_secret)
    folder = test_home.root / "districts"
    folder.mkdir(parents=True)
    for name in ("alder", "cedar", "elm"):
        (folder / f"{name}.yaml").write_text(
            f"district: {name}\nname: {name}\ntimezone: America/Los_Angeles\nstate: CA\n"
            f"sis:\n  kind: powerschool\n  url: {server.url}\n  client_id: {server.client_id}\n"
            f"  client_secret: {{env: TOWN_SECRET}}\n{NIGHTS}"
        )
    test_home.add("birch")
    test_home.drop("birch", [student(1)])
    return test_home


def tick(instance: dg.DagsterInstance, at: str) -> list[dg.RunRequest]:
    moment = datetime.fromisoformat(at)
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=moment, repository_def=defs.get_repository_def()
    )
    said = pulls.evaluate_tick(context)
    return list(said.run_requests or ())


def names(requests: list[dg.RunRequest]) -> list[str]:
    return [request.partition_key or request.tags[DISTRICTS_TAG] for request in requests]


def run(
    instance: dg.DagsterInstance, home: TestHome, readers: Readers, request: dg.RunRequest, at: str
) -> bool:
    with Platform(Home.at(home.root), at=datetime.fromisoformat(at), readers=readers) as platform:
        return (
            defs.resolve_job_def("sync_district")
            .execute_in_process(
                instance=instance,
                partition_key=request.partition_key,
                tags=dict(request.tags),
                resources={"platform": platform},
                raise_on_error=False,
            )
            .success
        )


def partitions(instance: dg.DagsterInstance) -> set[str]:
    return instance.get_materialized_partitions(dg.AssetKey(["lifecycle", "accounts"]))


def test_the_districts_that_are_due_are_one_run_and_then_due_no_more(
    town: TestHome, instance: dg.DagsterInstance, readers: Readers
) -> None:
    assert not tick(instance, "2026-10-15T19:50:00-07:00")
    [request] = tick(instance, EVENING)
    assert names([request]) == ["alder,cedar,elm"]
    assert run(instance, town, readers, request, EVENING)
    assert partitions(instance) == {"alder", "cedar", "elm"}
    assert not tick(instance, LATER)
    assert names(tick(instance, NEXT)) == ["alder,cedar,elm"]


def test_one_that_fails_stops_no_other_and_is_tried_again_alone(
    town: TestHome,
    server: Sandbox,
    instance: dg.DagsterInstance,
    readers: Readers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = town.root / "districts" / "cedar.yaml"
    good = file.read_text()
    file.write_text(good.replace(server.url, "http://127.0.0.1:9"))
    patient = good.replace("pull:", "access: {expires: 2026-10-15}\npull:")
    (town.root / "districts" / "elm.yaml").write_text(patient.replace("cedar", "elm"))
    [request] = tick(instance, EVENING)
    assert names([request]) == ["alder,cedar,elm"]
    monkeypatch.setattr(http, "Patience", lambda: HURRIED)
    assert not run(instance, town, readers, request, EVENING)
    assert partitions(instance) == {"alder", "elm"}
    assert not tick(instance, "2026-10-15T20:20:00-07:00")
    file.write_text(good)
    [again] = tick(instance, LATER)
    assert again.partition_key == "cedar"
    assert run(instance, town, readers, again, LATER)
    assert partitions(instance) == {"alder", "cedar", "elm"}
    assert names(tick(instance, NEXT)) == ["alder,cedar"]


def test_many_are_several_runs_and_what_is_in_a_run_already_is_in_no_other(
    town: TestHome, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    first, second = tick(instance, EVENING)
    assert names([first, second]) == ["alder,cedar", "elm"]
    job = defs.resolve_job_def("sync_district")
    instance.create_run_for_job(job, tags=dict(first.tags))
    assert names(tick(instance, EVENING)) == ["elm"]
