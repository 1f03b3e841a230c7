"""Numbers as physicists print them: two digits of the error, and as many of the value."""

import math
from decimal import Decimal

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def measurement(value: float, error: float | None = None) -> str:
    """Value ± error, rounded to two digits of the error; four digits of the value where there is none.

    Example:
        >>> measurement(1.16739, 0.02041)
        '1.167 ± 0.020'
        >>> measurement(188385.0)
        '188\\u202f385'
    """
    if not math.isfinite(value):
        return _not_finite(value)
    if error is None:
        return _alone(float(value))
    if not math.isfinite(error) or error <= 0:
        return f"{_alone(value)} ± {_not_finite(error) if not math.isfinite(error) else _alone(error)}"
    power = _power(value, error)
    shown, uncertainty = (Decimal(number).scaleb(-power) for number in (value, error))
    digits = 1 - _exponent(uncertainty)
    pair = f"{_fixed(shown, digits)} ± {_fixed(uncertainty, digits)}"
    return f"({pair}) × 10{_raised(power)}" if power else pair


def _alone(value: float) -> str:
    if value.is_integer() and abs(value) < 1e12:
        return _fixed(Decimal(value), 0)
    power = _power(value, 0.0)
    shown = Decimal(value).scaleb(-power)
    text = _fixed(shown, 3 - _exponent(shown))
    return f"{text} × 10{_raised(power)}" if power else text


def _power(value: float, error: float) -> int:
    """Power of ten to take out: none from a thousandth to a hundred thousand."""
    size = max(abs(value), abs(error))
    return 0 if size == 0 or 1e-3 <= size < 1e5 else math.floor(math.log10(size))


def _exponent(value: Decimal) -> int:
    """Power of ten of the first digit once two are kept: 0.0996 rounds up to 0.10."""
    return int(f"{value:.1e}".partition("e")[2])


def _fixed(value: Decimal, digits: int) -> str:
    """The value with so many decimals; a negative number of them rounds to tens, hundreds ..."""
    text = f"{round(value, digits):z,.{max(digits, 0)}f}"
    whole, _, decimals = text.partition(".")
    if len(whole.lstrip("-")) <= 5:  # 1234 needs no space, 12 345 does
        whole = whole.replace(",", "")
    whole = whole.replace(",", "\u202f").replace("-", "−")
    return f"{whole}.{decimals}" if decimals else whole


def _not_finite(value: float) -> str:
    return "n/a" if math.isnan(value) else "∞" if value > 0 else "−∞"


def _raised(power: int) -> str:
    return str(power).translate(_SUPERSCRIPT)
