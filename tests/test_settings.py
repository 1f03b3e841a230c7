import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from femtobarn.errors import InputError
from femtobarn.settings import flatten, from_dict, to_dict


@dataclass(frozen=True)
class Train:
    lr: float = 1e-3
    epochs: int = 30
    loss: Literal["mse", "emd", 3] = "mse"
    schedule: tuple[tuple[int, float], ...] = ()
    clip: float | None = None
    amp: bool = False


@dataclass(frozen=True)
class Data:
    path: Path | None = None
    window: tuple[float, float] = (0.0, 1.0)
    columns: dict[str, str] = field(default_factory=dict)
    limit: float | int = 1
    tag: str | tuple[int, ...] | None = None


@dataclass(frozen=True)
class Config:
    name: str
    train: Train = Train()
    data: Data | None = None


numbers = st.floats(allow_nan=False)  # NaN is unequal to itself; it has its own test
trains = st.builds(
    Train,
    lr=numbers,
    epochs=st.integers(),
    loss=st.sampled_from(("mse", "emd", 3)),
    schedule=st.lists(st.tuples(st.integers(), numbers), max_size=3).map(tuple),
    clip=st.none() | numbers,
    amp=st.booleans(),
)
data = st.builds(
    Data,
    path=st.none() | st.text("abc/.", min_size=1).map(Path),
    window=st.tuples(numbers, numbers),
    columns=st.dictionaries(st.text(), st.text(), max_size=3),
    limit=st.integers() | numbers.filter(math.isfinite),
    tag=st.none() | st.text() | st.lists(st.integers(), max_size=3).map(tuple),
)
configs = st.builds(Config, name=st.text(), train=trains, data=st.none() | data)


@given(config=configs)
def test_a_config_survives_json(config: Config) -> None:
    text = json.dumps(to_dict(config), allow_nan=False)
    read = from_dict(Config, json.loads(text))
    assert read == config
    if config.data and read.data:
        assert type(read.data.limit) is type(config.data.limit)


def test_nan_and_infinities_survive_json() -> None:
    text = json.dumps(to_dict(Train(lr=math.nan, clip=-math.inf)), allow_nan=False)
    read = from_dict(Train, json.loads(text))
    assert math.isnan(read.lr)
    assert read.clip == -math.inf


def test_left_out_settings_keep_their_defaults_and_integers_become_floats() -> None:
    assert from_dict(Config, {"name": "x"}) == Config("x")
    read = from_dict(Train, {"lr": 1})
    assert read.lr == 1.0
    assert type(read.lr) is float


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "x", "train": {"lrr": 1}}, r"^unknown setting train\.lrr: did you mean train\.lr\?$"),
        ({"nome": "x"}, r"^unknown setting nome: did you mean name\?$"),
        ({"name": "x", "qqq": 1}, r"^unknown setting qqq: known here are name, train, data$"),
        ({}, "^the setting name is missing$"),
        ({"name": 3}, "^name: expected a text, got 3$"),
        ({"name": "x", "train": {"lr": "fast"}}, r"^train\.lr: expected a number, got 'fast'$"),
        ({"name": "x", "train": {"lr": True}}, r"^train\.lr: expected a number, got True$"),
        ({"name": "x", "train": {"lr": None}}, r"^train\.lr: expected a number, got None$"),
        ({"name": "x", "train": {"lr": 10**400}}, r"^train\.lr: expected a number, got 1000"),
        ({"name": "x", "train": {"epochs": 3.0}}, r"^train\.epochs: expected an integer, got 3\.0$"),
        ({"name": "x", "train": {"epochs": True}}, r"^train\.epochs: expected an integer"),
        ({"name": "x", "train": {"amp": 1}}, r"^train\.amp: expected true or false, got 1$"),
        ({"name": "x", "train": {"loss": "em"}}, r"^train\.loss: expected one of 'mse', 'emd', 3, got 'em'$"),
        ({"name": "x", "train": {"loss": 3.0}}, r"^train\.loss: expected one of 'mse', 'emd', 3, got 3\.0$"),
        ({"name": "x", "train": {"clip": "x"}}, r"^train\.clip: expected a number, got 'x'$"),
        (
            {"name": "x", "train": {"schedule": [[1, 2], [3, "x"]]}},
            r"^train\.schedule\.1\.1: expected a number",
        ),
        ({"name": "x", "train": {"schedule": "12"}}, r"^train\.schedule: expected a list, got '12'$"),
        ({"name": "x", "train": 3}, r"^train: expected a group of named values, got 3$"),
        ({"name": "x", "data": {"window": [1]}}, r"^data\.window: expected 2 values, got 1$"),
        ({"name": "x", "data": {"path": 1}}, r"^data\.path: expected a path, got 1$"),
        ({"name": "x", "data": {"columns": {"pt": 1}}}, r"^data\.columns\.pt: expected a text, got 1$"),
        ({"name": "x", "data": {"limit": "1"}}, r"^data\.limit: expected a number or an integer, got '1'$"),
        ({"name": "x", "data": {"tag": 1.5}}, r"^data\.tag: expected a text or a list, got 1\.5$"),
    ],
)
def test_a_mistake_is_named_by_its_path(data: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        from_dict(Config, data)
    assert "\n" not in str(caught.value)


def test_a_check_of_the_config_itself_is_heard() -> None:
    @dataclass(frozen=True)
    class Positive:
        lr: float

        def __post_init__(self) -> None:
            if self.lr <= 0:
                raise InputError("lr must be positive")

    with pytest.raises(InputError, match="positive"):
        from_dict(Positive, {"lr": -1.0})


def test_kinds_that_cannot_be_read_back_are_refused() -> None:
    @dataclass(frozen=True)
    class Bad:
        values: list[int] = field(default_factory=list)
        either: Train | Data = field(default_factory=Train)
        anything: object = None

    with pytest.raises(TypeError, match="list"):
        to_dict(Bad())
    with pytest.raises(TypeError, match="list"):
        from_dict(Bad, {"values": [1]})
    with pytest.raises(TypeError, match="two dataclasses"):
        from_dict(Bad, {"either": {}})
    with pytest.raises(TypeError, match="object"):
        from_dict(Bad, {"anything": 1})
    with pytest.raises(TypeError, match="instance"):
        to_dict(Train)


def test_flatten_joins_names_with_dots() -> None:
    assert flatten(to_dict(Config("x", data=Data(columns={"pt": "jet_pt"}))))["data.columns.pt"] == "jet_pt"
    assert flatten({"a": {}, "b": {"c": {"d": 1}}}) == {"a": {}, "b.c.d": 1}
