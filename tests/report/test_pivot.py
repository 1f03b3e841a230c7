from itertools import product

import pytest

from femtobarn.errors import InputError
from femtobarn.report import pivot
from femtobarn.report.pivot import head
from femtobarn.runs import Result

RESULTS = [
    Result("emd", float(i), labels={"method": method, "links": links})
    for i, (links, method) in enumerate(product(("10", "9", "2"), ("MSE", "EMD")))
]


def test_each_result_is_at_its_labels() -> None:
    table = pivot(RESULTS, rows="method", columns="links")
    assert table.rows == ("MSE", "EMD")  # words as they come
    assert table.columns == ("2", "9", "10")  # numbers by size
    for result in RESULTS:
        assert table.cells[result.labels["method"], result.labels["links"]] is result
    turned = pivot(RESULTS, rows="links", columns="method")
    assert turned.cells == {(column, row): cell for (row, column), cell in table.cells.items()}


def test_numbers_come_before_words() -> None:
    results = [Result("emd", 0.0, labels={"x": x, "y": "1"}) for x in ("b", "", "10", "nan", "9")]
    assert pivot(results, rows="x", columns="y").rows == ("9", "10", "b", "", "nan")


def test_holes_stay_holes() -> None:
    table = pivot(RESULTS[1:], rows="method", columns="links")
    assert ("MSE", "10") not in table.cells
    assert len(table.cells) == 5


def test_an_ambiguous_or_unlabelled_result_is_refused() -> None:
    with pytest.raises(InputError, match="two results of emd at method MSE, links 10"):
        pivot([*RESULTS, RESULTS[0]], rows="method", columns="links")
    with pytest.raises(InputError, match="no label loss"):
        pivot(RESULTS, rows="method", columns="loss")


def test_a_number_over_a_column_says_what_it_counts() -> None:
    heads = [head("e-links", name) for name in ("5", "", "best choice", "nan")]
    assert heads == ["5 e-links", "any e-links", "best choice", "nan"]
