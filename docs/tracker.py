"""Compare the simulated tracker with events of the TrackML challenge, for ``docs/tracker.md``.

``python docs/tracker.py`` writes the figures and numbers in ``docs/figures/tracker`` and the tables of the page. It
needs the real samples: set FEMTOBARN_DATA to their folder.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot

from femtobarn import plots
from femtobarn.datasets import trackml
from femtobarn.errors import InputError
from femtobarn.metrics.tracking import TrackingPerformance, selected
from femtobarn.physics.tracks import Hits, find_tracks, hough, learn_finder
from femtobarn.simulate.particles import joined
from femtobarn.simulate.tracker import soft_collisions, tracker
from femtobarn.simulate.tracker.geometry import layers, module_row, modules

PAGE = Path(__file__).with_suffix(".md")
FIGURES = PAGE.parent / "figures" / "tracker"
NUMBERS = FIGURES / "numbers.json"
COPIES, SEED = 20, 1
KINDS = {"pixels, barrel": (8,), "pixels, disks": (7, 9), "short strips, barrel": (13,)}
KINDS |= {"short strips, disks": (12, 14), "long strips, barrel": (17,), "long strips, disks": (16, 18)}
RANGES = ((1.0, 100.0), (0.5, 1.0), (0.2, 0.5))  # GeV


def full_event(folder: Path) -> tuple[dict[str, np.ndarray], np.ndarray, Hits]:
    """Hits of event 1009, how many its particles have, and our hits of the same particles."""
    place = folder / "trackml_particles"
    listed = trackml.read_table(place / "event000001009-particles.csv.gz", "particles")
    particles, barcode = trackml.particles_of(listed)
    ours = tracker(particles, barcode=barcode, generator=np.random.default_rng(SEED))
    real = trackml.read_table(place / "event000001009-hits.csv.gz", "hits")
    return real, listed["nhits"][listed["nhits"] > 0], ours


def small_event(folder: Path) -> tuple[Hits, Hits]:
    """The event with truth, and our hits of copies of its particles."""
    event = trackml.open_event(folder / "trackml_event", "event000000001")
    if event.particles is None:
        raise InputError(f"{folder}: the event has no particles")
    particles, barcode = trackml.particles_of(event.particles)
    source = joined([particles] * COPIES)
    ours = tracker(source, barcode=np.tile(barcode, COPIES), generator=np.random.default_rng(SEED))
    return trackml.hits_of(event), ours


def occupancy(real: dict[str, np.ndarray], ours: Hits) -> dict[str, Any]:
    """Hits of every layer, real and ours."""
    rows = []
    for layer in layers():
        counts = [
            int(np.count_nonzero((volume == layer.volume) & (number == layer.layer)))
            for volume, number in ((real["volume_id"], real["layer_id"]), (ours.volume, ours.layer))
        ]
        rows.append({"volume": layer.volume, "layer": layer.layer, "real": counts[0], "ours": counts[1]})
    fig, ax = pyplot.subplots(figsize=(6.4, 3.2))
    ratio = np.array([row["ours"] / row["real"] for row in rows])
    error = ratio * np.array([np.sqrt(1 / row["ours"] + 1 / row["real"]) for row in rows])
    place = np.arange(len(rows))
    for kind, (name, volumes) in enumerate(KINDS.items()):
        own = np.array([row["volume"] in volumes for row in rows])
        ax.errorbar(
            place[own],
            ratio[own],
            error[own],
            fmt=plots.MARKERS[kind],
            ms=4,
            color=plots.PALETTE[kind],
            label=name,
        )
    ax.axhline(1, color="0.5", lw=0.8)
    ax.set(xlabel="layer, by volume and number", ylabel="hits, ours / real", ylim=(0.8, 1.35))
    ax.legend(ncols=2, fontsize=7, frameon=False)
    _save(fig, "occupancy")
    return {"rows": rows, "real": len(real["layer_id"]), "ours": len(ours.position)}


def hits_of_primaries(real: np.ndarray, ours: Hits) -> list[dict[str, float]]:
    """Mean hits of a particle in units of |eta|."""
    known = ours.particles
    assert known is not None
    rows = []
    for low, high in RANGES:
        for eta in range(4):
            own = known.primary & (known.pt > low) & (known.pt < high)
            own &= (np.abs(known.eta) >= eta) & (np.abs(known.eta) < eta + 1)
            error = real[own].std() / np.sqrt(own.sum())
            row = {"low": low, "high": high, "eta": eta, "real": real[own].mean(), "error": error}
            rows.append(row | {"ours": known.hits[own].mean(), "n": int(own.sum())})
    return rows


def clusters(real: Hits, ours: Hits) -> list[dict[str, Any]]:
    """Cells of a hit, of signal and of noise, and the medians of measured less true, along u and v."""
    rows = []
    for name, volumes in KINDS.items():
        row: dict[str, Any] = {"name": name}
        for label, hits in (("real", real), ("ours", ours)):
            assert hits.cells is not None
            assert hits.truth is not None
            own, noisy = np.isin(hits.volume, volumes), hits.truth.particle < 0
            size = np.diff(hits.cells.offset)
            module = module_row(hits.volume, hits.layer, hits.module)[own & ~noisy]
            off = (hits.position - hits.truth.position)[own & ~noisy]
            local = np.einsum("nij,ni->nj", modules().rotation[module], off)
            row |= {
                f"cells {label}": size[own & ~noisy].mean(),
                f"noise {label}": size[own & noisy].mean(),
                f"u {label}": 1000 * np.median(np.abs(local[:, 0])),
                f"v {label}": 1000 * np.median(np.abs(local[:, 1])),
            }
        rows.append(row)
    return rows


def found(real: Hits) -> list[dict[str, Any]]:
    """Track finding on the real event, with windows from simulated events only."""
    draw = np.random.default_rng(SEED)
    training = tracker(soft_collisions(150, pileup=10, generator=draw, z=55.5), generator=draw)
    rows = []
    for pt in (1.0, 0.5, 0.25):
        finder = learn_finder(training, selected(training, pt=pt, least_hits=3))
        label = find_tracks(real, finder)
        rows.append(_row("automaton", pt, real, label))
        if pt == RANGES[1][0]:
            _display(real, label)
            rows.append(_row("Hough", pt, real, hough(real, pt=pt, z0=165.0, bins=(101, 33, 400, 300))))
    return rows


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """The tables of the page."""
    head = "| pT (GeV) | \\|eta\\| | particles | real | ours |\n| --- | --- | --- | --- | --- |\n"
    primaries = head + "\n".join(
        f"| {r['low']:g} - {r['high']:g} | {r['eta']} - {r['eta'] + 1} | {r['n']} | "
        f"{r['real']:.2f} ± {r['error']:.2f} | {r['ours']:.2f} |"
        for r in numbers["primaries"]
    )
    head = "| | cells of a hit | of noise | along u (µm) | along v (µm) |\n| --- | --- | --- | --- | --- |\n"
    cells = head + "\n".join(
        f"| {r['name']} | {r['cells real']:.2f} / {r['cells ours']:.2f} | "
        f"{r['noise real']:.1f} / {r['noise ours']:.1f} | "
        f"{r['u real']:.1f} / {r['u ours']:.1f} | {r['v real']:.4g} / {r['v ours']:.4g} |"
        for r in numbers["clusters"]
    )
    head = (
        "| | pT above (GeV) | particles | majority | double majority | fakes | duplicates |\n"
        + "| --- " * 7
        + "|\n"
    )
    tracks = head + "\n".join(
        f"| {r['name']} | {r['pt']:g} | {r['n']} | {r['majority']:.3f} | {r['double majority']:.3f} | "
        f"{r['fakes']:.3f} | {r['duplicates']:.3f} |"
        for r in numbers["tracks"]
    )
    rows = numbers["occupancy"]["rows"]
    worst = {
        kind: max(
            rows,
            key=lambda r, v=barrel: (
                abs(r["ours"] / r["real"] - 1) if (r["volume"] in (8, 13, 17)) == v else 0
            ),
        )
        for kind, barrel in (("barrels", True), ("disks", False))
    }
    total = numbers["occupancy"]["ours"] / numbers["occupancy"]["real"] - 1
    occupied = f"All hits: {total:+.1%}. " + "; ".join(
        f"worst of the {kind}: volume {r['volume']}, layer {r['layer']}, {r['ours'] / r['real'] - 1:+.1%}"
        for kind, r in worst.items()
    )
    return {"occupancy": occupied + ".", "primaries": primaries, "clusters": cells, "tracks": tracks}


def rendered(page: str, numbers: dict[str, Any]) -> str:
    """The page with its tables written anew."""
    for name, text in tables(numbers).items():
        block = re.compile(rf"(<!-- tracker {name} -->\n).*?(<!-- /tracker -->)", re.DOTALL)
        page = block.sub(lambda old, text=text: f"{old[1]}{text}\n{old[2]}", page)  # type: ignore[misc]
    return page


def _row(name: str, pt: float, hits: Hits, label: np.ndarray) -> dict[str, Any]:
    each = TrackingPerformance().update(hits, label, selected(hits, pt=1.1 * pt))
    return {
        "name": name,
        "pt": pt,
        "n": each.efficiency().n,
        "majority": each.efficiency("majority").value,
        "double majority": each.efficiency().value,
        "fakes": each.fake_rate().value,
        "duplicates": each.duplicate_rate(),
    }


def _display(hits: Hits, label: np.ndarray) -> None:
    fig, axes = pyplot.subplots(1, 2, figsize=(10, 4.4), width_ratios=(1, 1.4))
    for ax, view in zip(axes, ("r-phi", "r-z"), strict=True):
        plots.event_display(ax, hits.position, label, view=view)
    _save(fig, "event")


def _save(fig: Any, name: str) -> None:
    fig.tight_layout()
    fig.savefig(FIGURES / f"{name}.svg", metadata={"Date": None}, dpi=200)
    pyplot.close(fig)


def main() -> None:
    """Compare with both events, then write numbers, figures and tables."""
    folder = Path(os.environ.get("FEMTOBARN_DATA", ""))
    if not (folder / "trackml_event").is_dir():
        raise InputError("set FEMTOBARN_DATA to the folder of the real samples")
    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "femtobarn"
    FIGURES.mkdir(parents=True, exist_ok=True)
    (hits, counts, ours), (real, copies) = full_event(folder), small_event(folder)
    numbers = {
        "occupancy": occupancy(hits, ours),
        "primaries": hits_of_primaries(counts, ours),
        "clusters": clusters(real, copies),
        "tracks": found(real),
    }
    text = json.dumps(numbers, indent=1, default=float)
    short = re.sub(r"\d+\.\d{7,}(e-?\d+)?", lambda n: f"{float(n[0]):.6g}", text)
    NUMBERS.write_text(short + "\n", encoding="utf-8")
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), json.loads(short)), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"tracker.py: {error}")
