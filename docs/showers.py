"""Compare GFLASH with Geant4, and both with what is known of calorimeters, for ``docs/showers.md``.

``python docs/showers.py`` simulates (some minutes, nearly all of it Geant4) and writes the numbers and figures in
``docs/figures/showers`` and the tables of the page. Names of engines or cases after it, as ``GFLASH "Cu/LAr, pions"``,
simulate those only and keep the other stored numbers; ``draw`` keeps all. Errors are statistical, over showers.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot
from scipy.optimize import curve_fit, nnls

from femtobarn import plots
from femtobarn.physics.voxels import geometry
from femtobarn.plots.style import MARKERS, PALETTE
from femtobarn.simulate.showers import (
    ARGON,
    COPPER,
    IRON,
    LEAD_TUNGSTATE,
    POLYSTYRENE,
    Calorimeter,
    Spots,
    block,
    geant4,
    gflash,
    homogeneous,
    sampling,
    voxelise,
)
from femtobarn.simulate.showers.cylinders import cylinder
from femtobarn.simulate.showers.hadronic import em_fraction

PAGE = Path(__file__).with_suffix(".md")
FIGURES = PAGE.parent / "figures" / "showers"
NUMBERS = FIGURES / "numbers.json"
SEED = 1
ENGINES = {"GFLASH": gflash, "Geant4": geant4}
RADII = np.array([0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0])  # units of the case


class Case(NamedTuple):
    """A particle in a calorimeter, at some energies."""

    name: str
    calorimeter: Calorimeter
    pdg: int
    showers: dict[float, int]  # of Geant4 by the energy in GeV
    unit: str  # of depths and radii in the figures
    dataset: str = ""
    together: int = 1  # layers in one step of the figures


CRYSTAL = block(homogeneous(LEAD_TUNGSTATE), depth=60 * 8.904, layers=120)
STEEL = block(sampling((IRON, 19.0), (POLYSTYRENE, 3.0)), depth=110 * 22.0, layers=110, stochastic=0.25)
COPPER_ARGON = block(sampling((COPPER, 25.0), (ARGON, 8.5)), depth=60 * 33.5, layers=60, stochastic=0.21)
ELECTRONS = {1.0: 400, 3.0: 200, 10.0: 100, 30.0: 50, 100.0: 16}
DISCRETE = {0.256: 200, 1.024: 150, 4.096: 80, 16.384: 40, 65.536: 12}
CASES = (
    Case("W/Si, electrons", cylinder("2"), 11, ELECTRONS, "X0", "2"),
    Case("PbWO4, electrons", CRYSTAL, 11, ELECTRONS, "X0"),
    Case("Cu/LAr, electrons", COPPER_ARGON, 11, {20.0: 50}, "X0"),
    Case("Cu/LAr, pions", COPPER_ARGON, 211, {5.0: 200, 20.0: 100, 50.0: 40}, "λ", together=5),
    Case("Fe/scintillator, electrons", STEEL, 11, {20.0: 50}, "X0"),
    Case("Fe/scintillator, pions", STEEL, 211, {5.0: 200, 20.0: 75, 50.0: 30}, "λ"),
    Case("data set 1, photons", cylinder("1-photons"), 22, DISCRETE, "X0", "1-photons"),
    Case("data set 1, pions", cylinder("1-pions"), 211, DISCRETE, "λ", "1-pions"),
)
FAST = 2000  # showers of GFLASH at each energy, at most
SPOTS = 8e6  # and so many spots


# Simulation


def measure(case: Case, energy: float, engine: str) -> dict[str, Any]:
    """Everything that the page shows of one beam."""
    n = case.showers[energy] if engine == "Geant4" else int(min(FAST, SPOTS / (200 * energy + 300)))
    generator = np.random.default_rng([SEED, int(1000 * energy)])
    found = [reduced(case, energy, engine, size, generator) for size in portions(n)]
    layers = np.concatenate([each["layers"] for each in found])
    radial = np.concatenate([each["radial"] for each in found])
    total = layers.sum(axis=1)
    edges = layer_edges(case)
    middle = edges.mean(axis=1)
    row = {
        "case": case.name,
        "engine": engine,
        "energy": energy,
        "showers": n,
        "response": mean(total / energy),
        "resolution": width(total),
        "centroid": mean(layers @ middle / np.where(total > 0, total, np.nan)),
        "longitudinal": columns(layers.reshape(n, -1, case.together).sum(axis=2) / total.mean()),
        "radial": columns(radial / total.mean()),
        "radius of 90 %": mean(np.concatenate([each["r90"] for each in found])),
    }
    if case.dataset:
        row["inside"] = mean(np.concatenate([each["inside"] for each in found]) / energy)
        row["occupancy"] = mean(np.concatenate([each["occupancy"] for each in found]))
        row["spectrum"] = columns(np.concatenate([each["spectrum"] for each in found]))
    return row


def reduced(
    case: Case, energy: float, engine: str, n: int, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Per shower: energy by layer, by radius, radius of 90 %, filled voxels and their spectrum."""
    spots: Spots = ENGINES[engine](np.full(n, energy), case.calorimeter, generator=generator, pdg=case.pdg)
    unit = length(case)
    ring = np.searchsorted(RADII, spots.radius / unit, side="right") - 1
    radial = np.bincount(
        spots.shower.astype(np.int64) * len(RADII) + ring, spots.energy, n * len(RADII)
    ).reshape(n, -1)
    made = {
        "layers": spots.layers(n, case.calorimeter.layers),
        "radial": radial[:, :-1],
        "r90": r90(spots, n) / unit,
    }
    if case.dataset:
        voxels = geometry(case.dataset)
        energies = voxelise(spots, voxels, showers=n) * 1e3
        made["inside"] = energies.sum(axis=1, dtype=float) / 1e3
        made["occupancy"] = (energies > voxels.threshold).mean(axis=1)
        made["spectrum"] = np.stack([np.histogram(row, spectrum_edges(case))[0] for row in energies]).astype(
            float
        )
    return made


def spectrum_edges(case: Case) -> np.ndarray:
    """Edges in MeV of the bins of the voxels' energy."""
    return np.geomspace(geometry(case.dataset).threshold, 1e5, 41)


def portions(n: int) -> list[int]:
    """So many showers in parts of 100."""
    return [min(100, n - start) for start in range(0, n, 100)]


def length(case: Case) -> float:
    """Unit of the radii in mm: Moliere radius, or interaction length of hadron showers."""
    medium = case.calorimeter.medium
    return medium.interaction_length if case.unit == "λ" else medium.moliere_radius


def depth(case: Case) -> np.ndarray:
    """Edges of the sections in the unit of the case."""
    calorimeter = case.calorimeter
    return calorimeter.interaction_depth if case.unit == "λ" else calorimeter.radiation_depth


def layer_edges(case: Case) -> np.ndarray:
    """Where each layer that is read out begins and ends, in the unit of the case."""
    edges, layer = depth(case), case.calorimeter.layer
    where = [np.flatnonzero(layer == number) for number in range(case.calorimeter.layers)]
    return np.array([(edges[rows[0]], edges[rows[-1] + 1]) for rows in where])


def r90(spots: Spots, n: int) -> np.ndarray:
    """Radius in mm that holds 90 % of each shower's energy; NaN of a shower without energy."""
    order = np.lexsort((spots.radius, spots.shower))
    shower, energy = spots.shower[order], spots.energy[order].astype(float)
    running = np.cumsum(energy)
    total = np.bincount(shower, energy, n)
    before = np.concatenate(([0.0], np.cumsum(total)[:-1]))
    reached = np.searchsorted(running, before + 0.9 * total)
    found: np.ndarray = np.where(total > 0, spots.radius[order][np.minimum(reached, len(order) - 1)], np.nan)
    return found


def mean(values: np.ndarray) -> list[float]:
    """Mean and its error, over showers that have the quantity."""
    values = values[np.isfinite(values)]
    return [float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)]


def width(values: np.ndarray) -> list[float]:
    """Relative standard deviation and its error, which allows for tails."""
    centre, sigma = values.mean(), values.std(ddof=1)
    fourth = np.mean((values - centre) ** 4) / sigma**4
    error = sigma * np.sqrt(max(fourth - 1, 1e-9) / (4 * len(values)))
    return [float(sigma / centre), float(error / centre)]


def columns(values: np.ndarray) -> dict[str, list[float]]:
    """Mean and error of each column."""
    return {
        "mean": values.mean(axis=0).tolist(),
        "error": (values.std(axis=0, ddof=1) / len(values) ** 0.5).tolist(),
    }


# Fits


def beams(rows: list[dict[str, Any]], case: str, engine: str) -> list[dict[str, Any]]:
    """The rows of one case and engine, by energy."""
    chosen = [row for row in rows if (row["case"], row["engine"]) == (case, engine)]
    return sorted(chosen, key=lambda row: row["energy"])


def values(rows: list[dict[str, Any]], name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energies, values and errors of one quantity."""
    energy = np.array([row["energy"] for row in rows])
    value, error = np.array([row[name] for row in rows]).T
    return energy, value, error


def resolution_fit(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The a and b of sigma/E = a / sqrt(E) (+) b, added in quadrature, both non-negative."""
    energy, value, error = values(rows, "resolution")
    weight = 1 / (2 * value * error)  # errors of the squares
    matrix = np.stack([1 / energy, np.ones_like(energy)], axis=1) * weight[:, None]
    squares, _ = nnls(matrix, value**2 * weight)
    free = squares > 0
    covariance = np.zeros((2, 2))
    covariance[np.ix_(free, free)] = np.linalg.inv(matrix[:, free].T @ matrix[:, free])
    a, b = np.sqrt(squares)
    errors = np.sqrt(np.diag(covariance)) / (2 * np.maximum([a, b], 1e-3))
    return {"a": [float(a), float(errors[0])], "b": [float(b), float(errors[1])]}


def slope_fit(rows: list[dict[str, Any]], name: str) -> list[float]:
    """Growth of a quantity per unit of ln E."""
    energy, value, error = values(rows, name)
    (slope, _), covariance = np.polyfit(np.log(energy), value, 1, w=1 / error, cov="unscaled")
    return [float(slope), float(covariance[0, 0] ** 0.5)]


def e_over_h(pions: list[dict[str, Any]], electron: float) -> list[float]:
    """The e / h that makes pi / e = 1 - (1 - h / e) (1 - f) at all energies, f being `em_fraction`."""
    energy, value, error = values(pions, "response")
    hadronic = 1 - em_fraction(energy)
    (h_over_e,), covariance = curve_fit(
        lambda x, h: 1 - (1 - h) * x,
        hadronic,
        value / electron,
        p0=[0.7],
        sigma=error / electron,
        absolute_sigma=True,
    )
    return [float(1 / h_over_e), float(covariance[0, 0] ** 0.5 / h_over_e**2)]


def fits(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What one compares with the literature, for each engine."""
    found = {}
    for engine in ENGINES:
        crystal, silicon = (beams(rows, name, engine) for name in ("PbWO4, electrons", "W/Si, electrons"))
        copper, steel = (beams(rows, f"{name}, pions", engine) for name in ("Cu/LAr", "Fe/scintillator"))
        electrons = [beams(rows, f"{name}, electrons", engine)[0] for name in ("Cu/LAr", "Fe/scintillator")]
        (ten,) = [row for row in crystal if row["energy"] == 10.0]
        found[engine] = {
            "depth": slope_fit(crystal, "centroid"),
            "maximum": peak(ten),
            "longitudinal": contained(ten),
            "radius": ten["radius of 90 %"],
            "silicon": resolution_fit(silicon),
            "silicon linearity": linearity(silicon),
            "crystal linearity": linearity(crystal),
            "copper": resolution_fit(copper),
            "steel": resolution_fit(steel),
            "e/h copper": e_over_h(copper, electrons[0]["response"][0]),
            "e/h steel": e_over_h(steel, electrons[1]["response"][0]),
            "data set 2": mean_over_log_energy(silicon),
        }
    return found


def linearity(rows: list[dict[str, Any]]) -> list[float]:
    """Largest deviation of the response from its mean over energies, and its error."""
    _, value, error = values(rows, "response")
    off = value / value.mean() - 1
    worst = int(np.abs(off).argmax())
    return [float(off[worst]), float(error[worst] / value.mean())]


def mean_over_log_energy(rows: list[dict[str, Any]]) -> list[float]:
    """Mean response in the voxels where energies are uniform in the logarithm, from those at hand."""
    _, value, error = values(rows, "inside")
    return [float(value.mean()), float(np.sqrt((error**2).sum()) / len(value))]


def peak(row: dict[str, Any]) -> list[float]:
    """Depth of the maximum of the mean profile of the crystal in X0: parabola through the layers near it."""
    profile = np.array(row["longitudinal"]["mean"])
    middle = CRYSTAL.radiation_depth[:-1] + np.diff(CRYSTAL.radiation_depth) / 2
    near = slice(max(int(profile.argmax()) - 5, 0), int(profile.argmax()) + 6)
    curvature, slope, _ = np.polyfit(middle[near], profile[near], 2)
    return [float(-slope / (2 * curvature)), 0.0]


def contained(row: dict[str, Any]) -> list[float]:
    """Depth of 99 % of the mean profile of the crystal in X0."""
    running = np.concatenate(([0.0], np.cumsum(row["longitudinal"]["mean"])))
    return [float(np.interp(0.99 * running[-1], running, CRYSTAL.radiation_depth)), 0.0]


# Figures


def figure(name: str, draw: Callable[[Any], None], **options: Any) -> None:
    """Draw and save a figure whose file depends on nothing but what is drawn."""
    with plots.style(), mpl.rc_context({"svg.hashsalt": name}):
        made, axes = pyplot.subplots(**options)
        draw(axes)
        made.savefig(FIGURES / f"{name}.svg", metadata={"Date": None})
        pyplot.close(made)


def draw_profiles(rows: list[dict[str, Any]], case: Case, quantity: str) -> Callable[[Any], None]:
    """Mean profiles at some energies: lines for GFLASH, points for Geant4."""
    edges = RADII if quantity == "radial" else depth(case)[:: case.together]
    middle, step = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    if quantity == "radial":
        step = step * np.pi * (edges[1:] + edges[:-1])  # ring areas
    energies = sorted(case.showers)
    chosen = energies[:: 2 if len(energies) > 4 else 1]

    def draw(ax: Any) -> None:
        for number, energy in enumerate(chosen):
            for engine in ENGINES:
                (row,) = [each for each in beams(rows, case.name, engine) if each["energy"] == energy]
                value, error = (np.array(row[quantity][key]) / step for key in ("mean", "error"))
                if engine == "GFLASH":
                    ax.stairs(value, edges, baseline=None, color=PALETTE[number], lw=1.4)
                else:
                    style = {"fmt": MARKERS[number], "color": PALETTE[number], "ms": 3.5}
                    ax.errorbar(middle, value, error, label=f"{energy:g} GeV", **style)
        if quantity == "radial":
            what = "λ" if case.unit == "λ" else "Molière radius"
            ax.set(xscale="log", yscale="log", xlim=(0.03, RADII[-1]))
            ax.set(xlabel=f"radius [{what}]", ylabel=f"share of energy per ({what})²")
        else:
            ax.set(xlabel=f"depth [{case.unit}]", ylabel=f"share of energy per {case.unit}")
            ax.set(xlim=(0, 25 if case.unit == "X0" else 8), ylim=(0, None))
        ax.legend(title="points Geant4, lines GFLASH", title_fontsize=8)
        plots.label(ax, "stand-in", text=case.name)

    return draw


def draw_spectrum(rows: list[dict[str, Any]], case: Case) -> Callable[[Any], None]:
    """Number of voxels by their energy."""
    edges = spectrum_edges(case)
    middle = np.sqrt(edges[1:] * edges[:-1])

    def draw(ax: Any) -> None:
        for number, energy in enumerate(sorted(case.showers)[::2]):
            for engine in ENGINES:
                (row,) = [each for each in beams(rows, case.name, engine) if each["energy"] == energy]
                value, error = (np.array(row["spectrum"][key]) for key in ("mean", "error"))
                if engine == "GFLASH":
                    ax.stairs(value, edges, baseline=None, color=PALETTE[number], lw=1.4)
                else:
                    style = {"fmt": MARKERS[number], "color": PALETTE[number], "ms": 3.5}
                    ax.errorbar(middle, value, error, label=f"{energy:g} GeV", **style)
        ax.set(
            xscale="log", yscale="log", xlabel="energy of a voxel [MeV]", ylabel="voxels per shower and bin"
        )
        ax.set_ylim(0.01, None)
        ax.legend(title="points Geant4, lines GFLASH", title_fontsize=8)
        plots.label(ax, "stand-in", text=case.name)

    return draw


def draw_against_energy(
    rows: list[dict[str, Any]], names: list[str], quantity: str, label: str, log: bool = False
) -> Callable[[Any], None]:
    """A quantity against energy: one colour for each case, open points for GFLASH."""

    def draw(ax: Any) -> None:
        for number, name in enumerate(names):
            for engine in ENGINES:
                energy, value, error = values(beams(rows, name, engine), quantity)
                open_ = {"mfc": "white", "ls": "--", "lw": 1} if engine == "GFLASH" else {"ls": "none"}
                text = f"{name}, {engine}"
                ax.errorbar(
                    energy, value, error, marker=MARKERS[number], color=PALETTE[number], label=text, **open_
                )
        ax.set(xscale="log", xlabel="energy [GeV]", ylabel=label)
        if log:
            ax.set_yscale("log")
        ax.margins(y=0.25)
        ax.legend(fontsize=7)
        plots.label(ax, "stand-in")

    return draw


def draw_all(rows: list[dict[str, Any]]) -> None:
    """All figures of the page."""
    cases = {case.name: case for case in CASES}
    for name, case in (
        ("silicon", "W/Si, electrons"),
        ("crystal", "PbWO4, electrons"),
        ("pions", "Cu/LAr, pions"),
    ):
        figure(f"{name}-longitudinal", draw_profiles(rows, cases[case], "longitudinal"))
        figure(f"{name}-radial", draw_profiles(rows, cases[case], "radial"))
    figure("silicon-voxels", draw_spectrum(rows, cases["W/Si, electrons"]))
    em = ["W/Si, electrons", "PbWO4, electrons"]
    atlas = ["data set 1, photons", "data set 1, pions"]
    figure(
        "resolution",
        draw_against_energy(rows, [em[0], "Cu/LAr, pions"], "resolution", "σ / mean", log=True),
    )
    figure("depth", draw_against_energy(rows, em, "centroid", "mean depth [X0]"))
    figure(
        "occupancy",
        draw_against_energy(rows, em[:1], "occupancy", "share of voxels above threshold", log=True),
    )
    figure("atlas-response", draw_against_energy(rows, atlas, "response", "mean measured / true energy"))
    figure("atlas-resolution", draw_against_energy(rows, atlas, "resolution", "σ / mean", log=True))


# Tables


def number(pair: list[float], decimals: int = 2, factor: float = 1.0) -> str:
    """A value with its error, if it has one."""
    value, error = (factor * each for each in pair)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}" if error > 0 else f"{value:.{decimals}f}"


def table(heads: list[str], lines: list[list[str]]) -> str:
    """Markdown; all columns but the first to the right."""
    rows = [heads, ["---", *["---:"] * (len(heads) - 1)], *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def comparison(rows: list[dict[str, Any]]) -> str:
    """Both engines beside each other for every beam."""
    shown = {"response": 3, "resolution": 4, "centroid": 2, "radius of 90 %": 2, "occupancy": 4}
    lines = []
    for case in CASES:
        for first, second in zip(*(beams(rows, case.name, engine) for engine in ENGINES), strict=True):
            cells = [f"{case.name}, {first['energy']:g} GeV"]
            for name, decimals in shown.items():
                both = [number(row[name], decimals) if name in row else "" for row in (first, second)]
                cells.append("<br>".join(both))
            lines.append(cells)
    heads = [
        "GFLASH above, Geant4 below",
        "response",
        "σ / mean",
        "mean depth",
        "radius of 90 %",
        "occupancy",
    ]
    return table(heads, lines)


def literature(found: dict[str, dict[str, Any]]) -> str:
    """Known facts, with both engines beside them."""

    def row(
        what: str, name: str, known: str, source: str, decimals: int = 2, factor: float = 1.0
    ) -> list[str]:
        return [what, *(number(found[engine][name], decimals, factor) for engine in ENGINES), known, source]

    def terms(name: str) -> list[str]:
        return [
            f"{number(found[engine][name]['a'], 1, 100)} ⊕ {number(found[engine][name]['b'], 1, 100)}"
            for engine in ENGINES
        ]

    review = "PDG, Passage of particles through matter"
    hec = "ATLAS end cap, NIM A 482 (2002) 94"
    calice, ahcal = "CALICE, arXiv:0811.2354", "CALICE, arXiv:1207.4210"
    lines = [
        row("growth of the mean depth per ln E [X0], PbWO4", "depth", "1", review),
        row(
            "depth of the maximum at 10 GeV [X0], PbWO4",
            "maximum",
            "6.4: ln(E / 9.64 MeV) - 0.5",
            review,
        ),
        row(
            "depth of 99 % at 10 GeV [X0], PbWO4",
            "longitudinal",
            "21.5: maximum + 0.08 Z + 9.6",
            "rule of thumb",
            1,
        ),
        row("radius of 90 % at 10 GeV [Molière radii], PbWO4", "radius", "1", review),
        row("largest deviation from linearity, PbWO4 [%]", "crystal linearity", "0", "", 2, 100),
        row("largest deviation from linearity, W/Si [%]", "silicon linearity", "1", calice, 2, 100),
        ["resolution W/Si, electrons [%/√E ⊕ %]", *terms("silicon"), "16.6 + 1.1, thicker slabs", calice],
        ["resolution Cu/LAr, pions [%/√E ⊕ %]", *terms("copper"), "70.6 ⊕ 5.8, smaller block", hec],
        ["resolution Fe/scintillator, pions [%/√E ⊕ %]", *terms("steel"), "58, other slabs", ahcal],
        row("e/h, Cu/LAr", "e/h copper", "1.49", hec),
        row(
            "e/h, Fe/scintillator",
            "e/h steel",
            "1.362 ± 0.006, thinner slabs",
            "ATLAS tiles, JINR-E1-2002-13",
        ),
        row("mean response, data set 2", "data set 2", "0.785 ± 0.11", "CaloDiffusion, arXiv:2308.03876", 3),
    ]
    return table(["", *ENGINES, "known", "source"], lines)


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """All tables of the page by their names."""
    return {"comparison": comparison(numbers["beams"]), "literature": literature(numbers["fits"])}


def rendered(page: str, numbers: dict[str, Any]) -> str:
    """The page with its tables written anew."""
    for name, text in tables(numbers).items():
        block = re.compile(rf"(<!-- showers {name} -->\n).*?(<!-- /showers -->)", re.DOTALL)
        page = block.sub(lambda found, text=text: f"{found[1]}{text}\n{found[2]}", page)  # type: ignore[misc]
    return page


def simulated(names: list[str]) -> list[dict[str, Any]]:
    """All beams; those of other engines and cases than named are the stored ones."""
    old = json.loads(NUMBERS.read_text(encoding="utf-8"))["beams"] if names else []
    rows = []
    for case in CASES:
        for engine in ENGINES:
            if names and not {case.name, engine} & set(names):
                rows += beams(old, case.name, engine)
                continue
            for energy in case.showers:
                rows.append(measure(case, energy, engine))
                print(case.name, engine, f"{energy:g} GeV:", rows[-1]["response"], flush=True)
    return rows


def main() -> None:
    """Simulate what is asked for, then write numbers, figures and tables."""
    mpl.use("agg")
    FIGURES.mkdir(parents=True, exist_ok=True)
    rows = simulated(sys.argv[1:])
    text = json.dumps({"beams": rows, "fits": fits(rows)}, indent=1)
    text = re.sub(r"-?\d+\.\d{7,}(e-?\d+)?", lambda n: f"{float(n[0]):.6g}", text)
    NUMBERS.write_text(text + "\n", encoding="utf-8")
    numbers = json.loads(text)
    draw_all(numbers["beams"])
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), numbers), encoding="utf-8")


if __name__ == "__main__":
    main()
