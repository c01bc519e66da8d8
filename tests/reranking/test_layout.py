"""Batches that a thread makes ahead of their use."""

import pytest

from lce_tf.reranking.layout import made_ahead


def test_items_come_in_order_and_so_does_an_exception():
    made = []

    def items():
        for number in range(5):
            made.append(number)
            yield number
        raise ValueError("the sixth")

    found = made_ahead(items(), 2)
    assert made == [] and next(found) == 0
    assert [next(found) for _ in range(4)] == [1, 2, 3, 4] and made == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="the sixth"):
        next(found)
    assert list(made_ahead(iter(()), 3)) == []
