"""How a chain ends is noted in its run, as for every system."""

from pathlib import Path

import pytest

from femtobarn.chain import carry_out
from femtobarn.chain.settings import PRESETS
from femtobarn.errors import InputError


@pytest.mark.parametrize(
    ("error", "status"), [(InputError("a wrong file"), "failed"), (KeyboardInterrupt(), "interrupted")]
)
def test_a_run_that_stops_says_how_and_may_go_on(
    error: BaseException, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise error

    run = carry_out.start(PRESETS["tiny"], preset="tiny", root=tmp_path)
    monkeypatch.setattr(carry_out, "_passed", stop)
    for _ in range(2):
        with pytest.raises(type(error)):
            carry_out.carry_out(run, progress=False)
        assert run.status == status
        assert not (run.folder / "report.html").exists()
    assert [each["event"] for each in run.events()].count("started") == 1
