"""Hooks of mkdocs: the README of each system becomes a page of its own, ``systems/NAME.md``, listed in the menu."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.structure.files import Files

SYSTEMS = Path(__file__).parent.parent / "src" / "femtobarn" / "systems"


def on_config(config: Any) -> Any:
    """Fill the entry "Systems" of the menu with what is there."""
    names = [path.parent.name.replace("_", "-") for path in _readmes()]
    for entry in config["nav"]:
        if "Systems" in entry:
            entry["Systems"] = [{name: f"systems/{name}.md"} for name in names]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages; their links to the documentation lose the way out of the source folder."""
    from mkdocs.structure.files import File

    for path in _readmes():
        text = path.read_text(encoding="utf-8").replace("../../../../docs/", "../")
        name = path.parent.name.replace("_", "-")
        files.append(File.generated(config, f"systems/{name}.md", content=text))
    return files


def _readmes() -> list[Path]:
    return sorted(SYSTEMS.glob("*/README.md"))
