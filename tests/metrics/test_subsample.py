import pickle

import numpy as np
import pytest
import torch
from _samples import jets
from scipy.stats import kstest

from femtobarn.errors import InputError
from femtobarn.metrics import Subsample, w1m


def test_keeps_the_same_rows_whoever_reads_them() -> None:
    x, mask = jets(1000, np.random.default_rng(0))
    whole = Subsample(150, seed=3)
    whole.update(x, mask)
    parts = []
    for first, last in ((600, 1000), (0, 1), (1, 600)):
        part = Subsample(150, seed=3)
        for k in range(first, last, 90):
            part.update(torch.from_numpy(x[k : min(k + 90, last)]), mask[k : min(k + 90, last)], start=k)
        parts.append(pickle.loads(pickle.dumps(part)))
    merged = Subsample(150, seed=3)
    for part in parts:
        merged.merge(part)
    for a, b in zip(whole.value(), merged.value(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert merged.rows == 1000
    assert w1m(whole.value(), merged.value(), batch=100).n_real == 150


def test_is_uniform_and_depends_on_the_seed() -> None:
    rows = np.arange(100_000)
    kept = []
    for seed in (0, 1):
        sample = Subsample(2000, seed=seed)
        sample.update(rows)
        kept.append(sample.value()[0])
        assert len(set(kept[-1])) == 2000
        assert kstest(kept[-1] / 1e5, "uniform").pvalue > 0.001
        assert abs(np.corrcoef(np.arange(2000), kept[-1])[0, 1]) < 0.1
    assert len(set(kept[0]) & set(kept[1])) == pytest.approx(40, abs=25)


def test_a_short_sample_is_kept_whole() -> None:
    sample = Subsample(50)
    sample.update(np.arange(20))
    sample.update(np.arange(20, 30))
    assert sorted(sample.value()[0]) == list(range(30))


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="equally many"):
        Subsample(5).update(np.zeros(3), np.zeros(4))
    with pytest.raises(InputError, match="same size and seed"):
        Subsample(5).merge(Subsample(6))
    with pytest.raises(InputError, match="at least 1"):
        Subsample(0)
    sample = Subsample(5)
    sample.update(np.zeros((3, 2)))
    with pytest.raises(InputError, match="same shape"):
        sample.update(np.zeros((3, 4)))
