"""Write the tables of README.md and of the documentation from stored results.

``python docs/tables.py`` rewrites what stands between ``<!-- table KIND ... -->`` and ``<!-- /table -->``, and
``python docs/tables.py RUN...`` first copies the results of finished runs to ``docs/results``. Tables whose
results are not stored yet stay empty. Benchmarks store theirs themselves, in ``benchmarks/results``.
"""

import ast
import functools
import json
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from house import rooms

from femtobarn.errors import InputError
from femtobarn.recipe import all_systems
from femtobarn.report import measurement, pivot
from femtobarn.report.pivot import head
from femtobarn.report.tables import describe
from femtobarn.runs import Provenance, Published, Result, Run, comparable
from femtobarn.settings import from_dict

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
BENCHMARKS = ROOT / "benchmarks" / "results"

KINDS = {"real": "real data", "stand-in": "stand-in data"}
_BLOCK = re.compile(r"(<!-- table ([^\n]*?) -->\n).*?(<!-- /table -->)", re.DOTALL)


class Stored(NamedTuple):
    """The results of a run as the documentation keeps them."""

    run: dict[str, Any]
    results: list[Result]
    published: list[Published]


def store(run: Run) -> Path:
    """Copy the results of a finished run, with what must be known to judge them."""
    if run.status != "done":
        raise InputError(f"{run.folder} is {run.status}: only the results of a finished run are shown")
    record, data = run.record, run.data
    about = {
        "preset": record["preset"],
        "seed": record["seed"],
        "version": record["versions"]["femtobarn"],
        "cpu": record["machine"]["cpu"],
        "started": record["started"],
        "ended": record["ended"],
        "data": {"kind": data.kind, "name": data.name, "source": _names(data.source)} if data else None,
    }
    content = json.loads((run.folder / "results.json").read_text(encoding="utf-8"))
    path = RESULTS / f"{record['system']}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps({"run": about, **content}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return path


def stored(system: str) -> Stored | None:
    """The stored results of a system, if there are any; a plain copy of a run's results.json will do."""
    path = RESULTS / f"{system}.json"
    return _parsed(path.read_text(encoding="utf-8")) if path.exists() else None


@functools.cache  # a page has many tables of one system
def _parsed(text: str) -> Stored:
    content = json.loads(text)
    return Stored(
        content.get("run", {}),
        [_number(Result, entry) for entry in content["results"]],
        [_number(Published, entry) for entry in content["published"]],
    )


def systems() -> str:
    """All systems: what each does, its numbers beside the baselines, and published ones that may stand there."""
    heads = ["system", "what it does", "ours", "baselines", "published, same data"]
    lines = [_row(heads), _row(["---"] * len(heads))]
    for system in all_systems().values():
        found, headline = stored(system.name), getattr(system.recipe(), "HEADLINE", None)
        cells = ["", "", ""]
        if found and headline:
            ours, baselines = (
                [chosen(found, headline.quantity, labels) for labels in side] for side in headline[1:]
            )
            papers = [number for number in _comparable(found) if any(map(number.matches, ours))]
            unit = f" [{ours[0].unit}]" if ours[0].unit else ""
            what = f"{headline.quantity}{unit}, {KINDS[ours[0].data]}:"
            cells = [
                "<br>".join([what, *(f"{_value(number)} ({_labels(number)})" for number in ours)]),
                "<br>".join(f"{_value(number)} ({_labels(number)})" for number in baselines),
                "<br>".join(map(describe, papers)),
            ]
        lines.append(_row([f"`{system.name}`", system.summary.rstrip("."), *cells]))
    return "\n".join(lines)


def results(system: str, quantity: str) -> str:
    """One quantity of a system: its last label across, the others down, and below what holds for all of it."""
    found = stored(system)
    chosen = [result for result in found.results if result.name == quantity] if found else []
    if not found or not chosen:
        return ""
    *down, across = chosen[0].labels
    if not down:
        return _list(chosen, across) + _note(found, chosen)
    joined = "|".join(down)
    flat = [
        replace(r, labels={joined: " | ".join(r.labels[name] for name in down), across: r.labels[across]})
        for r in chosen
    ]
    table = pivot(flat, rows=joined, columns=across)
    unit = f" [{chosen[0].unit}]" if chosen[0].unit else ""
    heads = [*down, *(head(across, name) for name in table.columns)]
    lines = [
        f"**{quantity}{unit}**\n",
        _row(heads),
        _row(["---"] * len(down) + ["---:"] * len(table.columns)),
    ]
    for name in table.rows:
        cells = (table.cells.get((name, column)) for column in table.columns)
        lines.append(_row([name, *(_value(cell) if cell else "" for cell in cells)]))
    return "\n".join(lines) + _note(found, chosen)


def published(system: str) -> str:
    """The numbers of the papers, whatever their data."""
    lines = ["| quantity | data | value | source |", "| --- | --- | ---: | --- |"]
    for number in all_systems()[system].recipe().PUBLISHED:
        what = ", ".join(filter(None, (number.name, _labels(number))))
        value = f"{_value(number)} {number.unit}".strip()
        lines.append(_row([what, number.data, value, number.source]))
    return "\n".join(lines)


def benchmark_exact() -> str:
    """Time of the exact distance, ours and the peers', as ``benchmarks/emd.py`` measured it."""
    found = _benchmark("emd")
    if not found:
        return ""
    kinds: dict[tuple[str, ...], list[str]] = {}  # problems that the same cases were measured on
    for title, rows in found["tables"].items():
        kinds.setdefault(tuple(rows), []).append(title)
    blocks = []
    for cases, titles in kinds.items():
        lines = [_row(["µs per pair", *titles]), _row(["---", *["---:"] * len(titles)])]
        for case in cases:
            cells = (found["tables"][title][case] for title in titles)
            lines.append(
                _row(
                    [
                        case,
                        *(
                            f"{_digits(c['us per pair'], 3)} (× {_digits(c['ratio to ours'], 2)})"
                            for c in cells
                        ),
                    ]
                )
            )
        blocks.append("\n".join(lines))
    differences = [
        row["largest difference"]
        for rows in found["tables"].values()
        for row in rows.values()
        if "largest difference" in row
    ]
    note = (
        f"One thread but where it says two, {found['machine']['processor']}; median of {found['rounds']} rounds in "
        "which the cases take turns; in brackets the ratio to ours. The exact ones differ from ours by "
        f'{max(differences):.0e} at most. Batches of {found["pairs in a batch"]} stand-in wafers. "Changed by": '
        "warm start from the potentials of an output that was so much different."
    )
    return "\n\n".join([*blocks, _small(note)])


def benchmark_losses() -> str:
    """Time and accuracy of the distances as losses, as ``benchmarks/emd_losses.py`` measured them."""
    found = _benchmark("emd_losses")
    if not found:
        return ""
    lines = [
        _row(["method", "µs per pair", "off, near pairs", "off, far pairs"]),
        "| --- | ---: | ---: | ---: |",
    ]
    for method, row in found["methods"].items():
        off = (row.get(kind) for kind in ("near", "far"))
        cells = (
            f"{each['mean']:+z.1%} ± {each['sigma']:.1%}".replace("%", " %") if each else "" for each in off
        )
        lines.append(
            _row(
                [method, f"{_digits(row['us per pair'], 3)} (× {_digits(row['ratio to exact'], 2)})", *cells]
            )
        )
    learned, exact = found["learned"], found["methods"]["exact"]
    note = (
        f"Forward and backward of batches of {found['pairs in a batch']} near pairs of stand-in wafers, one thread, "
        f"{found['machine']['processor']}; median of {found['rounds']} rounds in which the methods take turns; in "
        f"brackets the ratio to the exact one. Off: mean and standard deviation of distance / exact - 1 over "
        f"{exact['near']['n']:,} pairs. Near: a wafer and something like its reconstruction; far: two wafers. Learned: "
        f"{learned['training pairs']:,} training pairs, {learned['CPU seconds']:.0f} s of CPU time; its distance of a "
        f"wafer from itself is {learned['itself']:.2f} on average."
    )
    return "\n".join(lines) + "\n\n" + _small(note)


class Claim(NamedTuple):
    """A number of a benchmark: what it says, the goal, and where it lies in the stored results."""

    what: str
    goal: str
    benchmark: str
    place: tuple[str | int, ...]
    unit: str = ""


_RATIO, _LARGE = "times faster than the recipe", "jets with up to 30 particles"
CLAIMS = (
    Claim(
        "FPD with error and null, 50,000 x 36, against JetNet's recipe",
        "50 x",
        "metrics",
        (_RATIO, "FPD"),
        "x",
    ),
    Claim(
        "KPD over all pairs of 50,000 x 36",
        "15 s",
        "metrics",
        ("seconds", "KPD, all pairs, with error, null and p-value", "median"),
        "s",
    ),
    Claim(
        "36 energy flow polynomials of a jet, against EnergyFlow",
        "100 x",
        "energy_flow",
        ("tables", _LARGE, "rows", "EnergyFlow", "ratio to ours"),
        "x",
    ),
    Claim(
        "gluon jets to arrays, share of the rate of bare Pythia and FastJet",
        "0.90",
        "collisions",
        ("against bare", "jets: gluons", "ours over bare"),
    ),
    Claim(
        "light-quark jets to arrays, the same share",
        "0.90",
        "collisions",
        ("against bare", "jets: light quarks", "ours over bare"),
    ),
    Claim(
        "top pairs at pile-up 200 through the detector, two processes",
        "40 events/s",
        "detector",
        ("events per second", "2 processes", "clock"),
        "events/s",
    ),
    Claim(
        "a jet of 30 particles from GAPT, against MPGAN, both as published",
        "5 x",
        "jet_generation",
        ("MPGAN over GAPT",),
        "x",
    ),
    Claim(
        "GFLASH showers of CaloChallenge data set 2, two processes",
        "5,000 showers/s",
        "showers",
        ("gflash", "2", "two processes, showers/s"),
        "showers/s",
    ),
    Claim(
        "evaluating 100,000 + 100,000 showers of data set 1, photons",
        "120 s",
        "shower_evaluation",
        ("evaluations", 0, "seconds"),
        "s",
    ),
    Claim(
        "evaluating 20,000 + 20,000 showers of data set 2",
        "600 s",
        "shower_evaluation",
        ("evaluations", 1, "seconds"),
        "s",
    ),
    Claim(
        "a training step with trainable bits, against HGQ2 on torch",
        "3 x",
        "quantised",
        ("step, 64-32-32-5, batch 1024", "HGQ2, weights WRAP", "ratio to ours"),
        "x",
    ),
)


def benchmark_claims() -> str:
    """The claims of speed with their goals, as the benchmarks measured them."""
    lines = [_row(["what", "goal", "measured"]), "| --- | ---: | ---: |"]
    for claim in CLAIMS:
        found: Any = _benchmark(claim.benchmark)
        for step in claim.place:
            found = found[step] if found else None
        value = f"{_digits(found, 3)} {claim.unit}".strip() if found else ""
        lines.append(_row([claim.what, claim.goal, value]))
    return "\n".join(lines)


RATE = 10e12  # operations a second that a GPU of the kind of an H100 is taken to reach: a sixth of its float32 peak


def paper_cost() -> str:
    """What the trainings of `paper` take on a GPU, as ``benchmarks/paper_cost.py`` counted the operations."""
    heads = [
        "system",
        "largest training",
        "weights",
        "GFLOP an event",
        "passes x events",
        "its hours",
        "all, hours",
    ]
    lines = [_row(heads), "| --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    for name, found in (_benchmark("paper_cost") or {"systems": {}})["systems"].items():
        rows = found.get("trainings", [])
        if not rows:
            continue
        most, whole = max(rows, key=lambda row: row["total"]), sum(row["total"] for row in rows)
        cells = [name, most["part"], f"{most['parameters']:,}", _digits(most["operations"] / 1e9, 2)]
        cells.append(f"{most['passes']:,} x {found['events']:,}")
        lines.append(_row(cells + [_digits(total / RATE / 3600, 2) for total in (most["total"], whole)]))
    return "\n".join(lines)


def pyramid_module() -> str:
    """The encoder of the pyramid code in hardware, as ``benchmarks/pyramid_module.py`` measured it."""
    heads = ["e-links", "mean EMD [cell]", "over best choice, logarithmic shares", "LUT (yosys)"]
    heads += ["cells on the longest path (yosys)", "wafers simulated", "frames that differ"]
    lines = [_row(heads), "| ---: " * len(heads) + "|"]
    for links, found in (_benchmark("pyramid_module") or {"e-links": {}})["e-links"].items():
        counts = [_digits(found[name], 5) for name in ("luts", "depth", "vectors", "mismatches")]
        lines.append(_row([links, measurement(*found["mean EMD"]), measurement(*found["ratio"]), *counts]))
    return "\n".join(lines)


def _benchmark(name: str) -> dict[str, Any] | None:
    path = BENCHMARKS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def house() -> str:
    """What each package is for, in the words of its own first line, and the files in it."""
    lines = ["| package | what it holds | files |", "| --- | --- | --- |"]
    for room, files in sorted(rooms().items()):
        folder = ROOT / "src" / "femtobarn" / room
        path = folder / "__init__.py" if files else folder.with_suffix(".py")
        words = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
        lines.append(_row([f"`{room}`", words, ", ".join(f"`{name}`" for name in files)]))
    return "\n".join(lines)


TABLES: dict[str, Callable[..., str]] = {
    "systems": systems,
    "results": results,
    "published": published,
    "benchmark-exact": benchmark_exact,
    "benchmark-losses": benchmark_losses,
    "benchmark-claims": benchmark_claims,
    "paper-cost": paper_cost,
    "pyramid-module": pyramid_module,
    "house": house,
}


def _names(source: str) -> str:
    """Files by their names: where they lie on a machine tells nobody anything."""
    return ", ".join(part.rpartition("/")[2] if part.startswith("/") else part for part in source.split(", "))


def rendered(page: str) -> str:
    """The text of a page with all its tables written anew."""

    def block(match: re.Match[str]) -> str:
        kind, *arguments = shlex.split(match[2])
        table = TABLES[kind](*arguments)
        return match[1] + (f"{table}\n" if table else "") + match[3]

    return _BLOCK.sub(block, page)


def pages() -> list[Path]:
    """All pages for people: the README files and the documentation."""
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "src").rglob("README.md")),
    ]


def _note(found: Stored, chosen: Sequence[Result]) -> str:
    """Where the numbers are from and what their errors are, in one small paragraph."""
    about = found.run
    words = [" and ".join(dict.fromkeys(KINDS[r.data] for r in chosen))]
    if data := about.get("data"):
        words[0] += f" ({data['name']}: {data['source']})" if data["source"] else f" ({data['name']})"
    words += [f"{split} sample" for split in dict.fromkeys(r.split for r in chosen) if split]
    if sizes := [measurement(float(n)) for n in dict.fromkeys(r.n for r in chosen) if n]:
        words.append("n = " + ", ".join(sizes))
    seeds = sorted({seed for r in chosen for seed in r.seeds})
    if seeds:
        words.append(f"training seeds {', '.join(map(str, seeds))}")
    text = ", ".join(words) + "."
    if errors := [kind for kind in dict.fromkeys(r.error_kind for r in chosen) if kind]:
        text += f" Errors: {'; or '.join(errors)}."
    if about:
        # No duration: between start and end a run may have been stopped and resumed.
        text += f" Preset `{about['preset']}`, seed {about['seed']}, femtobarn {about['version']}, {about['cpu']}."
    papers = [describe(p) for p in _comparable(found) if any(p.name == r.name for r in chosen)]
    if papers:
        text += f" Published on the same data: {'; '.join(papers)}."
    return "\n\n" + _small(text[0].upper() + text[1:])


def _list(chosen: Sequence[Result], label: str) -> str:
    rows = [_row([r.labels[label], f"{_value(r)} {r.unit}".strip()]) for r in chosen]
    return "\n".join([f"**{chosen[0].name}**\n", _row([label, "value"]), "| --- | ---: |", *rows])


def _comparable(found: Stored) -> list[Published]:
    data = found.run.get("data")
    known = Provenance(data["kind"], data["name"]) if data else None
    return [number for number in found.published if comparable(known, number)]


def chosen(found: Stored, quantity: str, labels: dict[str, str]) -> Result:
    """The one result of this quantity with these labels."""
    chosen = [r for r in found.results if r.name == quantity and r.labels == labels]
    if len(chosen) != 1:
        raise InputError(
            f"expected one stored result {quantity} {labels}, got {len(chosen)}: see HEADLINE of its recipe"
        )
    return chosen[0]


def _number(kind: type[Any], entry: dict[str, Any]) -> Any:
    return from_dict(kind, {key: "nan" if value is None else value for key, value in entry.items()})


def _value(number: Result | Published) -> str:
    return measurement(number.value, number.error).replace(" ± ", "\u00a0±\u00a0")


def _labels(result: Result | Published) -> str:
    plain = (
        "method",
        "metric",
        "model",
        "network",
        "quantity",
        "sample",
        "task",
    )  # whose texts speak for themselves
    known = {name: text for name, text in result.labels.items() if text}
    return ", ".join(text if name in plain else f"{text} {name}" for name, text in known.items())


def _digits(number: float, digits: int) -> str:
    """So many digits that count, never a power of ten."""
    return f"{float(f'{number:.{digits}g}'):,.10g}"


def _small(text: str) -> str:
    return f"<small>{text}</small>"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(folders: Sequence[str]) -> None:
    """Store the results of the runs, then write all tables."""
    for folder in folders:
        print(store(Run.open(Path(folder))))
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (new := rendered(text)) != text:
            page.write_text(new, encoding="utf-8")
            print(page)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"tables.py: {error}")
