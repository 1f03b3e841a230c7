"""Carry out the notebooks of the documentation, and write them for Jupyter.

A notebook is a page in ``docs/notebooks``. ``python docs/notebooks.py`` runs the code of each from top to bottom,
writes what it prints under it, and keeps its figures in ``docs/figures/notebooks``; ``python docs/notebooks.py FOLDER``
writes each page as ``.ipynb`` with these outputs. The tests run the pages like all others, as slow ones.
"""

import contextlib
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PAGES = Path(__file__).parent / "notebooks"
FIGURES = Path(__file__).parent / "figures" / "notebooks"
_FENCE = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


class Cell(NamedTuple):
    """Words, or code and what it prints."""

    words: str
    code: str
    printed: str


def cells(page: str) -> Iterator[Cell]:
    """The cells of a page in their order."""
    end = 0
    for found in _FENCE.finditer(page):
        yield Cell(page[end : found.start()].strip(), "", "")
        yield Cell("", found[1], found[2] or "")
        end = found.end()
    yield Cell(page[end:].strip(), "", "")


def carried_out(page: str, folder: Path) -> str:
    """The page with what its code prints when it is run in a folder."""
    import matplotlib

    matplotlib.use("agg")
    names: dict[str, Any] = {"__name__": "notebook"}
    parts = []
    with contextlib.chdir(folder):
        for cell in cells(page):
            if not cell.code:
                parts.append(cell.words)
                continue
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                exec(cell.code, names)
            parts.append(f"```python\n{cell.code}```")
            parts += [f"```text\n{said.getvalue()}```"] if said.getvalue() else []
    return "\n\n".join(filter(None, parts)) + "\n"


def notebook(page: str) -> dict[str, Any]:
    """The page as Jupyter has it (nbformat 4.5)."""
    found = []
    for place, cell in enumerate(filter(any, cells(page))):
        common = {
            "id": f"cell-{place}",
            "metadata": {},
            "source": (cell.code or cell.words).splitlines(keepends=True),
        }
        if not cell.code:
            found.append({"cell_type": "markdown", **common})
            continue
        printed = {"output_type": "stream", "name": "stdout", "text": cell.printed.splitlines(keepends=True)}
        outputs = [printed] if cell.printed else []
        found.append({"cell_type": "code", "execution_count": None, "outputs": outputs, **common})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": found}


def main() -> None:
    """See the head of the file."""
    for path in sorted(PAGES.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if len(sys.argv) > 1:
            target = Path(sys.argv[1]) / f"{path.stem}.ipynb"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(
                json.dumps(notebook(page), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            continue
        with tempfile.TemporaryDirectory() as folder:
            path.write_text(carried_out(page, Path(folder)), encoding="utf-8")
            FIGURES.mkdir(parents=True, exist_ok=True)
            for figure in Path(folder).glob("*.svg"):
                (FIGURES / figure.name).write_bytes(figure.read_bytes())
        print(path)


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    main()
