"""The outbox is counted and proved complete, district by district."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from sis_assets.model.schema import OUTBOX
from sis_assets.pipeline.deliver import deliver
from sis_assets.pipeline.stage import Outcome, Stage
from sis_assets.sis.delimited import Readers
from sis_assets_tests.builders import district, in_memory, insert


def delivered(tmp_path: Path, **sequences: Sequence[tuple[int, str | None]]) -> dict[str, Outcome]:
    """Deliver districts whose outboxes hold these numbers, each with the time of its acknowledgement."""
    warehouse = in_memory(tmp_path)
    rows = [
        {"district_id": name, "sequence": number, "delivered_at": at}
        for name, found in sequences.items()
        for number, at in found
    ]
    warehouse.write(lambda connection: insert(connection, OUTBOX, rows))
    stage = Stage(warehouse.home, warehouse, cast("Readers", None))
    return deliver(stage, [district(name) for name in sequences])


def test_a_whole_outbox_is_counted(tmp_path: Path) -> None:
    taken = "2026-10-15T20:00:00+00:00"
    found = delivered(tmp_path, full=[(1, taken), (3, None), (2, None)], empty=[])
    assert found["full"].status is None
    assert found["full"].rows == {"delivery/outbox": 3, "delivery/outbox pending": 2}
    assert found["empty"].status is None
    assert found["empty"].rows == {"delivery/outbox": 0, "delivery/outbox pending": 0}


@pytest.mark.parametrize(
    "numbers",
    [[(1, None), (3, None)], [(2, None)], [(1, None), (2, None), (2, None)], [(1, None), (1, None), (3, None)], [(0, None), (2, None)]],
)  # fmt: skip
def test_a_gap_or_a_doubled_number_fails_its_district_only(
    tmp_path: Path, numbers: list[tuple[int, None]]
) -> None:
    found = delivered(tmp_path, broken=numbers, whole=[(1, None)])
    assert found["broken"].status == "failed"
    assert found["broken"].reason.endswith("Next move: engineer.")
    assert found["whole"].status is None
