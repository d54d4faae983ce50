"""Reading district files: one, or a folder of them in which a broken one never hides the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from sis_assets.districts.district import District
from sis_assets.districts.problems import DistrictFileError, from_validation
from sis_assets.districts.tree import Place, Problem, Tree, parse
from sis_assets.model.faults import Mover, NeedsPerson

SUFFIX = ".yaml"
#: The side file of a district, written by the Schoology commands: `<district>.schoology.yaml`.
SCHOOLOGY_SUFFIX = ".schoology.yaml"

_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Registry:
    """The districts of a folder, sorted by key, and the files that cannot be used, by the file's stem."""

    districts: Mapping[str, District]
    broken: Mapping[str, DistrictFileError]

    def district(self, key: str) -> District:
        """Return the district of this key.

        Raises its DistrictFileError when its file is broken, and NeedsPerson when there is no such file.
        """
        if key in self.districts:
            return self.districts[key]
        if key in self.broken:
            raise self.broken[key]
        close = get_close_matches(key, [*self.districts, *self.broken], n=1)
        raise NeedsPerson(
            tried=f"Looking for district {key}",
            seen="there is no district file of that name" + (f"; the nearest is {close[0]}" if close else ""),
            todo="Correct the name, or add the file to the districts folder",
            mover=Mover.ENGINEER,
        )


def load_districts(folder: Path, only: Collection[str] | None = None) -> Registry:
    """Read every `*.yaml` in `folder` but the side files, or of them those of the districts in `only`; each call reads anew.

    Raises NeedsPerson when the folder itself cannot be read: no folder is not the same as no districts.
    """
    districts: dict[str, District] = {}
    broken: dict[str, DistrictFileError] = {}
    for path in _files(folder):
        if only is not None and path.stem not in only:
            continue
        loaded = _read(path)
        if isinstance(loaded, District):
            districts[path.stem] = loaded
        else:
            broken[path.stem] = loaded
    return Registry(MappingProxyType(districts), MappingProxyType(broken))


def load_district(path: Path) -> District:
    """Read one district file. Raises DistrictFileError with everything that is wrong with it."""
    loaded = _read(path)
    if isinstance(loaded, District):
        return loaded
    raise loaded


def _files(folder: Path) -> list[Path]:
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        seen = error.strerror or type(error).__name__
    else:
        return sorted(
            path
            for path in paths
            if path.name.endswith(SUFFIX)
            and not path.name.endswith(SCHOOLOGY_SUFFIX)
            and not path.name.startswith(".")
        )
    raise NeedsPerson(
        tried=f"Looking for district files in {folder}",
        seen=seen,
        todo="Make the folder, or set SIS_ASSETS_HOME to the one that holds districts/",
        mover=Mover.ENGINEER,
    )


def _read(path: Path) -> District | DistrictFileError:
    """Return the district, or the error.

    The error is returned, not raised, so that no exception that quotes the file becomes its context.
    """
    text = _text(path)
    if isinstance(text, Problem):
        return DistrictFileError(path, (text,))
    tree = parse(text)
    problems, district = list(tree.problems), None
    if not isinstance(tree.data, dict):
        if not problems:
            form = "is empty" if tree.data is None else "must be a mapping of keys to values"
            problems.append(Problem((), tree.values.get(()), form))
    else:
        district, found = _district(tree, path)
        problems += found
    if district is None or problems:
        return DistrictFileError(path, tuple(sorted(problems, key=_in_order)))
    return district


def _text(path: Path) -> str | Problem:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        return Problem((), None, f"cannot be read ({error.strerror})")
    if len(content) > _LARGEST:
        return Problem((), None, f"is larger than {_LARGEST:,} bytes, which no district file is")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        return Problem((), Place(line, column), "is not UTF-8 text; save it as UTF-8")


def _district(tree: Tree, path: Path) -> tuple[District | None, list[Problem]]:
    try:
        district = District.model_validate(tree.data, context={"folder": path.parent.absolute()})
    except ValidationError as error:
        return None, from_validation(error, tree, District)
    if district.district == path.stem:
        return district, []
    return None, [
        Problem(
            ("district",),
            tree.values.get(("district",)),
            f"must be {path.stem}, as the file is named, or the file must be renamed",
        )
    ]


def _in_order(problem: Problem) -> tuple[int, int]:
    return (problem.place.line, problem.place.column) if problem.place else (0, 0)
