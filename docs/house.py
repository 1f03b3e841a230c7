"""Draw ``docs/house.svg``: the rooms of the package, who imports whom, and the way of one run.

Rooms, their files and the arrows are read from the source; only the places in the picture are chosen here.
Usage: ``python docs/house.py``
"""

import ast
import functools
import itertools
from collections.abc import Sequence, Set
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent / "src" / "femtobarn"
PICTURE = Path(__file__).with_suffix(".svg")

#: Rooms from the roof to the ground: layer, top, height, left and right end, rooms. A room that is still
#: empty is left out. Those in `GROUND` lie below them all, without arrows, for every package may import them.
ROWS: tuple[tuple[str, int, int, int, int, tuple[str, ...]], ...] = (
    ("command", 58, 46, 190, 916, ("cli",)),
    ("systems", 228, 58, 190, 540, ("systems",)),
    ("systems", 228, 58, 566, 726, ("chain",)),
    ("systems", 142, 50, 780, 916, ("bulk",)),
    ("systems", 228, 58, 780, 916, ("recipe",)),
    ("workshop", 334, 74, 190, 470, ("evaluation",)),
    ("workshop", 334, 74, 700, 916, ("report",)),
    ("workshop", 448, 74, 190, 560, ("study",)),
    ("workshop", 562, 74, 190, 436, ("engine",)),
    ("workshop", 562, 74, 462, 622, ("generator_loop",)),
    ("workshop", 562, 74, 644, 916, ("runs",)),
    ("library", 708, 72, 186, 768, ("datasets", "simulate", "losses", "metrics", "nn", "plots")),
    ("library", 708, 72, 796, 916, ("settings",)),
    ("library", 848, 58, 190, 740, ("data", "parts", "physics", "qubo", "hardware")),
)
GROUND = {"errors", "compiled", "deprecation"}
#: What a room of one file is for. A room of several files shows their names, or how many if they do not fit.
WORDS = {
    "cli": "the command femtobarn: list · show · data · run · chain · evaluate · metric · predict · export · report",
    "bulk": "many files",
    "recipe": "steps of a run",
    "engine": "fit",
    "generator_loop": "one or two players",
    "parts": "processes",
    "runs": "plain files",
    "settings": "typed, as JSON",
}
LAYERS = {
    "command": "what you type",
    "systems": "published methods",
    "workshop": "to train and report",
    "library": "plain functions",
}
WIDTH, HEIGHT = 960, 1240
GAP, APART, PAD = 26, 13, 16
_LETTER = 6.5  # mean width of a letter of the small text, with room to spare


class Box(NamedTuple):
    """A room in the picture."""

    room: str
    layer: str
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """x of the middle."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """y of the lower edge."""
        return self.y + self.height


class Arrow(NamedTuple):
    """An import, as the points that its line goes through."""

    source: Box
    target: Box
    points: tuple[tuple[float, float], ...]


def rooms(root: Path = ROOT) -> dict[str, tuple[str, ...]]:
    """Every room with the files in it; a room of one file has none."""
    found = {path.stem: () for path in root.glob("[a-z]*.py")}
    for folder in (path.parent for path in root.glob("[a-z]*/__init__.py")):
        inside = [p.stem for p in folder.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()]
        if files := tuple(sorted(name for name in inside if not name.startswith("_"))):
            found[folder.name] = files
    return found


@functools.cache  # 800 files to parse
def imports(root: Path = ROOT) -> frozenset[tuple[str, str]]:
    """Pairs of rooms of which the first imports the second, anywhere in its files."""
    pairs = set()
    for path in root.rglob("*.py"):
        room = path.relative_to(root).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            pairs |= {(room, name.split(".")[1]) for name in names if name.startswith("femtobarn.")}
    return frozenset(
        (room, other) for room, other in pairs if room != other and "_" not in (room[0], other[0])
    )


def boxes(known: dict[str, tuple[str, ...]]) -> dict[str, Box]:
    """A place for every room.

    Raises:
        ValueError: There is a room that ``ROWS`` does not know.
    """
    if lost := known.keys() - {*GROUND, *itertools.chain.from_iterable(row[-1] for row in ROWS)}:
        raise ValueError(f"docs/house.py: choose a place in ROWS for {', '.join(sorted(lost))}")
    placed = {}
    for layer, top, height, left, right, names in ROWS:
        here = [name for name in names if name in known]
        weights = [130 + min(len("".join(known[name])), 90) for name in here]
        unit = (right - left - GAP * (len(here) - 1)) / max(sum(weights), 1)
        x = float(left)
        for name, weight in zip(here, weights, strict=True):
            placed[name] = Box(name, layer, x, top, weight * unit, height)
            x += weight * unit + GAP
    return placed


def arrows(pairs: Set[tuple[str, str]], placed: dict[str, Box]) -> list[Arrow]:
    """Lines from each room down to those it imports, through the gaps of the rows between."""
    drawn = []
    for name, other in sorted(pairs):
        if GROUND & {name, other}:
            continue
        source, target = placed[name], placed[other]
        if source.y == target.y:
            left = target.x < source.x
            ends = (source.x, target.x + target.width) if left else (source.x + source.width, target.x)
            drawn.append(Arrow(source, target, tuple((x, source.y + source.height / 2) for x in ends)))
            continue
        between = sorted({box.y for box in placed.values() if source.y < box.y < target.y})
        x = _within(source, target.middle)
        points = [(x, source.bottom)]
        for y in between:
            row = [box for box in placed.values() if box.y == y]
            x = _gap(row, x, _within(target, x))
            points += [(x, y), (x, y + row[0].height)]
        points[0] = (_within(source, points[1][0] if between else target.middle), source.bottom)
        drawn.append(Arrow(source, target, (*points, (_within(target, x), target.y))))
    return _spread(drawn)


def _within(box: Box, x: float) -> float:
    return min(max(x, box.x + PAD), box.x + box.width - PAD)


def _gap(row: list[Box], x: float, goal: float) -> float:
    """The place in the gaps of a row, or beside it, that makes the way from x to the goal shortest."""
    row = sorted(row, key=lambda box: box.x)
    gaps = [min(x, row[0].x - GAP / 2), max(x, row[-1].x + row[-1].width + GAP / 2)]
    gaps += [(a.x + a.width + b.x) / 2 for a, b in itertools.pairwise(row)]
    return min(gaps, key=lambda gap: abs(gap - x) + abs(gap - goal))


def _spread(drawn: list[Arrow]) -> list[Arrow]:
    """Lines that would meet in one place are set apart: on the left what goes to, else comes from, the left."""
    places: dict[float, list[tuple[list[float], int, int]]] = {}
    for i, arrow in enumerate(drawn):
        if arrow.source.y == arrow.target.y:
            continue
        for j, (_, y) in enumerate(arrow.points):
            order = [x for x, _ in (*arrow.points[j:], *reversed(arrow.points[:j]))]
            places.setdefault(y, []).append((order, i, j))
    points = [list(arrow.points) for arrow in drawn]
    for crowd in places.values():
        for group in _groups(sorted(crowd)):
            middle = sum(order[0] for order, _, _ in group) / len(group)
            for k, (_, i, j) in enumerate(group):
                points[i][j] = (middle + APART * (k - (len(group) - 1) / 2), points[i][j][1])
    return [arrow._replace(points=tuple(p)) for arrow, p in zip(drawn, points, strict=True)]


def _groups(crowd: list[tuple[list[float], int, int]]) -> list[list[tuple[list[float], int, int]]]:
    """Neighbours closer than ``APART`` together."""
    groups = [[crowd[0]]]
    for place in crowd[1:]:
        if place[0][0] - groups[-1][-1][0][0] < APART:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


STYLE = """
svg { --page:#fdfdfb; --ink:#1d2430; --soft:#5d6675; --line:#d9dce2; --card:#ffffff;
  --command:#b45309; --systems:#6d28d9; --workshop:#0f766e; --library:#1d4ed8; }
@media (prefers-color-scheme: dark) { svg { --page:#15181e; --ink:#e8eaee; --soft:#a0a8b5; --line:#343a45;
  --card:#1d222a; --command:#f0a64b; --systems:#b79bff; --workshop:#4cc9b6; --library:#7fa8ff; } }
text { font-family:-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif; fill:var(--ink); }
.page { fill:var(--page); stroke:var(--line); }
.head { font-size:16px; font-weight:600; }
.name { font-size:15px; font-weight:600; text-anchor:middle; }
.text { font-size:12px; fill:var(--soft); text-anchor:middle; }
.side { font-size:13px; font-weight:600; }
.verb { font-size:13px; font-weight:600; text-anchor:middle; }
.left { text-anchor:start; }
.box { fill:var(--card); stroke-width:1.4; }
.pill { fill:var(--card); stroke:var(--soft); stroke-width:1; }
.folder { fill:none; stroke:var(--soft); stroke-dasharray:5 4; }
.arrow { fill:none; stroke-width:1.5; opacity:.72; }
.way { fill:none; stroke:var(--soft); stroke-width:1.5; }
.rule { stroke:var(--line); }
"""


def picture(known: dict[str, tuple[str, ...]], pairs: Set[tuple[str, str]]) -> str:
    """The whole drawing as SVG."""
    placed = boxes(known)
    layers = "\n".join(
        f".{name} {{ stroke:var(--{name}); }} .fill-{name} {{ fill:var(--{name}); }}" for name in LAYERS
    )
    markers = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
        f'orient="auto"><path d="M0 .6 8 4 0 7.4z" class="fill-{name}"/></marker>'
        for name in (*LAYERS, "run")
    ).replace("fill-run", "fill-ink")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="The packages of femtobarn, their imports, and the steps of one run">',
        f"<style>{STYLE}{layers}\n.fill-ink {{ fill:var(--soft); }}\n</style><defs>{markers}</defs>",
        f'<rect class="page" x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="12"/>',
        '<text class="head" x="24" y="34">Packages and their imports</text>',
        *_sides(),
        *(_line(arrow) for arrow in arrows(pairs, placed)),
        *(_card(box, known[box.room]) for box in placed.values()),
        *_ground(),
        *_run(),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _sides() -> list[str]:
    """Name of each layer at the left."""
    drawn = []
    for layer, words in LAYERS.items():
        row = [(top, top + height) for name, top, height, *_ in ROWS if name == layer]
        middle = (min(row)[0] + max(row)[1]) / 2
        drawn.append(f'<text class="side fill-{layer}" x="24" y="{middle - 2:g}">{layer}</text>')
        drawn.append(f'<text class="text left" x="24" y="{middle + 13:g}">{words}</text>')
    return drawn


def _line(arrow: Arrow) -> str:
    (x, y), *rest = arrow.points
    path = f"M{x:.1f} {y:.1f}"
    for to_x, to_y in rest:
        if to_x == x or to_y == y:
            path += f"L{to_x:.1f} {to_y:.1f}"
        else:
            half = (y + to_y) / 2
            path += f"C{x:.1f} {half:.1f} {to_x:.1f} {half:.1f} {to_x:.1f} {to_y:.1f}"
        x, y = to_x, to_y
    layer = arrow.source.layer
    title = f"<title>{arrow.source.room} imports {arrow.target.room}</title>"
    return f'<path class="arrow {layer}" marker-end="url(#{layer})" d="{path}">{title}</path>'


def _card(box: Box, files: tuple[str, ...]) -> str:
    lines = _wrapped(files, box.width) if files else [WORDS[box.room]]
    if len(lines) * 14 > box.height - 26 or max(map(len, lines)) * _LETTER > box.width + 12:
        lines = [f"{len(files)} files"]  # the table below the picture names them
    top = box.y + box.height / 2 - 7 * len(lines) + 4
    outline = (
        f'<rect class="box {box.layer}" x="{box.x:g}" y="{box.y}" width="{box.width:g}" '
        f'height="{box.height}" rx="7"/>'
    )
    return outline + _text("name", box.middle, top, box.room) + _lines(box.middle, top + 16, lines)


def _wrapped(words: tuple[str, ...], width: float) -> list[str]:
    """Words as lines that fit into a box, with a point between them."""
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} · {word}" if lines[-1] else word
        if lines[-1] and len(longer) * _LETTER > width - 12:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _ground() -> list[str]:
    rooms = ("errors", "one line for the user"), ("compiled", "numba"), ("deprecation", "old names")
    words = " · ".join(f'<tspan font-weight="600">{room}</tspan> · {what}' for room, what in rooms)
    return [
        '<rect class="pill" x="190" y="930" width="726" height="28" rx="7"/>',
        _text("text", 553, 948.5, f"{words} · every package may import them"),
    ]


def _run() -> list[str]:
    """The way of one run from left to right, placed by hand."""
    top = 980
    y = top + 108
    high, low = y - 30, y + 30
    pills = (
        (24, high, 128, "your files", "CSV · ROOT · HDF5"),
        (24, low, 128, "stand-in", "Geant4 · analytic"),
        (268, y, 92, "Sample", "train", "validation", "test"),
        (476, y, 100, "model.pt", "one a training"),
        (690, high, 104, "results.json", "values ± errors"),
        (690, low, 104, "figures/", "SVG and CSV"),
        (834, y, 90, "report.html", "one page"),
        (456, y + 112, 140, "predictions.h5", "codes, charges, EMD"),
    )
    ways = (
        f"M152 {high}C184 {high} 168 {y} 200 {y}H266",
        f"M360 {y}H474",
        f"M576 {y}H640C668 {y} 652 {high} 688 {high}",
        f"M640 {y}C668 {y} 652 {low} 688 {low}",
        f"M794 {high}C814 {high} 808 {y} 832 {y}",
        f"M526 {y + 20}V{y + 90}",
    )
    joins = (f"M152 {low}C184 {low} 168 {y} 200 {y}", f"M794 {low}C814 {low} 808 {y} 832 {y}")
    verbs = (
        (222, y, "load", "datasets", "simulate"),
        (407, y, "train", "engine, parts", "losses"),
        (614, y, "evaluate", "losses", "plots"),
    )
    return [
        f'<path class="rule" d="M24 {top}H936"/>',
        f'<text class="head" x="24" y="{top + 32}">One run, from left to right</text>',
        f'<rect class="folder" x="456" y="{top + 22}" width="480" height="148" rx="10"/>',
        f'<text class="text left" x="470" y="{top + 42}">runs/SYSTEM/TIME-ID/ with run.json and log.jsonl</text>',
        *(f'<path class="way" marker-end="url(#run)" d="{way}"/>' for way in ways),
        *(f'<path class="way" d="{way}"/>' for way in joins),
        *(_pill(*pill) for pill in pills),
        *(_text("verb", x, y - 10, verb) + _lines(x, y + 18, rooms) for x, y, verb, *rooms in verbs),
        _text("verb left", 538, y + 82, "predict") + _text("text left", 602, y + 82, "your files"),
    ]


def _pill(x: float, middle: float, width: float, name: str, *lines: str) -> str:
    height = 26 + 14 * len(lines)
    top, center = middle - height / 2, x + width / 2
    outline = f'<rect class="pill" x="{x}" y="{top:g}" width="{width}" height="{height}" rx="8"/>'
    return outline + _text("verb", center, top + 17, name) + _lines(center, top + 32, lines)


def _lines(x: float, y: float, lines: Sequence[str]) -> str:
    return "".join(_text("text", x, y + 14 * i, line) for i, line in enumerate(lines))


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{text}</text>'


if __name__ == "__main__":
    PICTURE.write_text(picture(rooms(), imports()), encoding="utf-8")
    print(PICTURE)
