"""FastJet behind arrays, against a clustering by brute force and against jets that CMS clustered."""

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.datasets import cms_pfnano
from femtobarn.errors import InputError, MissingExtraError
from femtobarn.physics.clustering import Jets, anti_kt, cambridge_aachen, kt
from femtobarn.physics.vectors import cartesian, cylindrical, delta_phi

pytest.importorskip("fastjet", reason="FastJet comes with the extra generate")

ALGORITHMS = [(anti_kt, -1), (cambridge_aachen, 0), (kt, 1)]


def event(n: int, generator: np.random.Generator) -> np.ndarray:
    pt, eta, phi = generator.exponential(20, n), generator.uniform(-1.5, 1.5, n), generator.uniform(-3, 3, n)
    return cartesian(np.column_stack((pt, eta, phi, generator.exponential(0.5, n))))


def by_brute_force(momentum: np.ndarray, radius: float, power: int) -> list[tuple[np.ndarray, set[int]]]:
    """Sequential recombination as its papers define it: least distance first, momenta added."""
    left = [(p, {i}) for i, p in enumerate(momentum)]
    jets = []
    while left:
        pt = np.array([np.hypot(p[1], p[2]) for p, _ in left])
        y = np.array([np.arctanh(p[3] / p[0]) for p, _ in left])
        phi = np.array([np.arctan2(p[2], p[1]) for p, _ in left])
        weight = pt ** (2.0 * power)
        apart = (y[:, None] - y) ** 2 + delta_phi(phi[:, None], phi) ** 2
        distance = np.minimum(weight[:, None], weight) * apart / radius**2
        distance[np.arange(len(left)), np.arange(len(left))] = weight  # to the beam
        i, j = sorted(map(int, np.unravel_index(distance.argmin(), distance.shape)))
        one = left.pop(j)
        if i == j:
            jets.append(one)
        else:
            left[i] = (left[i][0] + one[0], left[i][1] | one[1])
    return sorted(jets, key=lambda jet: -np.hypot(jet[0][1], jet[0][2]))


def contents(jets: Jets) -> list[set[int]]:
    return [set(jets.constituent[a:b].tolist()) for a, b in pairwise(jets.first)]


@pytest.mark.parametrize(("algorithm", "power"), ALGORITHMS, ids=lambda a: getattr(a, "__name__", ""))
@given(seed=st.integers(0, 2**31), n=st.integers(1, 14), radius=st.sampled_from([0.4, 0.8, 1.2]))
def test_jets_are_those_of_brute_force(
    algorithm: Callable[..., Jets], power: int, seed: int, n: int, radius: float
) -> None:
    momentum = event(n, np.random.default_rng(seed))
    expected = by_brute_force(momentum, radius, power)
    found = algorithm(momentum, np.array([0, n]), radius=radius)
    assert contents(found) == [members for _, members in expected]
    np.testing.assert_allclose(found.momentum, [p for p, _ in expected], atol=1e-9)


@given(
    seed=st.integers(0, 2**31),
    sizes=st.lists(st.integers(0, 9), max_size=6),
    cut=st.sampled_from([0.0, 25.0]),
)
def test_events_together_are_events_one_by_one(seed: int, sizes: list[int], cut: float) -> None:
    offset = np.cumsum([0, *sizes])
    momentum = event(offset[-1], np.random.default_rng(seed))
    together = anti_kt(momentum, offset, radius=0.8, min_pt=cut)
    assert len(together.offset) == len(offset)
    for i, (a, b) in enumerate(pairwise(offset)):
        alone = anti_kt(momentum[a:b], np.array([0, b - a]), radius=0.8, min_pt=cut)
        mine = together.keep(together.event == i)
        np.testing.assert_array_equal(mine.momentum, alone.momentum)
        np.testing.assert_array_equal(mine.constituent, alone.constituent + a)
        assert np.diff(together.offset)[i] == len(alone.momentum)


@pytest.mark.parametrize("cut", [0.0, 30.0])
def test_a_jet_is_the_sum_of_its_constituents_hardest_jet_first(cut: float) -> None:
    offset = np.array([0, 80, 80, 200])
    momentum = event(200, np.random.default_rng(3))
    jets = anti_kt(momentum, offset, radius=0.6, min_pt=cut)
    sums = np.add.reduceat(momentum[jets.constituent], jets.first[:-1])
    np.testing.assert_allclose(jets.momentum, sums, rtol=1e-9, atol=1e-9)
    pt = np.hypot(jets.momentum[:, 1], jets.momentum[:, 2])
    assert pt.min() >= cut
    assert np.all((np.diff(pt) <= 0) | (np.diff(jets.event) > 0))
    np.testing.assert_array_equal(jets.event, np.repeat(range(3), np.diff(jets.offset)))
    if cut == 0:  # every particle is in one jet
        np.testing.assert_array_equal(np.sort(jets.constituent), np.arange(200))


def test_keep_leaves_the_events_and_the_right_constituents() -> None:
    momentum = event(60, np.random.default_rng(5))
    jets = anti_kt(momentum, np.array([0, 30, 60]), radius=0.5)
    wanted = jets.momentum[:, 3] > 0
    kept = jets.keep(wanted)
    assert len(kept.offset) == 3
    np.testing.assert_array_equal(kept.event, jets.event[wanted])
    sums = np.add.reduceat(momentum[kept.constituent], kept.first[:-1])
    np.testing.assert_allclose(kept.momentum, sums, rtol=1e-9, atol=1e-9)


def test_jets_of_cms_generator_particles(real_data: Path) -> None:
    """CMS clusters AK8 jets from the same particles, less neutrinos, and stores those above 80 GeV or so."""
    uproot = pytest.importorskip("uproot")
    path = real_data / "cms_pfnano" / "pfnano.root"
    particles = cms_pfnano.generator_particles(path)
    seen = particles.keep(~np.isin(np.abs(particles.pdg), (12, 14, 16)))
    jets = anti_kt(seen.momentum, seen.offset, radius=0.8, min_pt=100.0)
    pt, eta, _, _ = cylindrical(jets.momentum).T
    stored = uproot.open(path)["Events"].arrays(["GenJetAK8_pt", "GenJetAK8_eta"])
    matched = 0
    for i in range(particles.events):
        for cms_pt, cms_eta in zip(stored["GenJetAK8_pt"][i], stored["GenJetAK8_eta"][i], strict=True):
            if cms_pt > 120:
                mine = jets.event == i
                nearest = np.abs(pt[mine] / cms_pt - 1).argmin()
                assert pt[mine][nearest] == pytest.approx(cms_pt, rel=2e-3)
                assert eta[mine][nearest] == pytest.approx(cms_eta, abs=2e-3)
                matched += 1
    assert matched >= 20


def test_fastjet_prints_nothing() -> None:
    code = (
        "import numpy as np; from femtobarn.physics.clustering import anti_kt; "
        "anti_kt(np.array([[5.0, 3.0, 0.0, 4.0]]), np.array([0, 1]), radius=0.4)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"radius": 0.0}, "radius above 0"),
        ({"offset": np.array([0, 2])}, "boundaries"),
        ({"offset": np.array([0, 4, 2, 3])}, "boundaries"),
        ({"offset": np.array([], int)}, "boundaries"),
        ({"momentum": np.full((3, 4), np.nan)}, "particle 0: expected finite"),
    ],
)
def test_faults_are_told(change: dict[str, object], message: str) -> None:
    good = {"momentum": event(3, np.random.default_rng(0)), "offset": np.array([0, 3]), "radius": 0.4}
    with pytest.raises(InputError, match=message):
        anti_kt(**(good | change))  # type: ignore[arg-type]


def test_without_fastjet_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastjet", None)
    with pytest.raises(MissingExtraError, match=r"femtobarn\[generate\]"):
        anti_kt(event(3, np.random.default_rng(0)), np.array([0, 3]), radius=0.4)
