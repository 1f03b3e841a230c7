"""DeepPCB: the layout, which patches have a defect, and what a template alone finds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import uniform_filter

from femtobarn.datasets import deep_pcb
from femtobarn.errors import InputError
from femtobarn.evaluation.inspection.boards import TEMPLATE, board_scores
from femtobarn.metrics import auc


def _write(folder: Path, name: str = "00001", boxes: str = "10 20 50 60 1\n100 200 140 230 6\n") -> Path:
    template = np.kron(np.random.default_rng(1).integers(0, 2, (16, 16)), np.full((40, 40), 255)).astype(
        np.uint8
    )
    image = np.roll(template, (1, -2), (0, 1))
    image[30:40, 20:30] = 255 - image[30:40, 20:30]
    for end, array in (("temp", template), ("test", image)):
        Image.fromarray(array).save(folder / f"{name}_{end}.jpg", quality=95)
    (folder / f"{name}.txt").write_text(boxes)
    return folder


def test_boards_come_with_template_and_boxes(tmp_path: Path) -> None:
    (board,) = deep_pcb.open_boards(_write(tmp_path))
    assert board.image.shape == board.template.shape == (640, 640)
    np.testing.assert_array_equal(board.box[1], [100, 200, 140, 230])
    assert [deep_pcb.KINDS[kind] for kind in board.kind] == ["open", "pin-hole"]


def test_a_shift_of_two_pixels_is_found(tmp_path: Path) -> None:
    (board,) = deep_pcb.open_boards(_write(tmp_path))
    difference = deep_pcb.aligned_difference(board)
    assert difference[32:38, 22:28].min() > 0.8
    assert np.median(difference) < 0.02
    assert (difference > 0.5).mean() < 0.01
    assert (deep_pcb.aligned_difference(board, largest=0) > 0.5).mean() > 0.02


def test_a_patch_has_a_defect_where_the_centre_of_a_box_is(tmp_path: Path) -> None:
    (board,) = deep_pcb.open_boards(_write(tmp_path))
    defect, counts = deep_pcb.patch_labels(board, 40)
    assert np.argwhere(defect).tolist() == [[1, 0], [5, 3]]  # centres (30, 40) and (120, 215)
    touched = {(0, 0), (0, 1), (1, 1), (5, 2)}
    assert {tuple(place) for place in np.argwhere(~counts).tolist()} == touched


def test_a_last_line_without_an_end_is_told(tmp_path: Path) -> None:
    """Cut behind a type it would pass for a board with fewer defects."""
    with pytest.raises(InputError, match="the last line has no end"):
        deep_pcb.open_boards(_write(tmp_path, boxes="10 20 50 60 1"))


@pytest.mark.parametrize(
    ("line", "words"),
    [("1 2 3 4", "expected x1 y1 x2 y2 type"), ("5 5 2 9 1", "a box in"), ("1 1 9 9 7", "a type from 1 to 6"),
     ("1 1 900 9 1", "a box in"), ("-1 1 9 9 1", "expected x1"), ("", "a line for each defect")],
)  # fmt: skip
def test_lines_that_are_no_box(line: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        deep_pcb.open_boards(_write(tmp_path, boxes=f"{line}\n"))


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="00041000_test"):
        deep_pcb.open_boards(tmp_path)
    _write(tmp_path)
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "00001_test.jpg")
    with pytest.raises(InputError, match="pixels as its template"):
        deep_pcb.open_boards(tmp_path)
    (tmp_path / "00001_temp.jpg").unlink()
    with pytest.raises(InputError, match="no such file"):
        deep_pcb.open_boards(tmp_path)


def test_with_a_template_the_public_boards_are_solved_and_without_one_they_are_not(real_data: Path) -> None:
    """The label rule decides: any patch that a box touches, or the one with its centre."""
    boards = deep_pcb.open_boards(real_data / deep_pcb.FOLDER)
    assert (len(boards), sum(len(each.box) for each in boards)) == (40, 300)
    labels = [deep_pcb.patch_labels(each, 40) for each in boards]
    near = [uniform_filter(deep_pcb.aligned_difference(each), 7) for each in boards]
    maps = np.stack([each.reshape(16, 40, 16, 40).max(axis=(1, 3)) for each in near])
    defect, counts = (np.stack(each) for each in zip(*labels, strict=True))
    strict = auc(maps[counts & ~defect], maps[defect])[0]
    loose = auc(maps[counts & ~defect], maps[defect | ~counts])[0]
    assert strict > 0.99
    assert loose < strict - 0.05
    rows = board_scores(boards, patch=40, components=16, network=None, seed=1)
    found = {(row.name, row.labels["score"]): row for row in rows}
    assert all(row.data == "real" for row in rows)
    assert found["AUC of patches of boards", TEMPLATE].value > 0.99
    assert found["patches of boards found", TEMPLATE].value > 0.9
    assert found["patches of boards found", "PCA residual (16)"].value < 0.3
