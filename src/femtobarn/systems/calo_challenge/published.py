"""Numbers of the CaloChallenge for the generators built here (arXiv:2410.21611 and its ``final_results``)."""

from femtobarn.runs import Published

_SOURCE = "arXiv:2410.21611, final_results of its repository"
#: Data set, model, FPD x 1e3, AUC low-level and high-level, coverage, CPU ms per shower at 1 and 100 at once.
_ROWS: tuple[tuple[str, str, float, float, float, float, float | None, float | None], ...] = (
    ("1-photons", "Geant4", 0.1192, 0.499, 0.499, 0.96, None, None),
    ("1-photons", "CaloDiffusion", 0.6497, 0.635, 0.536, 0.97, 1.57e4, 4.27e3),
    ("1-photons", "CaloINN", 3.897, 0.626, 0.638, 0.91, 37.9, 2.78),
    ("1-photons", "CaloVAE+INN", 14.59, 0.889, 0.966, 0.97, 38.0, 1.58),
    ("1-photons", "BoloGAN", 142.4, 0.927, 0.966, 0.41, 106.0, 1.73),
    ("1-pions", "Geant4", 0.511, 0.609, 0.558, 0.91, None, None),
    ("1-pions", "CaloDiffusion", 2.775, 0.680, 0.652, 0.89, 1.51e4, 4.57e3),
    ("1-pions", "CaloINN", 29.26, 0.784, 0.732, 0.73, 42.8, 3.92),
    ("1-pions", "CaloVAE+INN", 83.0, 0.853, 0.921, 0.81, 40.8, 1.72),
    ("1-pions", "BoloGAN", 498.7, 0.913, 0.969, 0.39, 79.6, 1.38),
    ("2", "Geant4", 10.78, 0.500, 0.499, 0.97, None, None),
    ("2", "CaloDREAM", 24.65, 0.531, 0.521, 0.98, 1.69e4, 5.05e3),
    ("2", "CaloDiffusion", 146.9, 0.577, 0.591, 0.93, 3.65e4, 2.33e4),
    ("2", "CaloINN", 732.8, 0.743, 0.865, 0.96, 388.0, 59.7),
    ("2", "CaloVAE+INN", 5443.0, 0.907, 1.000, 0.96, 64.1, 4.6),
    ("3", "Geant4", 8.758, 0.497, 0.500, 0.98, None, None),
    ("3", "CaloDREAM", 20.75, 0.630, 0.524, 0.99, 3.33e4, 3.21e4),
    ("3", "CaloDiffusion", 71.24, 0.561, 0.607, 0.97, 2.05e5, 2.69e5),
    ("3", "CaloVAE+INN", 1.106e4, 0.881, 1.000, 0.79, 90.6, 13.6),
)


def published() -> list[Published]:
    """All of them. FPD and AUC have names of their own: the estimator and the network differ from ours."""
    found = []
    for dataset, model, fpd, low, high, coverage, one, hundred in _ROWS:
        numbers: list[tuple[str, float | None, str, dict[str, str]]] = [
            ("FPD, estimator of the challenge", 1e-3 * fpd, "", {}),
            ("AUC, low-level, network of the challenge", low, "", {}),
            ("AUC, high-level, network of the challenge", high, "", {}),
            ("coverage", coverage, "", {}),
            ("time per shower", one, "ms", {"showers at once": "1"}),
            ("time per shower", hundred, "ms", {"showers at once": "100"}),
        ]
        found += [
            Published(name, value, None, unit, {"model": model} | more, f"CaloChallenge {dataset}", _SOURCE)
            for name, value, unit, more in numbers
            if value is not None
        ]
    return found
