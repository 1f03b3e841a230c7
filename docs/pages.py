"""Hook of mkdocs: the README of each system becomes a page of its own, ``systems/NAME.md``."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

SYSTEMS = Path(__file__).parent.parent / "src" / "femtobarn" / "systems"


def on_files(files: Files, config: Any) -> Files:
    """Add the pages; their links to the documentation lose the way out of the source folder."""
    for path in sorted(SYSTEMS.glob("*/README.md")):
        text = path.read_text(encoding="utf-8").replace("../../../../docs/", "../")
        name = path.parent.name.replace("_", "-")
        files.append(File.generated(config, f"systems/{name}.md", content=text))
    return files
