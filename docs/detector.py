"""Compare the parametrised detector with CMS full simulation and with Delphes, for ``docs/detector.md``.

``python docs/detector.py`` writes the figures and numbers in ``docs/figures/detector`` and the tables of the page.
It needs the real samples: set FEMTOBARN_DATA to their folder. Generator particles of each sample go through our
detector `REPEATS` times, so that what is uncertain is the sample. Errors are statistical, over jets or events.
"""

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot

from femtobarn import plots
from femtobarn.datasets import cms_pfnano, delphes, edm4hep
from femtobarn.errors import InputError
from femtobarn.physics.clustering import anti_kt
from femtobarn.physics.vectors import cylindrical, delta_phi
from femtobarn.plots.style import MARKERS
from femtobarn.simulate.detector import (
    CMS,
    CMS_NO_PILEUP,
    Calorimeter,
    Card,
    Region,
    Tracking,
    candidates,
    detect,
)
from femtobarn.simulate.detector.propagation import propagate
from femtobarn.simulate.particles import Particles, joined

PAGE = Path(__file__).with_suffix(".md")
FIGURES = PAGE.parent / "figures" / "detector"
NUMBERS = FIGURES / "numbers.json"
REPEATS, SEED = 50, 1

#: The CMS card as the file of Delphes must have had it: thresholds as its lowest towers show, tracks not smeared.
PERFECT = {
    kind: replace(getattr(CMS, kind), resolution=((2.5, 0.0, 0.0),))
    for kind in ("hadrons", "electrons", "muons")
}
AS_IN_FILE = replace(CMS, hcal=replace(CMS.hcal, significance=1.0), **PERFECT)

_EVERYWHERE = Tracking((2.56,), (0.1,), ((1.0,),), ((2.56, 4.5e-4, 4e-5),))
_CRYSTALS = {0: 0.0, 11: 1.0, 22: 1.0, 111: 1.0, 130: 0.3, 310: 0.3, 3122: 0.3}
_RINGS = tuple((round(0.02 * i, 2), 314) for i in range(1, 151))
#: ``cards/delphes_card_IDEA.tcl`` of Delphes (commit 0577ffd), but for the resolution of tracks, read off the sample.
IDEA = Card(
    "IDEA",
    radius=2250.0,
    half_length=2500.0,
    field=2.0,
    hadrons=_EVERYWHERE,
    electrons=_EVERYWHERE,
    muons=_EVERYWHERE,
    ecal=Calorimeter(_RINGS, (Region(3.0, 0.005, 0.03, 0.002),), _CRYSTALS, significance=2.0),
    hcal=Calorimeter(
        _RINGS,
        (Region(3.0, 0.01, 0.3, 0.05),),
        {code: 1 - share for code, share in _CRYSTALS.items()} | dict.fromkeys((12, 13, 14, 16), 0.0),
        significance=2.5,
    ),
    eta="momentum",
)


def repeated(particles: Particles, card: Card) -> Particles:
    """Candidates of `REPEATS` copies of all events, one copy after the other."""
    generator = np.random.default_rng(SEED)
    return joined([candidates(detect(particles, card=card, generator=generator)) for _ in range(REPEATS)])


def kinds(particles: Particles) -> dict[str, np.ndarray]:
    """Masks of charged particles, photons and other neutrals."""
    charged, photon = particles.charge != 0, particles.pdg == 22
    visible = ~np.isin(np.abs(particles.pdg), (12, 14, 16))
    return {"charged": charged, "photons": photon, "neutral hadrons": visible & ~charged & ~photon}


# CMS full simulation


def nearest(
    a: np.ndarray, a_event: np.ndarray, b: np.ndarray, b_offset: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Row and distance in (eta, phi) of the b nearest to each a in the same event; -1 where there is none."""
    _, eta, phi, _ = cylindrical(a).T
    _, b_eta, b_phi, _ = cylindrical(b).T
    count = np.diff(b_offset)[a_event]
    left = np.repeat(np.arange(len(a)), count)
    right = np.arange(len(left)) - np.repeat(np.cumsum(count) - count, count) + b_offset[a_event][left]
    distance = np.hypot(eta[left] - b_eta[right], delta_phi(phi[left], b_phi[right]))
    order = np.lexsort((distance, left))
    first = order[np.unique(left[order], return_index=True)[1]]
    row, near = np.full(len(a), -1), np.full(len(a), np.inf)
    row[left[first]], near[left[first]] = right[first], distance[first]
    return row, near


def composition(
    particles: Particles, weight: np.ndarray, jet: np.ndarray, member: np.ndarray, jets: int
) -> dict[str, np.ndarray]:
    """Share of pT and number of members of each kind, in each jet."""
    pt = np.hypot(*particles.momentum[member, 1:3].T) * weight[member]
    total = np.bincount(jet, pt, jets)
    found = {}
    for name, mask in kinds(particles).items():
        of_kind = mask[member] & (weight[member] > 0)
        found[f"share of {name}"] = np.bincount(jet, pt * of_kind, jets) / np.where(total > 0, total, 1)
        found[f"number of {name}"] = np.bincount(jet, of_kind, jets).astype(float)
    return found


def compare_cms(folder: Path) -> dict[str, Any]:
    """AK8 jets: generator, full simulation, and ours."""
    path = folder / "cms_pfnano" / "pfnano.root"
    generator, flow = cms_pfnano.generator_particles(path), cms_pfnano.particle_flow(path)
    true, full = cms_pfnano.jets(path, "GenJetAK8"), cms_pfnano.jets(path, "FatJet")
    event = np.repeat(np.arange(generator.events), np.diff(true.offset))
    match, distance = nearest(true.momentum, event, full.momentum, full.offset)
    pt = np.hypot(*true.momentum[:, 1:3].T)
    eta = np.abs(cylindrical(true.momentum)[:, 1])
    used = np.flatnonzero((pt > 200) & (eta < 2.4) & (distance < 0.4))
    n = len(used)

    ones = np.ones(len(generator.pdg))
    parts = {"generator": composition(generator, ones, true.jet, true.candidate, len(pt))}
    parts["generator"] = {name: column[used, None] for name, column in parts["generator"].items()}
    seen = composition(flow.candidates, flow.puppi, full.jet, full.candidate, len(full.momentum))
    parts["CMS full simulation"] = {name: column[match[used], None] for name, column in seen.items()}
    response = np.hypot(*full.momentum[match[used], 1:3].T) / pt[used]
    parts["CMS full simulation"]["response"] = response[:, None]
    parts["CMS, corrected"] = {"response": (response * full.correction[match[used]])[:, None]}
    for card in (CMS, CMS_NO_PILEUP):
        parts[f"card {card.name}"] = our_jets(generator, card, true.momentum[used], event[used])

    rows = []
    for name in ("response", *seen):
        reference = parts["CMS full simulation"][name][:, 0]
        for sample, columns in parts.items():
            if name not in columns:
                continue
            mean = np.nanmean(columns[name], axis=1)
            off = mean - reference
            rows.append(
                entry(name, sample, mean)
                | {"difference": off.mean(), "difference error": off.std(ddof=1) / np.sqrt(n)}
            )
    for sample, columns in parts.items():
        if "response" in columns:
            rows.append(width(sample, columns["response"]))

    def draw(ax: Any) -> None:
        draw_means(ax, rows, {f"share of {name}": name for name in ("charged", "photons", "neutral hadrons")})
        ax.set_ylabel("mean share of the jet's pT")
        plots.label(ax, "real", text="CMS simulation, AK8")

    figure("response", lambda ax: draw_response(ax, parts))
    figure("composition", draw)
    return {"jets": n, "jet pT": [pt[used].min(), pt[used].max()], "events": generator.events, "rows": rows,
            "tracks": compare_tracks(generator, flow)}  # fmt: skip


def our_jets(generator: Particles, card: Card, jets: np.ndarray, event: np.ndarray) -> dict[str, np.ndarray]:
    """Response and composition of the jets that our detector makes of the given ones: a column for each repeat."""
    found = repeated(generator, card)
    ours = anti_kt(found.momentum, found.offset, radius=0.8, min_pt=20.0)
    copies = np.repeat(np.arange(REPEATS), len(jets))
    row, distance = nearest(np.tile(jets, (REPEATS, 1)), np.tile(event, REPEATS) + copies * generator.events,
                            ours.momentum, ours.offset)  # fmt: skip
    jet = np.repeat(np.arange(len(ours.momentum)), np.diff(ours.first))
    columns = composition(found, np.ones(len(found.pdg)), jet, ours.constituent, len(ours.momentum))
    columns["response"] = np.hypot(*ours.momentum[:, 1:3].T)
    lost = distance > 0.4
    table = {
        name: np.where(lost, np.nan, column[row]).reshape(REPEATS, -1).T for name, column in columns.items()
    }
    table["response"] /= np.hypot(*jets[:, 1:3].T)[:, None]
    return table


def width(sample: str, response: np.ndarray) -> dict[str, Any]:
    """Standard deviation of the response over all jets; the error is that of as many jets, repeats or not."""
    sigma = float(np.nanstd(response, ddof=1))
    return {"name": "resolution", "sample": sample, "value": sigma, "error": sigma / np.sqrt(2 * (len(response) - 1)),
            "n": len(response)}  # fmt: skip


def compare_tracks(generator: Particles, flow: cms_pfnano.ParticleFlow) -> list[dict[str, Any]]:
    """Resolution of pT in the barrel, of full simulation and of ours, in bins of pT."""
    bins = np.array([0.5, 1, 2, 5, 10, 20, 50, 100, 300])
    barrel = np.abs(cylindrical(generator.momentum)[:, 1]) < 1.5
    stable = generator.keep((generator.charge != 0) & barrel & (np.abs(generator.pdg) > 20))
    charged = flow.candidates.keep((flow.candidates.charge != 0) & (flow.puppi > 0))
    # Only pairs that are each other's nearest, closer than tracks of different particles are in these jets.
    row, distance = nearest(stable.momentum, stable.event, charged.momentum, charged.offset)
    back, _ = nearest(charged.momentum, charged.event, stable.momentum, stable.offset)
    good = (row >= 0) & (distance < 0.003)
    good[good] &= back[row[good]] == np.flatnonzero(good)
    good[good] &= charged.charge[row[good]] == stable.charge[good]
    true = np.hypot(*stable.momentum[good, 1:3].T)
    residuals = {"CMS full simulation": (true, np.hypot(*charged.momentum[row[good], 1:3].T) / true - 1)}
    for card in (CMS, CMS_NO_PILEUP):
        detected = detect(joined([stable] * REPEATS), card=card, generator=np.random.default_rng(SEED))
        tracks = detected.tracks
        true = np.hypot(*np.tile(stable.momentum, (REPEATS, 1))[tracks.truth, 1:3].T)
        residuals[f"card {card.name}"] = true, np.hypot(*tracks.momentum[:, 1:3].T) / true - 1
    drawn: dict[str, dict[str, np.ndarray]] = {}

    def draw(ax: Any) -> None:
        for name, (pt, residual) in residuals.items():
            inside = (pt > bins[0]) & (pt < bins[-1])
            drawn[name] = plots.resolution(ax, pt[inside], residual[inside], bins, label=name, minimum=20)
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="true pT of the particle [GeV]",
            ylabel="width of pT / true pT - 1",
        )
        ax.legend()
        plots.label(ax, "real", text="CMS simulation, |eta| < 1.5, charged hadrons")

    figure("tracks", draw)
    return [
        {"sample": name, "low": low, "high": high, "width": value, "error": error, "n": int(entries)}
        for name, table in drawn.items()
        for low, high, entries, value, error in zip(*table.values(), strict=True)
        if np.isfinite(value)
    ]


def draw_response(ax: Any, parts: dict[str, dict[str, np.ndarray]]) -> None:
    """Distributions of the response, one for each sample."""
    for sample, columns in parts.items():
        if "response" in columns:
            values = columns["response"]
            plots.residuals(ax, values[np.isfinite(values)] - 1, np.linspace(-0.5, 0.5, 41), label=sample)
    ax.set(xlabel="pT / pT of the generator jet - 1", ylabel="share of jets per bin")
    ax.legend(fontsize=7)
    plots.label(ax, "real", text="CMS simulation, AK8")


def draw_means(ax: Any, rows: list[dict[str, Any]], names: dict[str, str]) -> None:
    """Points side by side for each sample that has all these quantities; `names` gives their labels."""
    cells = {(row["name"], row["sample"]): row for row in rows}
    samples = dict.fromkeys(row["sample"] for row in rows)
    complete = [sample for sample in samples if all((name, sample) in cells for name in names)]
    for place, sample in enumerate(complete):
        chosen = [cells[name, sample] for name in names]
        x = np.arange(len(names)) + 0.13 * (place - (len(complete) - 1) / 2)
        values, errors = ([row[key] for row in chosen] for key in ("value", "error"))
        ax.errorbar(x, values, errors, fmt=MARKERS[place], label=sample)
    ax.set_xticks(range(len(names)), list(names.values()))
    ax.minorticks_off()
    ax.set_ylim(0, 1.3 * ax.get_ylim()[1])
    ax.legend(ncols=2, fontsize=8)


# Delphes


def per_event(particles: Particles) -> dict[str, np.ndarray]:
    """Number and energy of each kind in each event."""
    found = {}
    for name, mask in kinds(particles).items():
        found[f"number of {name}"] = np.bincount(particles.event[mask], minlength=particles.events)
    for name, mask in kinds(particles).items():
        found[f"energy of {name}"] = np.bincount(
            particles.event[mask], particles.momentum[mask, 0], minlength=particles.events
        )
    found["energy"] = np.bincount(particles.event, particles.momentum[:, 0], minlength=particles.events)
    return {name: values.astype(float) for name, values in found.items()}


def ours_per_event(generator: Particles, card: Card) -> dict[str, np.ndarray]:
    """The same of our detector: the mean over the repeats."""
    found = per_event(repeated(generator, card))
    return {name: values.reshape(REPEATS, -1).mean(axis=0) for name, values in found.items()}


def against(
    reference: dict[str, np.ndarray], name_of: str, others: dict[str, dict[str, np.ndarray]]
) -> list[dict[str, Any]]:
    """Means over events, and mean differences from the reference of the same event."""
    rows = []
    for name, values in reference.items():
        rows.append(entry(name, name_of, values))
        for sample, columns in others.items():
            off = columns[name] - values
            error = off.std(ddof=1) / np.sqrt(len(off))
            rows.append(
                entry(name, sample, columns[name]) | {"difference": off.mean(), "difference error": error}
            )
    return rows


def entry(name: str, sample: str, values: np.ndarray) -> dict[str, Any]:
    """A mean with its error."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    return {"name": name, "sample": sample, "value": values.mean(), "error": error, "n": len(values)}


def compare_delphes(folder: Path) -> dict[str, Any]:
    """Top pairs through Delphes' CMS card: what arrives where, what is found, how much."""
    path = folder / "delphes_events" / "delphes_10events.root"
    generator, tracks = delphes.generator_particles(path), delphes.tracks(path)
    hadrons = delphes.neutrals(path, "EFlowNeutralHadron")
    file = {"number of charged": np.diff(tracks.candidates.offset).astype(float)}
    for name, found in (("photons", delphes.neutrals(path, "EFlowPhoton")), ("neutral hadrons", hadrons)):
        columns = per_event(found)
        file |= {column: columns[column] for column in (f"number of {name}", f"energy of {name}")}
    cards = {
        "card CMS": CMS,
        "the same, eta of momentum": replace(CMS, eta="momentum"),
        "card as in the file": AS_IN_FILE,
    }
    ours = {name: ours_per_event(generator, card) for name, card in cards.items()}
    rows = against(file, "Delphes file", ours)

    def draw(ax: Any) -> None:
        draw_means(
            ax, rows, {f"number of {name}": name for name in ("charged", "photons", "neutral hadrons")}
        )
        ax.set_ylabel("mean number per event")
        plots.label(ax, "real", text="Delphes, 10 events")

    figure("delphes", draw)
    flow = delphes.tracks(path, "EFlowTrack").candidates.momentum
    energy, eta = hadrons.momentum[:, 0], np.abs(cylindrical(hadrons.momentum)[:, 1])
    return {
        "events": generator.events,
        "rows": rows,
        **compare_tracking(generator, tracks),
        "share of flow tracks without pT": float(np.mean(np.hypot(*flow[:, 1:3].T) < 1e-6)),
        "least neutral hadron, |eta| < 2.95": energy[eta < 2.95].min(),
        "least neutral hadron, |eta| > 3.125": energy[eta > 3.125].min(),
    }


def compare_tracking(generator: Particles, tracks: delphes.DelphesTracks) -> dict[str, Any]:
    """Where tracks arrive, how many are found, and whether they are smeared."""
    arrival = propagate(generator, radius=CMS.radius, half_length=CMS.half_length, field=CMS.field)
    off = np.linalg.norm(arrival.position[tracks.truth, 1:] - tracks.outer, axis=1)
    x, y, z = tracks.outer.T
    surface = np.minimum(np.abs(np.hypot(x, y) - CMS.radius), np.abs(np.abs(z) - CMS.half_length)) < 1
    pt, eta = np.hypot(*generator.momentum[:, 1:3].T), np.abs(arrival.eta)
    true, measured = pt[tracks.truth], np.hypot(*tracks.candidates.momentum[:, 1:3].T)
    found = np.isin(np.arange(len(pt)), tracks.truth)
    hadron = (generator.charge != 0) & arrival.arrived & ~np.isin(np.abs(generator.pdg), (11, 13))
    bins = []
    for (low, high), row in zip(((0.0, 1.5), (1.5, 2.5)), CMS.hadrons.efficiency, strict=True):
        for (soft, hard), published in zip(((0.1, 1.0), (1.0, 1e9)), row, strict=True):
            chosen = found[hadron & (eta > low) & (eta <= high) & (pt > soft) & (pt <= hard)]
            error = np.sqrt(published * (1 - published) / len(chosen))
            values = low, high, soft, hard, len(chosen), chosen.mean(), error, published
            names = ("eta from", "eta to", "pt from", "pt to", "particles", "found", "error", "card")
            bins.append(dict(zip(names, values, strict=True)))
    return {
        "efficiency": bins,
        "tracks": len(off),
        "tracks that end on the surface": int(surface.sum()),
        "their largest distance from ours in mm": off[surface].max(),
        "least pT of the others": true[~surface].min(),
        "greatest pT of the others": true[~surface].max(),
        "largest |pT / true - 1|": np.abs(measured / true - 1).max(),
    }


# EDM4hep


def compare_edm4hep(folder: Path) -> dict[str, Any]:
    """Electron-positron collisions in the IDEA detector of Delphes."""
    path = folder / "edm4hep_fcc" / "fcc_winter2023_100events.root"
    generator, seen = edm4hep.generator_particles(path), edm4hep.reconstructed(path)
    file, truth = per_event(seen.candidates), per_event(generator)
    each = per_event(repeated(generator, IDEA))
    mine = {name: values.reshape(REPEATS, -1).mean(axis=0) for name, values in each.items()}
    missing = {"EDM4hep file": file["energy"] - truth["energy"]}
    missing["card IDEA"] = each["energy"] - np.tile(truth["energy"], REPEATS)
    rows = against(file, "EDM4hep file", {"generator": truth, "card IDEA": mine})
    true = np.hypot(*generator.momentum[seen.truth, 1:3].T)
    linked = (seen.truth >= 0) & (seen.candidates.charge != 0)
    residual = np.abs(np.hypot(*seen.candidates.momentum[:, 1:3].T) / true - 1)[linked]

    def draw(ax: Any) -> None:
        for name, difference in missing.items():
            plots.residuals(ax, difference, np.linspace(-60, 20, 41), label=name, unit="GeV")
        ax.set(xlabel="measured - true energy, neutrinos included [GeV]", ylabel="share of events per bin")
        ax.legend(fontsize=7)
        plots.label(ax, "real", text="Delphes IDEA, 100 events")

    figure("edm4hep", draw)
    return {
        "events": generator.events,
        "rows": rows,
        "median |pT / true - 1| of tracks": float(np.median(residual)),
    }


# Figures and tables


def figure(name: str, draw: Callable[[Any], None]) -> None:
    """Draw and save a figure whose file depends on nothing but what is drawn."""
    with plots.style(), mpl.rc_context({"svg.hashsalt": name}):
        made, axes = pyplot.subplots()
        draw(axes)
        made.savefig(FIGURES / f"{name}.svg", metadata={"Date": None})
        pyplot.close(made)


def table(rows: list[dict[str, Any]], reference: str, digits: int) -> str:
    """Quantities down, samples across; in brackets the difference from the reference, of the same events."""
    samples = list(dict.fromkeys(row["sample"] for row in rows))
    names = list(dict.fromkeys(row["name"] for row in rows))
    cells = {(row["name"], row["sample"]): row for row in rows}
    lines = ["| | " + " | ".join(samples) + " |", "| --- |" + " ---: |" * len(samples)]
    for name in names:
        line = [name]
        for sample in samples:
            row = cells.get((name, sample))
            decimals = digits if row and row["value"] < 2 else 1
            text = f"{row['value']:.{decimals}f} ± {row['error']:.{decimals}f}" if row else ""
            if row and "difference" in row and sample != reference:
                text += f" ({row['difference']:+.{decimals}f} ± {row['difference error']:.{decimals}f})"
            line.append(text)
        lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines)


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """All tables of the page by their names."""
    bins = numbers["delphes"]["efficiency"]
    efficiency = [
        "| arrival at | pT [GeV] | particles | found | card |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for row in bins:
        low, high, soft, hard, particles, found, error, card = row.values()
        pt = f"{soft} to {hard}" if hard < 1e9 else f"above {soft}"
        where = f"{low} < \\|eta\\| < {high}"
        efficiency.append(f"| {where} | {pt} | {particles} | {found:.3f} ± {error:.3f} | {card} |")
    tracks = numbers["cms"]["tracks"]
    samples = list(dict.fromkeys(row["sample"] for row in tracks))
    edges = sorted({(row["low"], row["high"]) for row in tracks})
    cells = {(row["low"], row["sample"]): row for row in tracks}
    resolution = ["| true pT [GeV] | " + " | ".join(samples) + " |", "| --- |" + " ---: |" * len(samples)]
    for low, high in edges:
        row = [cells.get((low, sample)) for sample in samples]
        texts = [f"{100 * cell['width']:.2f} ± {100 * cell['error']:.2f} %" if cell else "" for cell in row]
        resolution.append(f"| {low:g} to {high:g} | " + " | ".join(texts) + " |")
    return {
        "jets": table(numbers["cms"]["rows"], "CMS full simulation", 3),
        "tracks": "\n".join(resolution),
        "delphes": table(numbers["delphes"]["rows"], "Delphes file", 3),
        "efficiency": "\n".join(efficiency),
        "edm4hep": table(numbers["edm4hep"]["rows"], "EDM4hep file", 3),
    }


def rendered(page: str, numbers: dict[str, Any]) -> str:
    """The page with its tables written anew."""
    for name, text in tables(numbers).items():
        block = re.compile(rf"(<!-- detector {name} -->\n).*?(<!-- /detector -->)", re.DOTALL)
        page = block.sub(lambda found, text=text: f"{found[1]}{text}\n{found[2]}", page)  # type: ignore[misc]
    return page


def main() -> None:
    """Compare with all three samples, then write numbers, figures and tables."""
    folder = Path(os.environ.get("FEMTOBARN_DATA", ""))
    if not (folder / "cms_pfnano").is_dir():
        raise InputError("set FEMTOBARN_DATA to the folder of the real samples")
    mpl.use("agg")
    FIGURES.mkdir(parents=True, exist_ok=True)
    numbers = {
        "repeats": REPEATS,
        "cms": compare_cms(folder),
        "delphes": compare_delphes(folder),
        "edm4hep": compare_edm4hep(folder),
    }
    text = json.dumps(numbers, indent=1, default=float)
    NUMBERS.write_text(
        re.sub(r"\d+\.\d{7,}(e-?\d+)?", lambda n: f"{float(n[0]):.6g}", text) + "\n", encoding="utf-8"
    )
    PAGE.write_text(
        rendered(PAGE.read_text(encoding="utf-8"), json.loads(NUMBERS.read_text())), encoding="utf-8"
    )


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"detector.py: {error}")
