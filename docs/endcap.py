"""Compare showers of the endcap by GFLASH with Geant4 in the same stack, for ``docs/endcap.md``.

``python docs/endcap.py`` simulates (two minutes, nearly all of it Geant4) and writes the numbers and figures in
``docs/figures/endcap`` and the table of the page. Particles come in at right angles. Errors are statistical.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot

from femtobarn import plots
from femtobarn.plots.style import PALETTE
from femtobarn.simulate.showers import Spots, endcap_like, geant4, gflash

PAGE = Path(__file__).with_suffix(".md")
FIGURES = PAGE.parent / "figures" / "endcap"
NUMBERS = FIGURES / "numbers.json"
ENGINES = {"GFLASH": gflash, "Geant4": geant4}
SEED, FAST, FRONT = 2, 1000, 14  # FRONT: layers before the copper
RADII = np.array([0.0, 2.0, 4.0, 7.0, 10.0, 15.0, 20.0, 30.0, 45.0, 70.0, 120.0])  # mm


class Beam(NamedTuple):
    """A particle at one energy, and how many Geant4 follows."""

    name: str
    pdg: int
    energy: float
    showers: int


BEAMS = (
    Beam("electron", 11, 1.0, 300),
    Beam("electron", 11, 30.0, 60),
    Beam("photon", 22, 10.0, 100),
    Beam("pion", 211, 2.0, 500),
    Beam("pion", 211, 5.0, 500),
    Beam("pion", 211, 20.0, 200),
    Beam("pion", 211, 50.0, 70),
    Beam("K0 long", 130, 10.0, 200),
    Beam("neutron", 2112, 5.0, 200),
    Beam("proton", 2212, 5.0, 200),
    Beam("muon", 13, 10.0, 200),
)
DRAWN = (("photon", 10.0), ("pion", 20.0))


def measure(beam: Beam, engine: str, spots: Spots, showers: int) -> dict[str, Any]:
    """Everything that the page shows of one beam by one engine."""
    layers = spots.layers(showers, endcap_like().layers)
    total = layers.sum(axis=1)
    front = spots.layer < FRONT
    ring = np.searchsorted(RADII, spots.radius[front], side="right") - 1
    radial = np.bincount(ring, spots.energy[front], len(RADII))[:-1] / max(spots.energy[front].sum(), 1e-9)
    depth = layers @ np.arange(layers.shape[1]) / np.where(total > 0, total, np.nan)
    return {
        "beam": beam.name,
        "energy": beam.energy,
        "engine": engine,
        "showers": showers,
        "response": mean(total / beam.energy),
        "resolution": width(total),
        "front": mean(layers[:, :FRONT].sum(axis=1) / beam.energy),
        "depth": mean(depth),
        "longitudinal": (layers.mean(axis=0) / beam.energy).tolist(),
        "radial": radial.tolist(),
    }


def mean(values: np.ndarray) -> list[float]:
    """Mean and its error."""
    values = values[np.isfinite(values)]
    return [float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)]


def width(values: np.ndarray) -> list[float]:
    """Relative standard deviation and its error, which allows for tails."""
    centre, sigma = values.mean(), values.std(ddof=1)
    fourth = np.mean((values - centre) ** 4) / sigma**4
    return [float(sigma / centre), float(sigma * np.sqrt(max(fourth - 1, 1e-9) / (4 * len(values))) / centre)]


def comparison(rows: list[dict[str, Any]]) -> str:
    """Both engines beside each other, as a table."""
    lines = []
    for beam in BEAMS:
        ours, theirs = (find(rows, beam.name, beam.energy, engine) for engine in ENGINES)
        cells = [f"{beam.name}, {beam.energy:g} GeV"]
        for key, decimals in (("response", 3), ("resolution", 3), ("front", 3), ("depth", 1)):
            cells += [f"{row[key][0]:.{decimals}f} ± {row[key][1]:.{decimals}f}" for row in (ours, theirs)]
        lines.append("| " + " | ".join(cells) + " |")
    heads = [
        f"{what}, {engine}"
        for what in ("response", "σ / mean", "in lead", "mean layer")
        for engine in ENGINES
    ]
    rule = "| --- |" + " ---: |" * len(heads)
    return "\n".join(["| particle | " + " | ".join(heads) + " |", rule, *lines])


def find(rows: list[dict[str, Any]], name: str, energy: float, engine: str) -> dict[str, Any]:
    """The row of one beam and engine."""
    (row,) = [r for r in rows if (r["beam"], r["energy"], r["engine"]) == (name, energy, engine)]
    return row


def rendered(page: str, rows: list[dict[str, Any]]) -> str:
    """The page with its table written anew."""
    block = re.compile(r"(<!-- endcap comparison -->\n).*?(<!-- /endcap -->)", re.DOTALL)
    return block.sub(lambda found: f"{found[1]}{comparison(rows)}\n{found[2]}", page)


def draw(rows: list[dict[str, Any]]) -> None:
    """Mean profiles along and across: lines for GFLASH, points for Geant4."""
    with plots.style(), mpl.rc_context({"svg.hashsalt": "endcap"}):
        figure, (along, across) = pyplot.subplots(1, 2, figsize=(10, 4))
        for number, (name, energy) in enumerate(DRAWN):
            for engine in ENGINES:
                row = find(rows, name, energy, engine)
                edges = np.arange(len(row["longitudinal"]) + 1) - 0.5
                density = np.array(row["radial"]) / np.pi / np.diff(RADII**2)
                for ax, bounds, value in ((along, edges, row["longitudinal"]), (across, RADII, density)):
                    if engine == "GFLASH":
                        ax.stairs(value, bounds, baseline=None, color=PALETTE[number])
                    else:
                        label = f"{name}, {energy:g} GeV"
                        ax.plot(
                            (bounds[1:] + bounds[:-1]) / 2,
                            value,
                            "o",
                            color=PALETTE[number],
                            ms=3.5,
                            label=label,
                        )
        along.set(xlabel="layer", ylabel="measured / true energy per layer", yscale="log", ylim=(3e-4, 0.5))
        across.set(xlabel="radius [mm]", ylabel="share in the lead per mm²", yscale="log")
        along.legend(title="points Geant4, lines GFLASH", fontsize=8, title_fontsize=8)
        plots.label(along, "stand-in")
        figure.savefig(FIGURES / "profiles.svg", metadata={"Date": None})
        pyplot.close(figure)


def write(rows: list[dict[str, Any]]) -> None:
    """Numbers, figure and table."""
    mpl.use("agg")
    FIGURES.mkdir(parents=True, exist_ok=True)
    text = re.sub(r"-?\d+\.\d{7,}(e-?\d+)?", lambda n: f"{float(n[0]):.6g}", json.dumps(rows, indent=1))
    NUMBERS.write_text(text + "\n", encoding="utf-8")
    stored = json.loads(text)
    draw(stored)
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), stored), encoding="utf-8")


def main() -> None:
    """Simulate and write."""
    rows = []
    for engine, simulate in ENGINES.items():
        generator = np.random.default_rng(SEED)
        for beam in BEAMS:
            n = beam.showers if engine == "Geant4" else FAST
            spots = simulate(np.full(n, beam.energy), endcap_like(), generator=generator, pdg=beam.pdg)
            rows.append(measure(beam, engine, spots, n))
            print(engine, beam, rows[-1]["response"], flush=True)
    write(rows)


if __name__ == "__main__":
    main()
