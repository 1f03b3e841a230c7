"""The kernel distance of two samples of features (KPD on hand-made ones), over all pairs of rows."""

import numpy as np
from jaxtyping import Bool, Float64

from femtobarn.errors import InputError
from femtobarn.metrics._block_gram import AT_ONCE, BlockGram, deviations, kernel_sum, squared_distances
from femtobarn.metrics._blocks import by_block, check_blocks, jackknife, null_spread
from femtobarn.metrics._samples import Rows, rows, two_samples
from femtobarn.metrics.estimate import Estimate
from femtobarn.metrics.repeated import warn_of_repeated_rows
from femtobarn.metrics.scaling import max_scale

MOST_FEATURES = 64  #: for which `KernelMoments` fit in memory


def kpd(
    real: Rows,
    generated: Rows,
    *,
    scale: Float64[np.ndarray, " feature"] | None = None,
    degree: int = 4,
    blocks: int = 20,
    permutations: int = 1000,
    generator: np.random.Generator | None = None,
) -> Estimate:
    """Unbiased squared kernel distance (MMD^2) with k(x, y) = (x.y / features + 1)^degree, over all pairs.

    The published recipe (arXiv:2211.10295; `kpd_jetnet`) takes the median of ten batches of 5000 rows. All
    pairs use every row, and the error, a block jackknife, is that of the value. May be negative. Up to 64
    features take time and memory that do not grow with the number of pairs; beyond, time does.

    `null` is 0 (the mean over all ways to halve the real sample, exactly) and `null_error` the spread for two
    samples of these sizes, from the blocks of the real sample. On average over real samples its square is right, but
    that of one sample is known only so well as its blocks tell: where few directions carry the kernel, as with two
    features, it scatters by a quarter from sample to sample with 20 blocks and by an eighth with 100, so a
    `significance` does too. `p_value` shuffles the blocks of both samples and does not lean on it.

    Args:
        real, generated: Features (row, feature), in exchangeable order.
        scale: Each feature of both samples is divided by this; default: `max_scale(real)`. Ones: as it is.
        degree: 4 sees moments up to the fourth; 1 to 3 see less.
        blocks: Parts of each sample.
        permutations: Shuffles behind `p_value`.
        generator: Of the shuffles; default: one of seed 0.

    Raises:
        InputError: Not a table, not finite, different features, fewer than two rows per block.

    Warns:
        RepeatedRowsWarning: A sample of continuous features was drawn with replacement.
    """
    x, y = two_samples(real, generated)
    for sample, name in ((x, "real"), (y, "generated")):
        warn_of_repeated_rows(sample, name)
    unit = max_scale(x) if scale is None else scale
    if len(unit) <= MOST_FEATURES:
        samples = [KernelMoments(unit, degree=degree, blocks=blocks) for _ in range(2)]
        for moments, table in zip(samples, (x, y), strict=True):
            moments.update(table)
        estimate = samples[0].value(samples[1], permutations=permutations, generator=generator)
    else:
        gram = _gram_of_rows((x / unit, y / unit), degree, blocks)
        estimate = _estimate(gram, blocks, degree, len(unit), permutations, generator)
    if scale is None:
        return estimate._replace(method=estimate.method.replace("a given scale", "max |real|"))
    return estimate


class KernelMoments:
    """Moments of the rows in each block up to the degree of the kernel: all that `kpd` needs of a sample.

    With z = (1, x / sqrt(features)) and w the products z_i z_j, (x.y / features + 1)^4 = (w.w')^2. So a sum
    of the kernel over all pairs of rows of two blocks is the inner product of their sums of w w^T.

    Updates and merges in any order give the same value, to rounding, as long as each row keeps its number:
    `start` is that of the first row given. The scale is needed from the start (`max_scale` or
    `robust_scale`). Can be pickled. Memory for degree 4 is 2 blocks features^4 bytes: 80 MB for 36 features.
    """

    def __init__(self, scale: Float64[np.ndarray, " feature"], *, degree: int = 4, blocks: int = 20) -> None:
        if degree not in (1, 2, 3, 4) or blocks < 2:
            raise InputError(
                f"expected a degree from 1 to 4 and at least two blocks, got {degree} and {blocks}"
            )
        if not (scale > 0).all() or not np.isfinite(scale).all():
            raise InputError(f"expected a scale above 0 for each feature, got {scale}")
        if len(scale) > MOST_FEATURES:
            raise InputError(
                f"expected at most {MOST_FEATURES} features, got {len(scale)}: call kpd on the rows of a Subsample"
            )
        singles = len(scale) + 1
        pairs = singles * (singles + 1) // 2
        left, right = {1: (1, singles), 2: (singles, singles), 3: (singles, pairs), 4: (pairs, pairs)}[degree]
        self.scale, self.degree = scale, degree
        self.rows = np.zeros(blocks, dtype=np.int64)
        self.own = np.zeros(blocks)
        self.sums = np.zeros((blocks, left, right))

    def update(self, x: Rows, *, start: int | None = None) -> None:
        """Add rows; the first has number `start` in the whole sample (default: follows those seen)."""
        table = rows(x, "x", features=len(self.scale), least=0) / self.scale
        first = int(self.rows.sum()) if start is None else start
        for block, part in by_block(table, first, len(self.rows)):
            for k in range(0, len(part), AT_ONCE):
                self._add(block, part[k : k + AT_ONCE])

    def _add(self, block: int, x: Float64[np.ndarray, "row feature"]) -> None:
        z = np.vstack((np.ones(len(x)), x.T / np.sqrt(x.shape[1])))
        right = _products(z) if self.degree > 2 else z
        left = {4: right, 3: z, 2: z, 1: np.ones((1, len(x)))}[self.degree]
        self.sums[block] += left @ right.T
        self.own[block] += (np.square(z).sum(axis=0) ** self.degree).sum()
        self.rows[block] += len(x)

    def merge(self, other: "KernelMoments") -> None:
        """Add all rows that another accumulator has seen."""
        same = self.rows.shape == other.rows.shape and self.degree == other.degree
        if not same or not np.array_equal(self.scale, other.scale):
            raise InputError("expected the same scale, degree and blocks in both accumulators")
        self.rows += other.rows
        self.own += other.own
        self.sums += other.sums

    def value(
        self,
        generated: "KernelMoments",
        *,
        permutations: int = 1000,
        generator: np.random.Generator | None = None,
    ) -> Estimate:
        """`kpd` of a generated sample, this being the real one."""
        if self.degree != generated.degree or not np.array_equal(self.scale, generated.scale):
            raise InputError("expected the same scale and degree for both samples")
        check_blocks(self.rows, "real")
        check_blocks(generated.rows, "generated")
        flat = [x.sums.reshape(len(x.rows), -1) for x in (self, generated)]
        own = np.concatenate((self.own, generated.own))
        sums = np.block([[a @ b.T for b in flat] for a in flat])
        gram = BlockGram(sums, own, np.concatenate((self.rows, generated.rows)))
        return _estimate(gram, len(self.rows), self.degree, len(self.scale), permutations, generator)


def _products(z: Float64[np.ndarray, "feature row"]) -> Float64[np.ndarray, "pair row"]:
    """Products of all pairs of features, times sqrt(2) off the diagonal: their inner product is (z.z')^2."""
    i, j = np.triu_indices(len(z))
    return z[i] * z[j] * np.where(i == j, 1, np.sqrt(2))[:, None]


def _gram_of_rows(
    samples: tuple[Float64[np.ndarray, "real feature"], Float64[np.ndarray, "generated feature"]],
    degree: int,
    blocks: int,
) -> BlockGram:
    """The same sums from the kernel of each pair of rows, a few million pairs at a time."""
    parts = [part / np.sqrt(part.shape[1]) for x in samples for _, part in by_block(x, 0, blocks)]
    sums = np.zeros((len(parts), len(parts)))
    for i, a in enumerate(parts):
        for j, b in enumerate(parts[: i + 1]):
            sums[i, j] = sums[j, i] = kernel_sum(a, b, degree)
    own = np.array([((np.square(part).sum(axis=1) + 1) ** degree).sum() for part in parts])
    return BlockGram(sums, own, np.array([len(part) for part in parts]))


def _estimate(
    gram: BlockGram,
    real_blocks: int,
    degree: int,
    features: int,
    permutations: int,
    generator: np.random.Generator | None,
) -> Estimate:
    blocks = len(gram.rows)
    real = np.arange(blocks) < real_blocks
    check_blocks(gram.rows[real], "real")
    check_blocks(gram.rows[~real], "generated")
    value = float(squared_distances(gram, real[None], ~real[None])[0])
    others = ~np.eye(blocks, dtype=bool)
    without = squared_distances(gram, real & others, ~real & others)
    first, second = jackknife(value, without[real]), jackknife(value, without[~real])
    half = BlockGram(gram.sums[np.ix_(real, real)], gram.own[real], gram.rows[real])
    n_real, n_generated = int(gram.rows[real].sum()), int(gram.rows[~real].sum())
    return Estimate(
        value=value,
        error=float(np.sqrt(first.variance + second.variance)),
        n_real=n_real,
        n_generated=n_generated,
        null=0.0,
        null_error=null_spread(deviations(half), half.rows, n_generated),
        method=f"KPD, all pairs, degree {degree}, block jackknife ({real_blocks} and {blocks - real_blocks} "
        f"blocks), {permutations} permutations of blocks, {features} features over a given scale",
        p_value=_p_value(gram, real, value, permutations, generator or np.random.default_rng(0)),
    )


def _p_value(
    gram: BlockGram,
    real: Bool[np.ndarray, " block"],
    value: float,
    permutations: int,
    generator: np.random.Generator,
) -> float:
    """Share of the shuffles of blocks, the samples as they are among them, that give the value or more.

    Blocks of samples of different size are not quite alike: the spread goes as 1/n + 1/m, by which each
    shuffle is scaled.
    """
    cases = generator.permuted(np.tile(real, (permutations, 1)), axis=1)
    shuffled = squared_distances(gram, cases, ~cases)
    size = 1 / (cases @ gram.rows) + 1 / (~cases @ gram.rows)
    shuffled *= (1 / gram.rows[real].sum() + 1 / gram.rows[~real].sum()) / size
    return float((1 + (shuffled >= value).sum()) / (1 + permutations))
