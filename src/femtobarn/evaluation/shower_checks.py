"""What may be wrong with a comparison of showers that runs all the same: said in words, nothing is refused."""

from pathlib import Path

import numpy as np

from femtobarn.datasets.calochallenge import PUBLISHED_SETS
from femtobarn.evaluation.shower_summary import ShowerFiles, ShowerSummary
from femtobarn.physics.voxels import geometry

_CHANCE = 1e-6  # below it two distributions of incident energies count as different
_DRAWN = 20_000  # energies of each sample that are compared


def remarks(
    real: ShowerFiles, truth: ShowerSummary, generated: ShowerFiles, found: ShowerSummary
) -> list[str]:
    """Sentences about a generated sample and its reference, none if all looks well."""
    said = [*_copies(real, truth, generated, found), *_swapped(real, generated)]
    said += [*_energies(truth, generated, found), *_response(truth, generated, found)]
    if found.empty:
        share = found.empty / found.showers
        said.append(
            f"{generated.name}: {found.empty} of {found.showers} showers ({share:.2%}) have no voxel above the "
            f"threshold; {truth.empty} of {truth.showers} in the reference."
        )
    return [*said, *_dead(real, truth, generated, found)]


def published_reference(real: ShowerFiles, showers: int) -> list[str]:
    """Why the reference cannot be the published one; none if nothing speaks against it.

    The records give no checksum to hold it to, so it is the user who says it, and this looks for what would show
    the contrary: the names of the files and the number of showers.
    """
    known = PUBLISHED_SETS[real.dataset]
    said = []
    names = sorted(file.name for path in real.files for file in _files(path))
    if names != sorted(known.test):
        said.append(
            f"the reference of data set {real.dataset} is {' and '.join(known.test)}, got {', '.join(names)}"
        )
    expected = known.showers * len(known.test)
    if showers != expected:
        said.append(f"the reference of data set {real.dataset} has {expected} showers, got {showers}")
    return said


def _files(path: Path) -> list[Path]:
    return (
        sorted(each for each in path.iterdir() if each.suffix in (".h5", ".hdf5"))
        if path.is_dir()
        else [path]
    )


def _copies(
    real: ShowerFiles, truth: ShowerSummary, generated: ShowerFiles, found: ShowerSummary
) -> list[str]:
    """Two showers of equal incident and deposited energy, to the last bit, are one and the same."""
    known = {tuple(pair) for pair in truth.energies.tolist() if pair[1] > 0}
    copies = sum(tuple(pair) in known for pair in found.energies.tolist())
    if copies <= found.showers // 1000:
        return []
    if copies + found.empty >= found.showers:
        return [
            f"{generated.name} holds the same showers as the reference {real.name}: is it the right file? All "
            "scores are those of identical samples."
        ]
    return [f"{generated.name}: {copies} of {found.showers} showers are copies of showers of the reference."]


def _swapped(real: ShowerFiles, generated: ShowerFiles) -> list[str]:
    published = {name for known in PUBLISHED_SETS.values() for name in (*known.train, *known.test)}
    ours, theirs = ({path.name for path in sample.files} for sample in (real, generated))
    if theirs & published and not ours & published:
        return [
            f"{generated.name} has the name of a published file of Geant4 showers and {real.name} has not: are "
            "reference and generated file swapped?"
        ]
    return []


def _energies(truth: ShowerSummary, generated: ShowerFiles, found: ShowerSummary) -> list[str]:
    """The order of the showers may be that of the energy, so take every so many."""
    from scipy.stats import ks_2samp  # slow to import

    drawn = [each.energies[:: max(1, each.showers // _DRAWN), 0] for each in (truth, found)]
    if ks_2samp(np.log(drawn[0]), np.log(drawn[1])).pvalue > _CHANCE:
        return []
    ranges = [f"{each.min():.4g} to {each.max():.4g} MeV, median {np.median(each):.4g}" for each in drawn]
    return [
        f"{generated.name} has other incident energies ({ranges[1]}) than the reference ({ranges[0]}): every score "
        "mixes this difference with that of the showers."
    ]


def _response(truth: ShowerSummary, generated: ShowerFiles, found: ShowerSummary) -> list[str]:
    ours, theirs = (each.energies[:, 1].sum() / each.energies[:, 0].sum() for each in (truth, found))
    if 0.1 * ours < theirs < 10 * ours:
        return []
    hint = " Are the voxels in GeV?" if 1e-4 < theirs / max(ours, 1e-300) < 1e-2 else ""
    return [
        f"{generated.name} deposits {theirs:.3g} of the incident energy on average, the reference {ours:.3g}.{hint}"
    ]


def _dead(real: ShowerFiles, truth: ShowerSummary, generated: ShowerFiles, found: ShowerSummary) -> list[str]:
    silent = (found.layers[0] == 0) & (truth.layers[0] > 0)
    numbers = [layer.number for layer in geometry(real.dataset).layers]
    dead = ", ".join(str(number) for number, each in zip(numbers, silent, strict=True) if each)
    return [f"{generated.name} has no energy at all in layer {dead}."] if dead and not silent.all() else []
