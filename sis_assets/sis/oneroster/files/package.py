"""What a district dropped, loose or in a zip, as a package: its files, and whether each holds everything or only changes.

Contract: OneRoster §4.1. Where the manifest and the files disagree nothing is read: changes taken for everything would
deactivate all who are not among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sis_assets.model.faults import Mover, PermanentFault
from sis_assets.sis.oneroster.contract import BY_NAME, ENTITIES
from sis_assets.sis.oneroster.files import manifest
from sis_assets.sis.oneroster.files.manifest import Manifest, Mode
from sis_assets.transport.archive import unpack
from sis_assets.transport.dropzone import Expected, Landed

MANIFEST: Final = "manifest"
_ZIP: Final = "zip"
_NAMES: Final = {
    entity.name: tuple(
        dict.fromkeys((entity.file, entity.file.lower(), entity.file[0].upper() + entity.file[1:]))
    )
    for entity in ENTITIES
} | {MANIFEST: (manifest.NAME,)}
#: What may lie in a drop, and in a zip.
IN_DROP: Final = Expected(_NAMES, {".zip": _ZIP})
IN_ZIP: Final = Expected(_NAMES)


@dataclass(frozen=True, slots=True)
class Package:
    """The files that are there, by entity, the manifest if there is one, and whether they stood in a folder of a zip."""

    files: Mapping[str, Landed]
    manifest: Manifest | None
    nested: bool

    @property
    def modes(self) -> Mapping[str, Mode]:
        """What each entity's file holds; without a manifest, all that is there is everything.

        Raises PermanentFault when the manifest and the files disagree.
        """
        if self.manifest is None:
            return {name: "bulk" if name in self.files else "absent" for name in BY_NAME}
        told = self.manifest.modes
        modes: dict[str, Mode] = {name: told.get(entity.stem, "absent") for name, entity in BY_NAME.items()}
        if missing := [
            BY_NAME[name].file for name in modes if modes[name] != "absent" and name not in self.files
        ]:
            raise manifest.wrong(f"it names {', '.join(missing)}, and there is no such file")
        if extra := [BY_NAME[name].file for name in modes if modes[name] == "absent" and name in self.files]:
            raise manifest.wrong(f"{', '.join(extra)} is there, and it says absent or nothing of it")
        return modes


def package_of(landed: Sequence[Landed], landing: Path) -> Package:
    """Return the package that landed; a zip is unpacked. Raises a Fault for what is none."""
    zipped = [file for file in landed if file.entity == _ZIP]
    if zipped and len(landed) > 1:
        raise PermanentFault(
            tried="Reading the drop",
            seen="a zip and loose files",
            todo="Leave only the current ones of either",
            mover=Mover.DISTRICT,
        )
    files, folder = tuple(landed), ""
    for archive in zipped:
        unpacked = unpack(archive.path, archive.name, IN_ZIP.entity, landing)
        files, folder = unpacked.files, unpacked.folder
    by_entity = {file.entity: file for file in files}
    letter = by_entity.pop(MANIFEST, None)
    return Package(
        by_entity,
        manifest.read(letter.path) if letter else None,
        nested=folder != "",
    )
