"""Figures in a run folder: drawing, numbers drawn, and an index of their texts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from femtobarn.errors import printable
from femtobarn.runs.files import (
    check_name,
    own_folder,
    own_path,
    read_json,
    reading,
    write_atomically,
    write_json,
)
from femtobarn.runs.records import Figure

_INDEX = "figures/index.json"


def save(folder: Path, name: str, *, drawing: bytes, table: str, texts: Mapping[str, str]) -> None:
    """Store a figure in place of one of the same name.

    Args:
        folder: Of the run.
        name: File name without ending.
        drawing: As SVG.
        table: The numbers drawn, as CSV.
        texts: Title, caption and section.
    """
    own_folder(folder, Path("figures", name).parent)
    write_atomically(own_path(folder, f"figures/{name}.csv"), table.encode())
    write_atomically(own_path(folder, f"figures/{name}.svg"), drawing)
    entry = {"name": name, **{key: printable(text) for key, text in texts.items()}}
    index = {old["name"]: old for old in _index(folder)} | {name: entry}
    write_json(own_path(folder, _INDEX), list(index.values()))


def stored(folder: Path) -> list[Figure]:
    """The figures in the order in which they were first saved.

    Raises:
        InputError: The index is damaged, or leads out of the folder.
    """
    found = []
    for entry in _index(folder):
        with reading(folder / _INDEX):
            name = entry["name"]
            check_name(name)  # a foreign index must not lead outside the folder
            if not all(isinstance(text, str) for text in entry.values()):
                raise TypeError(f"the texts of {name} are no texts")
            base = folder / "figures"
            figure = Figure(**entry, svg=base / f"{name}.svg", csv=base / f"{name}.csv")
        for path in (figure.svg, figure.csv):
            own_path(folder, path.relative_to(folder))
        found.append(figure)
    return found


def _index(folder: Path) -> list[dict[str, Any]]:
    path = own_path(folder, _INDEX)
    if not path.exists():
        return []
    content = read_json(path)
    with reading(path):
        return [dict(entry, name=entry["name"]) for entry in content]
