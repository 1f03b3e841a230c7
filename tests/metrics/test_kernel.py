import pickle

import numpy as np
import pytest
import torch
from _samples import EXACT, ONES, gaussian, heavy_tails
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, ortho_group

from femtobarn.errors import InputError
from femtobarn.metrics import KernelMoments, kpd, max_scale
from femtobarn.metrics._block_gram import BlockGram, deviations
from femtobarn.metrics._blocks import null_spread


def all_pairs(x: np.ndarray, y: np.ndarray, degree: int) -> float:
    """From the definition, with every pair of rows in memory."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1) ** degree

    def within(a: np.ndarray) -> float:
        k = kernel(a, a)
        return (k.sum() - np.trace(k)) / (len(a) * (len(a) - 1))

    return within(x) + within(y) - 2 * kernel(x, y).mean()


@given(
    seed=st.integers(0, 2**31),
    degree=st.integers(1, 4),
    features=st.sampled_from([1, 2, 7, 70]),
    n=st.integers(40, 90),
)
def test_agrees_with_all_pairs(seed: int, degree: int, features: int, n: int) -> None:
    """Also beyond 64 features, where the pairs are summed themselves."""
    r = np.random.default_rng(seed)
    x, y = r.normal(size=(n, features)), r.normal(size=(51, features)) + 0.3
    s = max_scale(x)
    assert kpd(x, y, degree=degree).value == pytest.approx(all_pairs(x / s, y / s, degree), abs=1e-11)


@pytest.mark.parametrize("name", EXACT)
def test_gaussian_table(name: str) -> None:
    for degree, exact in ((4, EXACT[name][1]), (3, EXACT[name][2])):
        r = np.random.default_rng(degree)
        x, y = gaussian("truth", 50_000, r), gaussian(name, 50_000, r)
        estimate = kpd(x, y, scale=ONES, degree=degree)
        assert abs(estimate.value - exact) < 4 * estimate.error
        assert estimate.error < 0.1 * exact + 0.05


def test_only_the_quartic_kernel_sees_the_mixture() -> None:
    for name in ("mixture 0.6", "mixture 0.75"):
        r = np.random.default_rng(0)
        x, y = gaussian("truth", 50_000, r), gaussian(name, 50_000, r)
        assert abs(kpd(x, y, scale=ONES, degree=3).significance) < 4
    quartic = kpd(x, y, scale=ONES)
    assert quartic.value > 5 * quartic.error
    assert quartic.p_value == pytest.approx(1 / 1001)


def test_null_and_p_value_are_those_of_repeated_samples() -> None:
    r = np.random.default_rng(1)
    repeats = [kpd(heavy_tails(2000, 3, r), heavy_tails(2000, 3, r), permutations=199) for _ in range(150)]
    values = np.array([e.value for e in repeats])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))
    assert np.median([e.null_error for e in repeats]) == pytest.approx(values.std(), rel=0.35)
    assert kstest([e.p_value for e in repeats], "uniform").pvalue > 0.01


def test_jackknife_is_the_one_of_the_definition() -> None:
    r = np.random.default_rng(2)
    x, y = gaussian("truth", 203, r), gaussian("shift 1", 171, r)
    variance = 0.0
    for k, sample in enumerate((x, y)):
        rest = [np.delete(sample, np.s_[b::7], axis=0) for b in range(7)]
        left_out = np.array([all_pairs(z, y, 4) if k == 0 else all_pairs(x, z, 4) for z in rest])
        variance += 6 / 7 * np.square(left_out - left_out.mean()).sum()
    estimate = kpd(x, y, scale=ONES, blocks=7)
    np.testing.assert_allclose(estimate[:2], (all_pairs(x, y, 4), np.sqrt(variance)), rtol=1e-9)


def test_parts_in_any_order_give_the_same_value() -> None:
    r = np.random.default_rng(3)
    x, y = heavy_tails(1000, 4, r), heavy_tails(900, 4, r)
    s = max_scale(x)
    cuts = [0, 3, 500, 640, 1000]
    parts = []
    for k in (2, 0, 3, 1):
        part = KernelMoments(s, blocks=10)
        part.update(torch.from_numpy(x[cuts[k] : cuts[k + 1]]), start=cuts[k])
        parts.append(pickle.loads(pickle.dumps(part)))
    whole = parts.pop()
    for part in parts:
        whole.merge(part)
    generated = KernelMoments(s, blocks=10)
    generated.update(y[:77])
    generated.update(y[77:])
    np.testing.assert_allclose(
        whole.value(generated)[:6], kpd(x, y, scale=s, blocks=10)[:6], rtol=1e-8, atol=1e-15
    )


def test_rotation_of_both_samples_changes_nothing() -> None:
    r = np.random.default_rng(4)
    x, y = heavy_tails(500, 5, r), heavy_tails(500, 5, r)
    turn = ortho_group.rvs(5, random_state=1)
    a, b = (kpd(*pair, scale=np.ones(5)) for pair in ((x, y), (x @ turn, y @ turn)))
    np.testing.assert_allclose(a[:2], b[:2], rtol=1e-9, atol=1e-13)


def test_method_says_how() -> None:
    r = np.random.default_rng(5)
    method = kpd(gaussian("truth", 100, r), gaussian("truth", 100, r)).method
    assert all(word in method for word in ("KPD", "degree 4", "20 blocks", "all pairs", "max |real|"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kpd(np.ones((30, 2)), np.ones((300, 2))), "at least 40 rows in the real"),
        (lambda: kpd(np.ones((300, 2)), np.full((300, 2), np.inf)), "finite"),
        (lambda: kpd(np.ones((300, 2)), np.ones((300, 3))), "2 features"),
        (lambda: kpd(np.ones((300, 2)), np.ones((300, 2)), degree=5), "degree"),
        (lambda: KernelMoments(np.ones(65)), "Subsample"),
        (lambda: KernelMoments(np.zeros(2)), "scale above 0"),
        (lambda: KernelMoments(ONES).merge(KernelMoments(2 * ONES)), "same scale"),
        (lambda: KernelMoments(ONES).value(KernelMoments(2 * ONES)), "same scale"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_the_null_error_of_one_sample_is_known_as_well_as_its_blocks_tell() -> None:
    """Its square is right on average; that of one sample scatters, the less the more blocks there are."""
    draw, n, values, errors = np.random.default_rng(11), 400, [], {20: [], 100: []}
    for _ in range(300):
        z = draw.normal(size=(2 * n, 2)) / 4
        kernel = (z @ z.T / 2 + 1) ** 4
        within = [(part.sum() - np.trace(part)) / (n * (n - 1)) for part in (kernel[:n, :n], kernel[n:, n:])]
        values.append(sum(within) - 2 * kernel[:n, n:].mean())
        for blocks, found in errors.items():
            rows = np.full(blocks, n // blocks)
            sums = kernel[:n, :n].reshape(blocks, n // blocks, blocks, n // blocks).sum(axis=(1, 3))
            gram = BlockGram(sums, np.zeros(blocks), rows)
            found.append(null_spread(deviations(gram), rows, n))
    for found in errors.values():
        assert np.sqrt(np.mean(np.square(found))) == pytest.approx(np.std(values), rel=0.2)
    few, many = (np.std(found) / np.mean(found) for found in errors.values())
    assert 0.18 < few < 0.4
    assert many < 0.7 * few
