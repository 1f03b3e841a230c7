"""One metric of two files, for ``femtobarn metric``: jets in JetNet's layout, or rows of features."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from femtobarn import metrics
from femtobarn.data.features import FeatureFile, check_same_columns
from femtobarn.data.hdf5 import opened_hdf5
from femtobarn.data.source import stream
from femtobarn.datasets import jetnet
from femtobarn.errors import InputError, check_known
from femtobarn.evaluation.jet_scores import resample_size
from femtobarn.evaluation.samples import check_jets
from femtobarn.metrics import FeatureMoments, KernelMoments, Subsample
from femtobarn.metrics.estimate import Estimate
from femtobarn.physics.energy_flow import energy_flow_polynomials

_ROWS = 20_000  # read at a time


class Options(NamedTuple):
    """What some of the metrics need to know."""

    jets: int = 50_000  # rows at most for metrics that need the rows themselves
    seed: int = 0
    fpnd: Path | None = None  # folder of the published ParticleNet
    jet_class: str = "g"  # that FPND compares with
    particles: int | None = None  # hardest of each jet; all that the files hold if None


class Metric(NamedTuple):
    """A metric of two files."""

    summary: str
    compute: Callable[["_File", "_File", Options], dict[str, Estimate]]


def metric(name: str, real: Path, generated: Path, *, options: Options | None = None) -> dict[str, Estimate]:
    """A metric of a generated file against a real one; some metrics have several numbers.

    Files of jets in JetNet's layout are compared by their particles, or by their 36 energy flow polynomials
    where the metric takes features; files of features (NumPy, Parquet, HDF5) by their columns, which are paired by
    name wherever they stand. FPD and KPD use all rows, however many; other metrics a random part that does not
    depend on the order of reading.

    Args:
        name: One of `METRICS`.
        real: The reference.
        generated: The sample to judge.
        options: See `Options`.

    Raises:
        InputError: No such metric, one for jets on other files, a file that cannot be read or has no rows, other
            columns in one file than in the other, or jets cut to other numbers of particles.
    """
    check_known("metric", [name], METRICS)
    options = options or Options()
    files = [_File(path, options.particles) for path in (real, generated)]
    _pair(*files, particles=options.particles)
    return METRICS[name].compute(files[0], files[1], options)


def _pair(real: "_File", generated: "_File", *, particles: int | None) -> None:
    """Have both files give the same features in the same order."""
    if real.has_jets and generated.has_jets:
        check_jets([real.path, generated.path], particles=particles)
    elif real.table is not None and generated.table is not None:
        generated.columns = check_same_columns(real.table, generated.table)
    else:
        odd = real if real.has_jets else generated
        raise InputError(f"{odd.path} holds jets, the other file features: expected two files of one kind")


class _File:
    """A file of jets or of features; jets have features too."""

    def __init__(self, path: Path, particles: int | None) -> None:
        self.path = path
        self.has_jets = path.suffix in (".h5", ".hdf5") and _is_jetnet(path)
        self._jets = jetnet.open_jets([path], particles=particles) if self.has_jets else None
        self.table = None if self.has_jets else FeatureFile(path)
        self.columns = None if self.table is None else self.table.names
        if self.table is not None and not len(self.table):
            raise InputError(f"{path}: expected rows, got none")

    def features(self) -> Iterator[tuple[int, np.ndarray]]:
        """Number of the first row, and the features of some rows."""
        if self.table is not None:
            for start in range(0, len(self.table), _ROWS):
                yield start, self.table.read(start, start + _ROWS, names=self.columns)
        elif self._jets is not None:
            row = 0
            for part in stream(self._jets, ("particles", "mask"), rows=_ROWS):
                yield row, energy_flow_polynomials(part["particles"], part["mask"])
                row += len(part["mask"])

    def some_features(self, options: Options) -> np.ndarray:
        """The features of a random part of the rows."""
        sample = Subsample(options.jets, seed=options.seed)
        for start, features in self.features():
            sample.update(features, start=start)
        return sample.value()[0]

    def some_jets(self, options: Options) -> tuple[np.ndarray, np.ndarray]:
        """Particles and mask of a random part of the jets.

        Raises:
            InputError: The file holds no jets.
        """
        if self._jets is None:
            raise InputError(
                f"{self.path}: this metric needs jets in JetNet's layout (femtobarn data jetnet)"
            )
        sample, row = Subsample(options.jets, seed=options.seed), 0
        for part in stream(self._jets, ("particles", "mask"), rows=_ROWS):
            sample.update(part["particles"], part["mask"], start=row)
            row += len(part["mask"])
        particles, mask = sample.value()
        return particles, mask


def _is_jetnet(path: Path) -> bool:
    with opened_hdf5(path) as file:
        return "particle_features" in file


def _moments(file: _File) -> FeatureMoments:
    moments: FeatureMoments | None = None
    for start, features in file.features():
        moments = moments or FeatureMoments(features.shape[1])
        moments.update(features, start=start)
    if moments is None:
        raise InputError(f"{file.path}: expected rows, got none")
    return moments


def _fpd(real: _File, generated: _File, _: Options) -> dict[str, Estimate]:
    return {"FPD": _moments(real).value(_moments(generated))}


def _kpd(real: _File, generated: _File, options: Options) -> dict[str, Estimate]:
    kernels = []
    scale = _moments(real).scale
    for file in (real, generated):
        kernel = KernelMoments(scale)
        for start, features in file.features():
            kernel.update(features, start=start)
        kernels.append(kernel)
    return {"KPD": kernels[0].value(kernels[1], generator=np.random.default_rng(options.seed))}


def _of_features(
    names: tuple[str, ...], function: Callable[[np.ndarray, np.ndarray], tuple[Estimate, ...]]
) -> Callable[[_File, _File, Options], dict[str, Estimate]]:
    def compute(real: _File, generated: _File, options: Options) -> dict[str, Estimate]:
        found = function(real.some_features(options), generated.some_features(options))
        return dict(zip(names, found, strict=True))

    return compute


def _wasserstein(real: _File, generated: _File, options: Options) -> dict[str, Estimate]:
    x, y = real.some_jets(options), generated.some_jets(options)
    batch = resample_size(len(x[1]), len(y[1]))
    particles = metrics.w1p(x, y, batch=batch)
    each = {f"W1-P {name}": estimate for name, estimate in particles._asdict().items() if name != "mean"}
    return {
        "W1-M": metrics.w1m(x, y, batch=batch),
        "W1-P": particles.mean,
        **each,
        "W1-EFP": metrics.w1efp(x, y, batch=batch),
    }


def _matching(real: _File, generated: _File, options: Options) -> dict[str, Estimate]:
    found = metrics.coverage_mmd(real.some_jets(options), generated.some_jets(options))
    return {"COV": found.coverage, "MMD": found.mmd}


def _fpnd(real: _File, generated: _File, options: Options) -> dict[str, Estimate]:
    if options.fpnd is None:
        raise InputError("FPND needs the published ParticleNet: --fpnd FOLDER with pnet_state_dict.pt")
    reference = metrics.load_fpnd(options.fpnd, options.jet_class)
    files = {"real file": real, "generated file": generated}
    return {
        f"FPND of the {name}": metrics.fpnd(file.some_jets(options), reference)
        for name, file in files.items()
    }


METRICS = {
    "fpd": Metric("Fréchet distance, free of bias, all rows", _fpd),
    "kpd": Metric("kernel distance over all pairs of rows", _kpd),
    "fpd-published": Metric(
        "Fréchet distance by the published recipe",
        _of_features(("FPD (published recipe)",), lambda x, y: (metrics.fpd_jetnet(x, y),)),
    ),
    "kpd-published": Metric(
        "kernel distance by the published recipe",
        _of_features(("KPD (published recipe)",), lambda x, y: (metrics.kpd_jetnet(x, y),)),
    ),
    "w1": Metric("Wasserstein distances of jets: mass, particles, energy flow", _wasserstein),
    "prdc": Metric(
        "precision, recall, density and coverage", _of_features(metrics.Prdc._fields, metrics.prdc)
    ),
    "cov": Metric("coverage and minimum matching distance of jets", _matching),
    "auc": Metric(
        "area under the ROC curve of a classifier",
        _of_features(("AUC",), lambda x, y: (metrics.classifier_test(x, y),)),
    ),
    "fpnd": Metric("Fréchet ParticleNet distance to real JetNet jets", _fpnd),
}
