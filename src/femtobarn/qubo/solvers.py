"""Minima of quadratic forms: annealing, simulated bifurcation, tabu search, descent, enumeration; with a bound."""

from typing import Any, Literal, NamedTuple, get_args, no_type_check

import numpy as np
from jaxtyping import Bool, Float64, Int64

from femtobarn.compiled import njit
from femtobarn.errors import InputError, require
from femtobarn.qubo.quadratic import Quadratic

Method = Literal["anneal", "bifurcation", "discrete bifurcation", "tabu", "descent", "enumerate"]
ENUMERABLE = 24  #: variables at most whose states are all tried


class Answer(NamedTuple):
    """The best state that was found."""

    state: Bool[np.ndarray, "variable"]
    energy: float
    bound: float
    """No state has a lower energy; equal to the energy where that is proven to be the minimum."""

    @property
    def gap(self) -> float:
        """How far the energy may be above the minimum, relative to the bound; infinite where the bound is 0."""
        above = max(self.energy - self.bound, 0.0)
        if above <= 1e-9 * max(abs(self.bound), 1.0):
            return 0.0
        return above / abs(self.bound) if self.bound else float("inf")

    def __str__(self) -> str:
        if self.gap == 0:
            return f"energy {self.energy:.6g}, proven minimum"
        return f"energy {self.energy:.6g}, {100 * self.gap:.2g} % above the proven bound"


def solve(
    form: Quadratic,
    method: str = "anneal",
    *,
    reads: int = 10,
    sweeps: int = 1000,
    seed: int = 1,
    time_limit: float = 20.0,
    bound: float | None = None,
) -> Answer:
    """The state of lowest energy that a method finds.

    "anneal" is simulated annealing, "descent" flips single variables while that lowers the energy, "tabu" is a tabu
    search; these are the samplers of dwave-samplers. "bifurcation" (ballistic) and "discrete bifurcation" integrate
    classical oscillators (Goto et al., Science Advances 7 eabe7953). "enumerate" tries all states of at most 24
    variables. Roof duality gives the lower bound where the method proves nothing.

    Args:
        form: What is minimised.
        method: How.
        reads: Independent starts.
        sweeps: Updates of each variable in a start; ignored by descent, tabu and enumerate.
        seed: Same seed, same answer; not for tabu, which stops by the clock.
        time_limit: Seconds of a tabu search.
        bound: A lower bound that is known already.

    Raises:
        InputError: An unknown method, no starts or sweeps, or too many variables to enumerate.
        MissingExtraError: dwave-samplers is not installed.
    """
    if method not in get_args(Method):
        raise InputError(f"methods are {', '.join(get_args(Method))}: got {method!r}")
    if reads < 1 or sweeps < 1 or time_limit <= 0:
        raise InputError(f"reads, sweeps and a time limit expected: got {reads}, {sweeps}, {time_limit}")
    if method == "enumerate":
        state = enumerate_states(form)
        energy = float(form.energy(state))
        return Answer(state, energy, energy)
    if method in ("bifurcation", "discrete bifurcation"):
        found = bifurcate(form, reads=reads, steps=sweeps, seed=seed, discrete=method.startswith("discrete"))
    else:
        found = _sample(form, method, reads, sweeps, seed, time_limit)
    energies = form.energy(found)
    best = int(energies.argmin())
    known = form.fix().bound if bound is None else bound
    return Answer(found[best], float(energies[best]), min(known, float(energies[best])))


def _sample(
    form: Quadratic, method: str, reads: int, sweeps: int, seed: int, time_limit: float
) -> Bool[np.ndarray, "read variable"]:
    samplers: Any = require("dwave.samplers", extra="quantum")
    model = form.model()
    if not len(form):
        return np.empty((1, 0), bool)
    if method == "anneal":
        sampler = samplers.SimulatedAnnealingSampler()
        answers = sampler.sample(model, num_reads=reads, num_sweeps=sweeps, seed=seed)
    elif method == "descent":
        sampler = samplers.SteepestDescentSampler()
        answers = sampler.sample(model, num_reads=reads, seed=seed, large_sparse_opt=True)
    else:
        each = max(1, int(1000 * time_limit / reads))
        answers = samplers.TabuSampler().sample(model, num_reads=reads, seed=seed, timeout=each)
    order = np.argsort(np.array(answers.variables))
    return answers.record.sample[:, order].astype(bool)


def bifurcate(
    form: Quadratic, *, reads: int, steps: int, seed: int, discrete: bool = False
) -> Bool[np.ndarray, "read variable"]:
    """States that simulated bifurcation ends in: oscillators x with momenta y that are driven apart by their fields.

    y += dt (-(1 - t/T) x - c (J x + h)), x += dt y, and an x beyond 1 stops at the wall; dt = 0.5,
    c = sqrt(n - 1) / (2 |(J, h)|). The discrete form puts sign(x) for x in J x.
    """
    ising = form.spins()
    J, h = form.matrix / 4, ising.field[:, None]
    norm = np.sqrt((J.data**2).sum() + (h**2).sum())
    dt, c = 0.5, 0.5 * np.sqrt(max(len(form) - 1, 1)) / norm if norm else 0.0
    y = 0.1 * np.random.default_rng(seed).uniform(-1, 1, (len(form), reads))
    x = np.zeros_like(y)
    for step in range(steps):
        y += dt * (-(1 - step / steps) * x - c * (J @ (np.sign(x) if discrete else x) + h))
        x += dt * y
        outside = np.abs(x) > 1
        x[outside] = np.sign(x[outside])
        y[outside] = 0
    return (x > 0).T


def enumerate_states(form: Quadratic) -> Bool[np.ndarray, "variable"]:
    """The minimum by trying all states, one flip from each to the next (Gray code).

    Raises:
        InputError: More than 24 variables.
    """
    if len(form) > ENUMERABLE:
        raise InputError(
            f"at most {ENUMERABLE} variables can be enumerated: got {len(form)}; split the form or use another method"
        )
    best = np.zeros(1, np.int64)
    _lowest(form.linear, form.matrix.toarray(), best)
    return (best >> np.arange(len(form))) & 1 > 0


@no_type_check
@njit(cache=True, nogil=True)
def _lowest(
    linear: Float64[np.ndarray, "n"], matrix: Float64[np.ndarray, "n n"], best: Int64[np.ndarray, "1"]
) -> None:
    """Bits of the state of lowest energy."""
    count = len(linear)
    field = linear.copy()  # change of the energy when a variable goes from 0 to 1
    energy = lowest = 0.0
    state = 0
    for index in range(1, 1 << count):
        flip = 0
        while not (index >> flip) & 1:
            flip += 1
        sign = -1.0 if (state >> flip) & 1 else 1.0
        energy += sign * field[flip]
        state ^= 1 << flip
        for other in range(count):
            field[other] += sign * matrix[flip, other]
        if energy < lowest:
            lowest = energy
            best[0] = state


def solve_parts(form: Quadratic, method: str = "anneal", **settings: Any) -> Answer:
    """`solve` for each component of a form alone: exact where they are small, since these are enumerated.

    Args:
        form: What is minimised.
        method: Of components with more than 18 variables.
        settings: As of `solve`; a bound holds for the whole and cannot be given.
    """
    state = np.zeros(len(form), bool)
    energy = bound = form.offset
    for variables, part in form.split():
        answer = solve(part, "enumerate" if len(part) <= 18 else method, **settings)
        state[variables] = answer.state
        energy, bound = energy + answer.energy, bound + answer.bound
    return Answer(state, energy, bound)
