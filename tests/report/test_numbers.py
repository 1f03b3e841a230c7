import math
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.report import measurement


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.16739, 0.02041, "1.167 ± 0.020"),
        (1.16739, 0.0996, "1.17 ± 0.10"),  # 0.0996 rounds up to two digits
        (1.16739, 0.00989, "1.1674 ± 0.0099"),
        (-0.0004, 0.12, "0.00 ± 0.12"),
        (1234.0, 56.2, "1234 ± 56"),
        (12345.6, 123.0, "12\u202f350 ± 120"),
        (5.81e-5, 2.1e-7, "(5.810 ± 0.021) × 10⁻⁵"),
        (2.5e7, 1.2e6, "(2.50 ± 0.12) × 10⁷"),
        (1e-9, 0.5, "0.00 ± 0.50"),
        (0.0, 0.0, "0 ± 0"),
        (1.5, 0.0, "1.500 ± 0"),
        (1.5, math.nan, "1.500 ± n/a"),
        (1.5, math.inf, "1.500 ± ∞"),
        (math.nan, 0.1, "n/a"),
        (-math.inf, None, "−∞"),
        (2144.0, None, "2144"),
        (188385.0, None, "188\u202f385"),
        (-188385.0, None, "−188\u202f385"),
        (0.12345, None, "0.1235"),
        (99999.6, None, "100\u202f000"),
        (1.23456e-12, None, "1.235 × 10⁻¹²"),
        (1.5e300, None, "1.500 × 10³⁰⁰"),
        (5e-324, None, "4.941 × 10⁻³²⁴"),
        (1.0, 5e300, "(0.0 ± 5.0) × 10³⁰⁰"),
    ],
)
def test_printed_as_in_a_paper(value: float, error: float | None, text: str) -> None:
    assert measurement(value, error) == text


def _read(text: str) -> tuple[Decimal, Decimal]:
    plain = text.replace("−", "-").replace("\u202f", "")
    found = re.fullmatch(r"\(?(-?[\d.]+) ± ([\d.]+)\)?(?: × 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?", plain)
    assert found, text
    power = int((found[3] or "0").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
    return Decimal(found[1]).scaleb(power), Decimal(found[2]).scaleb(power)


@given(
    value=st.floats(-1e12, 1e12, allow_subnormal=False),
    error=st.floats(1e-12, 1e12, allow_subnormal=False),
)
def test_rounding_keeps_two_digits_of_the_error(value: float, error: float) -> None:
    shown_value, shown_error = _read(measurement(value, error))
    # Half a unit of the second digit of the error is at most 5 % of it.
    assert abs(shown_error - Decimal(error)) <= Decimal("0.0501") * Decimal(error)
    assert abs(shown_value - Decimal(value)) <= Decimal("0.0501") * Decimal(error) + Decimal(
        abs(value)
    ) * Decimal("1e-15")


@given(value=st.floats(-1e100, 1e100, allow_subnormal=False).filter(lambda x: abs(x) > 1e-100 or x == 0))
def test_without_error_four_digits_stay(value: float) -> None:
    shown, _ = (
        _read(measurement(value) + " ± 0")
        if "×" not in (text := measurement(value))
        else _read(f"({text.split(' ')[0]} ± 0) × {text.split(' ')[2]}")
    )
    assert abs(shown - Decimal(value)) <= Decimal("5.001e-4") * Decimal(abs(value))
