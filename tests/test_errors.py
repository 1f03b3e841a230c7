"""What errors and messages say: near names, and texts that may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError, check_known, nearest, printable


def test_an_unknown_name_is_told_the_nearest_one() -> None:
    assert nearest("epoch", ["epochs", "batch"]) == "did you mean epochs?"
    assert nearest("zzz", ["epochs", "batch"]) == "known are epochs, batch"
    assert nearest("zzz", []) == "known are none"
    check_known("setting", ["epochs"], ["epochs", "batch"])
    with pytest.raises(InputError, match=r"^there is no setting 'bach': did you mean batch\?$"):
        check_known("setting", ["epochs", "bach"], ["epochs", "batch"])


@pytest.mark.parametrize(
    "text", ["γ → e⁺e⁻", "188\u202f385", "a\N{NO-BREAK SPACE}b", "a\nb", "jet 1 [GeV]", "日本", "👩‍🔬"]
)
def test_what_can_be_shown_stays(text: str) -> None:
    assert printable(text) == text


@given(text=st.text(st.characters(codec=None)))
def test_the_rest_is_replaced_letter_by_letter(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    shown.encode()
    assert not any((c < " " and c != "\n") or "\x7f" <= c <= "\x9f" for c in shown)
    assert printable(shown) == shown
