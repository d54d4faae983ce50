"""What people are told, and what they are not told twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sis_assets.model.faults import Mover
from sis_assets.pipeline.alerts import Channel, Message, Telling, message, news, tell
from sis_assets.pipeline.fleet import Condition, Kind
from sis_assets.warehouse import Warehouse
from sis_assets_tests.builders import in_memory

MORNING = datetime(2026, 10, 15, 8, tzinfo=UTC)
TEAM = Channel("team", "team-url")


def trouble(
    name: str, kind: Kind = Kind.FAILING, says: str = "The file is cut.", content: str = ""
) -> Condition:
    return Condition(name, kind, MORNING, f"{says} Next move: district.", Mover.DISTRICT, content)


@dataclass
class Desk:
    """Channels and what they got; those in `dead` take nothing."""

    warehouse: Warehouse
    got: list[tuple[str, Message]] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    now: datetime = MORNING

    def tell(self, *conditions: Condition, channels: Sequence[Channel] = (TEAM,)) -> Telling:
        self.got.clear()
        self.now += timedelta(minutes=1)
        return tell(self.warehouse, conditions, channels, self.now, self._send)

    def _send(self, url: str, text: Message) -> bool:
        self.got.append((url, text))
        return url not in self.dead


@pytest.fixture
def desk() -> Iterator[Desk]:
    with in_memory() as warehouse:
        yield Desk(warehouse)


def test_new_trouble_is_told_once_changed_trouble_again_and_its_end_once(desk: Desk) -> None:
    assert desk.tell() == Telling(0, ())
    assert desk.tell(trouble("north")).sent == 1
    assert desk.tell(trouble("north")).sent == 0
    assert desk.tell(trouble("north", content="worse")).sent == 1
    assert desk.tell().sent == 1
    [(_, text)] = desk.got
    assert text == Message("sis-assets: 1 trouble is over", "1 district no longer failing: north")
    assert desk.tell().sent == 0
    assert desk.tell(trouble("north")).sent == 1


def test_hundreds_that_fail_alike_are_one_message_that_counts_them(desk: Desk) -> None:
    alike = [trouble(f"district-{number:03}") for number in range(300)]
    desk.tell(*alike, trouble("odd", Kind.HELD, "odd-000001.1 waits."))
    [(_, text)] = desk.got
    assert text.title == "sis-assets: 301 districts need attention"
    first, second = text.body.split("\n\n")
    assert first.startswith("300 districts failing: district-000, district-001,")
    assert first.endswith("district-011 and 288 more\nThe file is cut. Next move: district.")
    assert second == "1 district held for a decision: odd\nodd-000001.1 waits. Next move: district."


def test_a_district_hears_of_itself_and_the_team_of_all(desk: Desk) -> None:
    channels = [
        TEAM,
        Channel("north", "north-url", frozenset({"north"})),
        Channel("west", "west-url", frozenset({"west"})),
    ]
    desk.tell(trouble("north"), trouble("south"), channels=channels)
    got = dict(desk.got)
    assert set(got) == {"team-url", "north-url"}
    assert "south" not in got["north-url"].body
    assert got["team-url"].title == "sis-assets: 2 districts need attention"


def test_a_dead_channel_is_told_to_the_others_once_and_so_is_its_return(desk: Desk) -> None:
    channels = [TEAM, Channel("1 of north", "north-url", frozenset({"north"}))]
    desk.dead = {"north-url"}
    assert desk.tell(trouble("north"), channels=channels) == Telling(2, ("1 of north",))
    assert [url for url, _ in desk.got] == ["team-url", "north-url", "team-url"]
    assert "The alert channel 1 of north takes no message" in desk.got[-1][1].body
    assert desk.tell(trouble("north"), channels=channels).sent == 0
    assert desk.tell(trouble("north", content="worse"), channels=channels) == Telling(1, ("1 of north",))
    desk.dead.clear()
    assert desk.tell(trouble("north", content="worst"), channels=channels) == Telling(3, ())
    assert "1 alert channel no longer taking no message: 1 of north" in desk.got[-1][1].body


def test_what_no_channel_took_is_told_the_next_time(desk: Desk) -> None:
    desk.dead = {"team-url"}
    assert desk.tell(trouble("north")) == Telling(0, ("team",))
    desk.dead.clear()
    assert desk.tell(trouble("north")).sent == 1
    desk.dead = {"team-url"}
    assert desk.tell().sent == 0
    desk.dead.clear()
    assert desk.tell().sent == 1


def test_a_channel_whose_secret_is_not_in_its_place_is_dead(desk: Desk) -> None:
    assert desk.tell(trouble("north"), channels=[Channel("secret", None), TEAM]) == Telling(2, ("secret",))


def test_a_url_is_no_part_of_what_a_channel_shows() -> None:
    assert "team-url" not in repr(TEAM)


def test_what_was_told_stands_in_the_ledger(desk: Desk) -> None:
    desk.tell(trouble("north"))
    desk.tell(trouble("north", content="worse"))
    desk.tell()
    with desk.warehouse.read() as connection:
        rows = connection.execute("SELECT district_id, kind, recovered_at FROM ops.alerts").fetchall()
    assert [(row[0], row[1], row[2] is not None) for row in rows] == [("north", "failing", True)]


TROUBLES = st.lists(
    st.builds(trouble, st.sampled_from("abc"), st.sampled_from(list(Kind)), content=st.sampled_from("xy")),
    unique_by=lambda each: (each.district_id, each.kind),
)


@given(TROUBLES)
def test_every_district_and_reason_is_in_the_message(conditions: list[Condition]) -> None:
    text = message(news(conditions, []))
    for condition in conditions:
        assert condition.district_id in text.body
        assert condition.says in text.body
