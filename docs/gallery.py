"""Hooks of mkdocs: a page with one figure a system, ours beside the strongest baselines, drawn from stored results.

The same figure, and the one command that makes its numbers, open the page of each system.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib import pyplot

sys.path.insert(0, str(Path(__file__).parent))  # mkdocs loads hooks from anywhere

import tables

from femtobarn import plots
from femtobarn.chain import judge
from femtobarn.recipe import System, all_systems
from femtobarn.runs.svg import svg_bytes

if TYPE_CHECKING:
    from mkdocs.structure.files import Files

    from femtobarn.runs import Result

CHAIN = System("chain", judge.__name__.rpartition(".")[0])  # shown like a system, at the end


def on_files(files: Files, config: Any) -> Files:
    """Add the gallery and its figures."""
    from mkdocs.structure.files import File

    for system in (*all_systems().values(), CHAIN):
        if (drawing := figure(system)) is not None:
            files.append(File.generated(config, f"gallery/{system.name}.svg", content=drawing))
    files.append(File.generated(config, "gallery.md", content=page()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put the figure and the command below the title of a system's page."""
    place = Path(page.file.src_uri)
    if place.parent.name != "systems" or place.stem not in all_systems():
        return markdown
    title, _, rest = markdown.partition("\n")
    return f"{title}\n\n{_opening(all_systems()[place.stem], '../')}\n{rest}"


def page() -> str:
    """All systems, each with its figure."""
    parts = [
        f"## [{system.name}]({_page(system)})\n\n{system.summary}\n\n{_opening(system, '')}"
        for system in (*all_systems().values(), CHAIN)
    ]
    head = "# Gallery\n\nOne figure a system, from its stored demo: ours in colour, baselines in grey.\n"
    return "\n".join((head, *parts))


def figure(system: System) -> bytes | None:
    """The system's headline as SVG, a point with its error for each number; None if nothing is stored."""
    recipe = judge if system == CHAIN else system.recipe()
    found, headline = tables.stored(system.name), getattr(recipe, "HEADLINE", None)
    if found is None or headline is None:
        return None
    ours, baselines = (
        [tables.chosen(found, headline.quantity, each) for each in side] for side in headline[1:]
    )
    rows = [*ours, *baselines][::-1]
    first = rows[0].labels.items()
    shared = [text for name, text in first if text and all(row.labels.get(name) == text for row in rows)]
    with plots.style():
        drawn, ax = pyplot.subplots(figsize=(6.0, 0.9 + 0.3 * len(rows)))
        for place, row in enumerate(rows):
            colour = "C0" if place >= len(baselines) else "0.45"
            ax.errorbar(row.value, place, xerr=row.error or 0.0, fmt="o", color=colour, capsize=3)
        names = [", ".join(t for t in row.labels.values() if t and t not in shared) for row in rows]
        ax.set_yticks(range(len(rows)), names)
        ax.set_yticks([], minor=True)
        least, most = min(row.value for row in rows), max(row.value for row in rows)
        if 0 < least < most / 30:
            ax.set_xscale("log")
        else:
            ax.ticklabel_format(axis="x", style="plain", useOffset=False)
        ax.set(
            ylim=(-0.6, len(rows) - 0.4),
            xlabel=", ".join((_axis(rows[0]), *shared, tables.KINDS[rows[0].data])),
        )
        content = svg_bytes(drawn)
        pyplot.close(drawn)
    return content


def _opening(system: System, way: str) -> str:
    image = f"![{system.name}: ours and the baselines]({way}gallery/{system.name}.svg)\n\n"
    known = tables.stored(system.name) is not None
    verb = system.name if system == CHAIN else f"run {system.name}"
    return f"{image if known else ''}```sh\nfemtobarn {verb} demo\n```\n"


def _page(system: System) -> str:
    return "chain.md" if system == CHAIN else f"systems/{system.name}.md"


def _axis(row: Result) -> str:
    return f"{row.name} [{row.unit}]" if row.unit else row.name
