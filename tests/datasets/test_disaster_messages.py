"""Labelled messages from a CSV of any column names, one of each wording; the real file where it is."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn.datasets.disaster_messages import LabelledTexts, distinct, read_messages, stand_in
from femtobarn.errors import InputError

LOGBOOK = """shift,entry,expert,system
1,Cooling plant tripped twice,YES,cooling
1,"Run 12 ended, all fine",no,
2,High voltage does not ramp,yes,hv
2,Nothing to say,,
"""


def written(folder: Path, text: str = LOGBOOK) -> Path:
    path = folder / "logbook.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_logbook_with_its_own_columns_is_read(tmp_path: Path) -> None:
    read = read_messages(written(tmp_path), text="entry", label="expert", others=["shift", "system"])
    assert read.text == [
        "Cooling plant tripped twice",
        "Run 12 ended, all fine",
        "High voltage does not ramp",
    ]
    assert read.label.tolist() == [True, False, True]
    assert read.others == {"shift": ["1", "1", "2"], "system": ["cooling", "", "hv"]}
    assert read.left_out == {"without label": 1}
    second = read_messages(written(tmp_path), text="entry", label="expert", keep="shift=2")
    assert second.text == ["High voltage does not ramp"]
    of_hv = read_messages(written(tmp_path), text="entry", label="system", positive=["hv"], negative=[])
    assert of_hv.label.tolist() == [False, True]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"text": "entri", "label": "expert"}, "did you mean entry"),
        ({"text": "entry", "label": "system"}, "row 1: expected a system of 1, true, yes or 0, false, no"),
        ({"text": "entry", "label": "expert", "keep": "shift=9"}, "none of 4 rows has shift=9"),
    ],
)
def test_what_is_not_there_is_said_without_the_text(
    tmp_path: Path, given: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_messages(written(tmp_path), **given)
    assert "Cooling" not in str(caught.value)
    assert "cooling" not in str(caught.value)


@pytest.mark.parametrize("blank", [" ", "\t", "\f", '"\n"'])
def test_a_label_of_blanks_is_told(tmp_path: Path, blank: str) -> None:
    """It may have been one; a row without a label has nothing there."""
    path = written(tmp_path, LOGBOOK.replace(",no,", f",{blank},"))
    with pytest.raises(InputError, match="row 2: expected a label or nothing at all in expert, got blanks"):
        read_messages(path, text="entry", label="expert")


def test_one_of_each_wording_is_left_in_an_order_of_its_own() -> None:
    text = [
        "Need WATER!",
        "rt @anna: need water https://x.org/1",
        "Road open",
        "...",
        "road open.",
        "Thank you",
    ]
    label = np.array([False, True, False, True, False, False])
    read = LabelledTexts(text, label, {"who": list("abcdef")}, {"without label": 3})
    found = distinct(read)
    assert sorted(found.text) == ["Need WATER!", "Road open", "Thank you"]
    assert dict(zip(found.text, found.label.tolist(), strict=True))["Need WATER!"], (
        "positive if one of them is"
    )
    assert found.left_out == {"without label": 3, "without words": 1, "said before": 2}
    order = np.random.default_rng(1).permutation(len(text))
    others = {"who": [read.others["who"][i] for i in order]}
    again = distinct(LabelledTexts([text[i] for i in order], label[order], others, read.left_out))
    assert again.text == found.text
    assert again.others == found.others
    np.testing.assert_array_equal(again.label, found.label)


@pytest.mark.parametrize("topic", ["requests", "logbook"])
def test_invented_messages_differ_and_are_of_both_classes(topic: str) -> None:
    made = stand_in(200, topic, seed=1)
    assert len(set(made.text)) == 200
    assert 0.3 < made.label.mean() < 0.5
    assert made.text == stand_in(200, topic, seed=1).text != stand_in(200, topic, seed=2).text
    with pytest.raises(InputError, match="there is no topic 'weather'"):
        stand_in(2, "weather", seed=1)


def test_the_real_messages(real_data: Path) -> None:
    path = real_data / "disaster_messages/disaster_response_validation.csv"
    if not path.exists():
        pytest.skip("the messages are not among the real samples")
    direct = read_messages(path, keep="genre=direct", others=["event"])
    assert len(direct.text) == 1047
    assert int(direct.label.sum()) == 342
    found = distinct(direct)
    assert found.left_out == {"without label": 0, "without words": 1, "said before": 2}
    with pytest.raises(InputError, match="expected a related of"):
        read_messages(path, label="related")
