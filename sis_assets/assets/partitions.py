"""The one partitions definition: districts. Dates are columns (decision D6)."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

DISTRICTS = dg.DynamicPartitionsDefinition(name="districts")

_CHUNK = 1000  # all keys of one call stand in one SQL statement


def register(instance: dg.DagsterInstance, districts: Iterable[str]) -> list[str]:
    """Add the districts that the instance does not know as partitions; gives those that were new.

    A district whose file went away keeps its partition: its history is still true.
    """
    known = set(instance.get_dynamic_partitions("districts"))
    new = sorted(set(districts) - known)
    for start in range(0, len(new), _CHUNK):
        instance.add_dynamic_partitions("districts", new[start : start + _CHUNK])
    return new
