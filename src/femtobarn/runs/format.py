"""The format of ``run.json``: its number, and what a record must hold to be read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from femtobarn.errors import InputError
from femtobarn.runs.records import DataKind

FORMAT = 1  #: of the run folder; raised when a reader of the old one would misread the new one

_NEEDED: dict[str, type] = {
    "system": str,
    "preset": str,
    "settings": dict,
    "seed": int,
    "status": str,
    "started": str,
}
_OPTIONAL: dict[str, type] = {
    "summary": str,
    "command": str,
    "reason": str,
    "ended": str,
    "versions": dict,
    "machine": dict,
}
_DATA: dict[str, type] = {"kind": str, "name": str, "source": str, "files": dict, "generator": dict}


def check_record(record: Any, folder: Path) -> None:
    """Check what ``run.json`` of a folder holds, which may come from anywhere.

    Raises:
        InputError: It is no record of a run, is damaged, or was written by a newer femtobarn.
    """
    path = folder / "run.json"
    found = record.get("format") if isinstance(record, dict) else None
    if type(found) is not int:
        raise InputError(f"{path} is not the record of a run: it has no format number")
    if found > FORMAT:
        newer = f"{folder} has run format {found}, this femtobarn reads up to {FORMAT}: update it"
        raise InputError(newer + _writer(record))
    if missing := _NEEDED.keys() - record.keys():
        raise InputError(f"{path} is damaged: it lacks {', '.join(sorted(missing))}")
    _check_types(record, _NEEDED | _OPTIONAL, path)
    data = record.get("data")
    if data is not None:
        _check_types({"data": data}, {"data": dict}, path)
        if {"kind", "name"} - data.keys() or data.keys() - _DATA.keys():
            raise InputError(f"{path} is damaged: data has {', '.join(sorted(data)) or 'nothing'}")
        _check_types(data, _DATA, path)
        _check_types(data.get("files", {}), dict.fromkeys(data.get("files", {}), str), path)
        if data["kind"] not in get_args(DataKind):
            raise InputError(f"{path} is damaged: data are {' or '.join(get_args(DataKind))}")


def _check_types(values: dict[str, Any], kinds: Mapping[str, type], path: Path) -> None:
    for name, kind in kinds.items():
        if name in values and not isinstance(values[name], kind):
            raise InputError(
                f"{path} is damaged: {name} is {type(values[name]).__name__}, not {kind.__name__}"
            )


def _writer(record: dict[str, Any]) -> str:
    """Which version wrote a run, as far as it says so."""
    versions = record.get("versions")
    version = versions.get("femtobarn") if isinstance(versions, dict) else None
    return f" to {version} or later, which wrote it" if isinstance(version, str) else ""
