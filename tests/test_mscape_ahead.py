import threading

import pytest

from mscape.ahead import ahead


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_parts(threads):
    first = threading.Event()

    def wait(part):
        if part == 0 and threads > 1:
            assert first.wait(10)  # for a later part, which another thread works on
        elif part == 1:
            first.set()
        return part * 10

    assert list(ahead(wait, range(7), threads=threads)) == [0, 10, 20, 30, 40, 50, 60]


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_parts_are_taken_than_are_worked_on(threads):
    taken = []

    def parts():
        for part in range(9):
            taken.append(part)
            yield part

    for n, _ in enumerate(ahead(str, parts(), threads=threads), 1):
        assert len(taken) <= n + threads
    assert n == 9


def test_nothing_gives_nothing():
    assert list(ahead(str, [])) == []


def test_an_error_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda part: 1 / part, [1, 0, 1]))
