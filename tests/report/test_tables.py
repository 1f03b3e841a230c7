from dataclasses import replace

from femtobarn.report.tables import Entry, matrices, tables
from femtobarn.runs import Published, Result

BASE = Result(
    "EMD", 1.0, 0.1, "pitch", 4800, "validation", "real", {}, (0, 1), "standard deviation over 2 seeds"
)


def grid(*, run: str = "", **changes: object) -> list[Entry]:
    """One result for each of two methods and two numbers of links."""
    cells = [(method, links) for method in ("MSE", "exact") for links in ("2", "5")]
    return [
        Entry(replace(BASE, value=float(i), labels={"method": m, "links": k}, **changes), run, "ttbar")
        for i, (m, k) in enumerate(cells)
    ]


def test_labels_become_columns_and_what_is_constant_a_note() -> None:
    (table,) = tables(grid())
    assert table.headings == ("method", "links", "value ± error")
    ((title, rows),) = table.groups
    assert title == "EMD [pitch]"
    assert [tuple(cell.text for cell in row) for row in rows] == [
        ("MSE", "2", "0.00 ± 0.10"),
        ("MSE", "5", "1.00 ± 0.10"),
        ("exact", "2", "2.00 ± 0.10"),
        ("exact", "5", "3.00 ± 0.10"),
    ]
    assert table.note == (
        "n: 4800 · split: validation · data: real · seeds: 0, 1 · error: standard deviation over 2 seeds"
    )


def test_what_varies_is_a_column() -> None:
    (table,) = tables([*grid(), *grid(split="test", n=100)])
    assert table.headings == ("method", "links", "value ± error", "n", "split")
    assert "n:" not in table.note


def test_a_baseline_without_training_does_not_make_a_column_of_seeds() -> None:
    (table,) = tables(
        [*grid(), Entry(replace(BASE, labels={"method": "best", "links": "2"}, seeds=(), error_kind=""))]
    )
    assert table.headings == ("method", "links", "value ± error")
    assert "seeds: 0, 1" in table.note


def test_full_precision_is_at_hand_and_sorted_by() -> None:
    (table,) = tables([Entry(replace(BASE, value=1.23456789, error=0.0123456))])
    value = table.groups[0][1][0][1]
    assert value.text == "1.235 ± 0.012"
    assert "1.23456789 ± 0.0123456" in value.hint
    assert value.key == 1.23456789


def test_numbers_without_labels_are_rows_of_one_table() -> None:
    (table,) = tables([Entry(BASE), Entry(Result("weights", 2144.0, data="real"))])
    assert table.headings == ("quantity", "value ± error", "n", "split")
    ((title, rows),) = table.groups
    assert title == ""
    assert [row[0].text for row in rows] == ["EMD [pitch]", "weights"]


def test_runs_stand_below_each_other() -> None:
    (table,) = tables([*grid(run="A"), *grid(run="B")])
    rows = [tuple(cell.text for cell in row[:3]) for row in table.groups[0][1]]
    assert rows[:3] == [("MSE", "2", "A"), ("MSE", "2", "B"), ("MSE", "5", "A")]


def test_published_numbers_have_a_column_where_there_are_any() -> None:
    number = Published("EMD", 1.165, 0.04, "pitch", {"method": "MSE"}, "ttbar", "2306.04712, Table 1")
    entries = grid()
    entries[0] = replace(entries[0], published=(number,))
    (table,) = tables(entries)
    assert table.headings[3] == "published"
    assert [row[3].text for row in table.groups[0][1]] == ["1.165 ± 0.040 (2306.04712, Table 1)", "", "", ""]
    (matrix,) = matrices(entries)
    assert matrix.beside == {("MSE", "2"): "1.165 ± 0.040"}
    assert matrix.published == ("2306.04712, Table 1",)


def test_a_published_number_of_several_cells_is_told_below_the_matrix() -> None:
    number = Published("EMD", 1.165, 0.04, "pitch", {"method": "MSE"}, source="2306.04712, Table 1")
    entries = [replace(e, published=(number,)) if number.matches(e.result) else e for e in grid()]
    (matrix,) = matrices(entries)
    assert matrix.beside == {}
    assert matrix.published == ("method MSE: 1.165 ± 0.040 pitch (2306.04712, Table 1)",)


def test_two_labels_make_a_matrix() -> None:
    (matrix,) = matrices(grid())
    assert (matrix.title, matrix.row_label, matrix.column_label) == ("EMD [pitch]", "method", "links")
    assert {key: cell.value for key, cell in matrix.pivot.cells.items()} == {
        ("MSE", "2"): 0.0,
        ("MSE", "5"): 1.0,
        ("exact", "2"): 2.0,
        ("exact", "5"): 3.0,
    }


def test_a_label_that_does_not_vary_is_a_note() -> None:
    entries = [replace(e, result=replace(e.result, labels={**e.result.labels, "loss": "L"})) for e in grid()]
    (matrix,) = matrices(entries)
    assert (matrix.row_label, matrix.column_label) == ("method", "links")
    assert matrix.note.startswith("loss: L · n: 4800")


def test_runs_on_the_same_data_share_a_matrix() -> None:
    (matrix,) = matrices([*grid(run="A"), *grid(run="B")])
    assert matrix.row_label == "method · run"
    assert matrix.pivot.rows == ("MSE · A", "MSE · B", "exact · A", "exact · B")
    assert len(matrix.pivot.cells) == 8


def test_the_first_two_of_three_labels_share_the_rows() -> None:
    entries = [
        replace(e, result=replace(e.result, labels={"score": s, **e.result.labels}))
        for s in ("teacher", "")
        for e in grid()
    ]
    (matrix,) = matrices(entries)
    assert (matrix.row_label, matrix.column_label) == ("score · method", "links")
    assert matrix.pivot.rows == ("teacher · MSE", "teacher · exact", "MSE", "exact")
    assert len(matrix.pivot.cells) == 8


def test_one_label_and_two_runs_make_a_matrix() -> None:
    entries = [
        replace(e, result=replace(e.result, labels={"method": e.result.labels["method"]}))
        for run in "AB"
        for e in grid(run=run)[::2]
    ]
    (matrix,) = matrices(entries)
    assert (matrix.row_label, matrix.column_label) == ("method", "run")


def test_unlike_data_never_share_a_matrix() -> None:
    other = [replace(entry, data_set="electron gun") for entry in grid(run="B")]
    found = matrices([*grid(run="A"), *other, *grid(run="C", data="stand-in")])
    titles = [matrix.title.partition(" · ")[0] for matrix in found]
    assert titles == ["EMD [pitch], run: A", "EMD [pitch], run: B", "EMD [pitch], run: C"], "told apart"
    assert {matrix.note for matrix in found} == {""}
    assert all(len(matrix.pivot.cells) == 4 for matrix in found)


def test_no_matrix_where_cells_would_hold_two_results_or_labels_differ() -> None:
    assert matrices([*grid(), *grid()]) == []
    assert matrices([*grid(), Entry(BASE, data_set="ttbar")]) == []
    assert matrices([Entry(BASE)]) == []
