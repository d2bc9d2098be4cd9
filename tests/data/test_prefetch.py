import threading

import pytest

from mscape.data.prefetch import ahead


def test_results_come_in_the_order_of_the_parts():
    assert list(ahead(lambda part: part * 10, range(7))) == [0, 10, 20, 30, 40, 50, 60]


def test_the_next_part_is_worked_on_while_the_caller_has_one():
    begun = [threading.Event() for _ in range(3)]
    for part in ahead(lambda part: begun[part].set() or part, range(3)):
        assert begun[min(part + 1, 2)].wait(10)


def test_no_more_parts_are_taken_than_the_next_one():
    taken = []

    def parts():
        for part in range(9):
            taken.append(part)
            yield part

    for n, _ in enumerate(ahead(str, parts()), 1):
        assert len(taken) <= n + 1
    assert n == 9


def test_nothing_gives_nothing():
    assert list(ahead(str, [])) == []


def test_an_error_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda part: 1 / part, [1, 0, 1]))
