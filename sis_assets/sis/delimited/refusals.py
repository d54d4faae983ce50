"""The faults of a file that cannot be read, each with whose move it is. None of them holds a value of the file."""

from __future__ import annotations

from pathlib import Path

from sis_assets.model.faults import Mover, PermanentFault


def refused(path: Path, seen: str, todo: str, mover: Mover = Mover.DISTRICT) -> PermanentFault:
    """Return the fault that refuses the file at `path`."""
    return PermanentFault(tried=f"reading the file {path.name}", seen=seen, todo=todo, mover=mover)


def cut_off(path: Path, seen: str) -> PermanentFault:
    """Return the fault of a file that ends too early."""
    return refused(path, f"the file is cut off: {seen}", "Export and send the whole file again")


def out_of_step(path: Path, seen: str) -> PermanentFault:
    """Return the fault of a reading that contradicts itself: nothing of it may be used."""
    return refused(path, seen, "Keep the file and report this: the reader has a defect", Mover.ENGINEER)
