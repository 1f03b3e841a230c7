"""Energies above the proven bound, tracks, sizes and times, beside the automaton and the Hough transform."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from femtobarn.metrics.working_point import clopper_pearson
from femtobarn.runs import Result, Run
from femtobarn.study import drawing, grouped, row
from femtobarn.systems.qa_tracking.study import Part

Found = Mapping[str, Mapping[str, float]]
CLASSICAL = ("automaton", "Hough transform")
_COUNTS = ("wanted", "found", "tracks", "fakes", "duplicates")
_MACHINE = (
    "variables", "left by roof duality", "qubits", "longest chain", "broken chains", "energy above annealing",
)  # fmt: skip
_SIZES = ("variables", "couplers", "components", "largest component", "true segments kept")


def results(
    run: Run, solved: Mapping[Part, Found], machines: Mapping[str, Sequence[Mapping[str, float]]]
) -> list[Result]:
    """All tables and figures."""
    rows: list[Result] = []
    for group in grouped(solved, lambda part: tuple(part.labels.values())).values():
        rows += _group(group[0].labels, [solved[part] for part in group], [part.seed for part in group])
    rows += [each for graph, found in machines.items() for each in _machine(graph, found)]
    _draw_scaling(run, rows)
    _draw_gaps(run, rows)
    _draw_tracks(run, rows)
    return rows


def of_files(solved: Sequence[Found]) -> list[Result]:
    """The same numbers of real events."""
    labels = {"density": "events of the user", "variables": "doublets"}
    return [replace(each, data="real") for each in _group(labels, solved, ())]


def _group(labels: dict[str, str], events: Sequence[Found], seeds: Sequence[int]) -> list[Result]:
    """Numbers of several crossings of one density: energies as means, efficiencies over all particles."""
    common: dict[str, Any] = {"seeds": seeds, "sample": ""}

    def mean(name: str, values: Sequence[float], own: dict[str, str], **more: Any) -> Result:
        return row(name, [(value, 0.0) for value in values], own, **more, **common)

    whole = [each[""] for each in events]
    rows = []
    for solver in (name for name in events[0] if name):
        own = labels | {"solver": solver}
        found = [each[solver] for each in events]
        total = {key: int(sum(each[key] for each in found)) for key in _COUNTS}
        rows.append(_share("double-majority efficiency", total["found"], total["wanted"], own, seeds))
        rows.append(_share("fake rate", total["fakes"], total["tracks"], own, seeds))
        rows.append(_share("duplicates", total["duplicates"], total["tracks"], own, seeds))
        if solver not in CLASSICAL:
            above = [100 * each["above the bound"] for each in found]
            rows.append(mean("energy above the proven bound", above, own, unit="%", n=len(found)))
        rows.append(mean("time", [each["time"] for each in found], own, unit="s"))
    built = labels | {"solver": "to build"}
    rows.append(mean("time", [each["time to build"] for each in whole], built, unit="s"))
    sizes = [labels | {"quantity": name} for name in _SIZES]
    return rows + [mean("size of the form", [e[own["quantity"]] for e in whole], own) for own in sizes]


def _share(name: str, passed: int, n: int, labels: dict[str, str], seeds: Sequence[int]) -> Result:
    if not n:
        return Result(name, float("nan"), n=0, split="test", labels=labels, error_kind="nothing to count")
    low, high = clopper_pearson(passed, n)
    return Result(
        name, passed / n, (high - low) / 2, n=n, split="test", labels=labels, seeds=tuple(seeds),
        error_kind="half the Clopper-Pearson interval of all crossings",
    )  # fmt: skip


def _machine(graph: str, found: Sequence[Mapping[str, float]]) -> list[Result]:
    """Largest numbers among the components; those that do not fit are counted."""
    fits = [each for each in found if np.isfinite(each["qubits"])]

    def counted(value: float, n: int, quantity: str) -> Result:
        return Result("on an annealer's graph", value, n=n, labels={"graph": graph, "quantity": quantity})

    rows = [counted(len(fits), len(found), "components that fit")]
    values = {name: [each[name] for each in fits if name in each] for name in _MACHINE}
    return rows + [counted(float(max(v)), len(v), f"{name}, largest") for name, v in values.items() if v]


def _lines(
    rows: Sequence[Result], name: str, **wanted: str
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Value and error against density, a line for each of the other labels."""
    some = [r for r in rows if r.name == name and wanted.items() <= r.labels.items()]
    lines = {}
    for key, group in grouped(
        some, lambda r: tuple(v for k, v in r.labels.items() if k != "density" and k not in wanted)
    ).items():
        table = [(float(r.labels["density"].rstrip(" %")), r.value, r.error or 0.0) for r in group]
        x, y, error = np.array(sorted(table)).T
        lines[", ".join(key)] = (x, y, error)
    return lines


def _density_axis(ax: Axes, rows: Sequence[Result], **more: Any) -> None:
    """Densities on a logarithmic axis with a tick at each."""
    densities = sorted({float(r.labels["density"].rstrip(" %")) for r in rows if r.labels.get("solver")})
    ax.set(xscale="log", xlabel="density [%]", **more)
    ax.set_xticks(densities, labels=[f"{density:g}" for density in densities])
    ax.set_xticks([], minor=True)


def _draw_scaling(run: Run, rows: Sequence[Result]) -> None:
    with drawing(
        run, "scaling", title="Size and time against density", section="Scaling", shape=(1, 2), size=(9.5, 4.0),
        caption="Left: variables of the whole form and of its largest component. Right: seconds of an event, with "
        "windows on triplets. Density: share of a crossing with pile-up 200.", by="quantity",
    ) as d:  # fmt: skip
        for axis, name, wanted in ((0, "size of the form", {}), (1, "time", {"variables": "doublets"})):
            ax = d.axes[0, axis]
            for label, (x, y, _) in _lines(rows, name, **wanted).items():
                if axis or label.endswith(("variables", "largest component")):
                    ax.plot(x, y, marker="o", markersize=3, label=label)
                    d.drawn[label] = {"density": x, "value": y}
            _density_axis(ax, rows, yscale="log", ylabel="time [s]" if axis else "variables")
            ax.legend(fontsize=6)


def _draw_gaps(run: Run, rows: Sequence[Result]) -> None:
    with drawing(
        run, "gap", title="Energy above the proven bound", section="Energy", by="solver", legend={},
        caption="Of answers without forks, above the linear relaxation, or the optimum where it is proven; mean over "
        "crossings. What is below 0.001 % is drawn there.",
    ) as d:  # fmt: skip
        lines = _lines(rows, "energy above the proven bound", variables="doublets")
        for label, (x, y, error) in lines.items():
            d.ax.errorbar(x, np.maximum(y, 1e-3), error, marker="o", markersize=3, label=label)
            d.drawn[label] = {"density": x, "percent": y, "error": error}
        _density_axis(d.ax, rows, yscale="log", ylabel="above the bound [%]")


def _draw_tracks(run: Run, rows: Sequence[Result]) -> None:
    """One figure of all solvers on one form, and one of all forms solved by annealing."""
    for name, title, wanted, which in (
        ("tracks", "Tracks against density", {"variables": "doublets"}, "doublets with windows on triplets"),
        ("forms", "Tracks of three quadratic forms", {"solver": "anneal"}, "all forms, solved by annealing"),
    ):
        with drawing(
            run, name, title=title, section="Tracks", shape=(1, 2), size=(9.5, 4.0), by="line",
            caption="Left: double-majority efficiency of primary particles with pT > 0.5 GeV and five hits. Right: "
            f"tracks of five hits without a majority particle. Bars: Clopper-Pearson. Shown: {which}.",
        ) as d:  # fmt: skip
            for ax, quantity in zip(d.axes[0], ("double-majority efficiency", "fake rate"), strict=True):
                for label, (x, y, error) in _lines(rows, quantity, **wanted).items():
                    ax.errorbar(x, y, error, marker="o", markersize=3, label=label)
                    d.drawn[f"{label}, {quantity}"] = {"density": x, "value": y, "error": error}
                _density_axis(ax, rows, ylabel=quantity)
                ax.legend(fontsize=7)
