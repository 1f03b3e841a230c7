"""Optics of a solenoid: symplectic, turning by kL, known limits, and the matrices of another code."""

import math

import pytest
import torch

from femtobarn.errors import InputError
from femtobarn.physics.solenoid import (
    drift_matrix,
    larmor_wavenumber,
    lorentz_factors,
    momentum_error,
    rigidity,
    solenoid_matrix,
)

FIELDS = torch.tensor([-0.04, 0.0, 1e-9, 0.02, 0.044, 0.3], dtype=torch.float64)
STIFFNESS = rigidity(735.0)


def test_the_beam_of_735_kev() -> None:
    """gamma 2.438, beta 0.912, B rho 3.79e-3 T m, by hand."""
    beta, gamma = lorentz_factors(735.0)
    assert (beta, gamma, STIFFNESS) == pytest.approx((0.912, 2.438, 3.79e-3), rel=1e-3)


def test_a_field_is_read_in_units_of_the_momentum() -> None:
    shift = (rigidity(735.0 * (1 + 1e-6)) / STIFFNESS - 1) / 1e-6
    assert momentum_error(735.0, 1.0) == pytest.approx(shift, rel=1e-5)


def test_matrices_are_symplectic_to_rounding() -> None:
    form = torch.zeros(4, 4, dtype=torch.float64)
    form[0, 1] = form[2, 3] = 1
    form = form - form.T
    for matrix in (drift_matrix(500.0)[None], solenoid_matrix(FIELDS, 120.0, STIFFNESS)):
        error = matrix.transpose(1, 2) @ form @ matrix - form
        scale = matrix.abs().amax(dim=(1, 2)) ** 2
        assert float((error.abs().amax(dim=(1, 2)) / scale).max()) < 1e-12


def test_solenoids_in_a_row_are_one_longer_solenoid() -> None:
    parts = solenoid_matrix(FIELDS, 50.0, STIFFNESS) @ solenoid_matrix(FIELDS, 70.0, STIFFNESS)
    torch.testing.assert_close(parts, solenoid_matrix(FIELDS, 120.0, STIFFNESS), rtol=1e-10, atol=1e-12)


def test_no_field_is_a_drift() -> None:
    (matrix,) = solenoid_matrix(torch.zeros(1, dtype=torch.float64), 120.0, STIFFNESS)
    torch.testing.assert_close(matrix, drift_matrix(120.0))


def test_the_short_lens_has_the_focal_length_of_books() -> None:
    """1/f = k^2 L for kL far below one."""
    field, length = torch.tensor([0.01], dtype=torch.float64), 0.5
    (matrix,) = solenoid_matrix(field, length, STIFFNESS)
    slope = torch.hypot(matrix[1, 0], matrix[3, 0])
    assert float(slope) == pytest.approx(float(larmor_wavenumber(field, STIFFNESS)) ** 2 * length, rel=1e-5)


def test_a_parallel_ray_turns_by_kl() -> None:
    field, length = torch.tensor([0.038], dtype=torch.float64), 120.0
    (matrix,) = solenoid_matrix(field, length, STIFFNESS)
    x, y = matrix[0, 0], matrix[2, 0]
    turned = math.atan2(-float(y), float(x))
    assert turned == pytest.approx(float(larmor_wavenumber(field, STIFFNESS)) * length, abs=1e-6)


def test_the_matrix_is_that_of_the_equations_of_motion() -> None:
    """x'' = S y', y'' = -S x', S = B / B rho, between the kicks of the edges, integrated in small steps."""
    field, length, steps = 0.044, 120.0, 20_000
    S = field / STIFFNESS / 1000
    ray = torch.tensor([1.0, 1e-3, -0.4, 2e-3], dtype=torch.float64)
    x, px, y, py = ray.tolist()
    px, py = px + S * y / 2, py - S * x / 2
    for _ in range(steps):
        h = length / steps
        turn = S * h
        px, py = px * math.cos(turn) + py * math.sin(turn), py * math.cos(turn) - px * math.sin(turn)
        x, y = x + h * px, y + h * py
    px, py = px - S * y / 2, py + S * x / 2
    found = solenoid_matrix(torch.tensor([field], dtype=torch.float64), length, STIFFNESS)[0] @ ray
    torch.testing.assert_close(found, torch.tensor([x, px, y, py], dtype=torch.float64), rtol=2e-4, atol=1e-6)


def test_the_matrix_is_that_of_cheetah() -> None:
    cheetah = pytest.importorskip("cheetah")
    double = {"dtype": torch.float64}
    energy = torch.tensor((735.0 + 510.99895) * 1e3, **double)
    field = 0.038
    k = float(larmor_wavenumber(torch.tensor([field], **double), STIFFNESS)) * 1000  # 1/m
    solenoid = cheetah.Solenoid(
        length=torch.tensor(0.12, **double),
        k=torch.tensor(k, **double),
        misalignment=torch.zeros(2, **double),
    )
    theirs = solenoid.first_order_transfer_map(energy, cheetah.Species("electron"))[:4, :4]
    ours = solenoid_matrix(torch.tensor([field], **double), 120.0, STIFFNESS)[0]
    unit = torch.tensor([1000.0, 1.0, 1000.0, 1.0], **double)  # mm of a metre
    torch.testing.assert_close(ours / unit[:, None] * unit, theirs, rtol=1e-6, atol=1e-9)


def test_no_energy_is_refused() -> None:
    with pytest.raises(InputError, match="kinetic energy"):
        rigidity(0.0)
