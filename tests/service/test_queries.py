"""Queries of other threads, which the service's thread runs between two turns."""

from __future__ import annotations

from threading import Thread, get_ident

import pytest

from tests.servicing import Worker, scene
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.service.hooks import EventFanOut
from worker.service.queries import MAX_WAITING, PartitionQueries, QueryTimeout

LONG_S = 60.0


def asking(queries: PartitionQueries, number: int, results: list[int]) -> list[Thread]:
    """Threads that each wait for the result of a query."""

    def ask() -> None:
        results.append(queries.result(lambda partition: partition.resident, LONG_S))

    threads = [Thread(target=ask) for _ in range(number)]
    for one in threads:
        one.start()
    return threads


def waiting(queries: PartitionQueries, number: int) -> bool:
    return len(queries._waiting) == number


def test_the_service_runs_a_query_after_a_turn_in_its_own_thread() -> None:
    queries = PartitionQueries()
    worker = Worker(events=EventFanOut(queries))
    ran_in: list[int] = []
    results: list[int] = []

    def resident(partition: Partition) -> int:
        ran_in.append(get_ident())
        return partition.resident

    asker = Thread(target=lambda: results.append(queries.result(resident, LONG_S)))
    asker.start()
    worker.turn(worker.batch("a", 0, *scene()))
    while asker.is_alive():
        worker.turn()
    assert (results, ran_in) == ([1], [get_ident()])


def test_more_queries_than_may_wait_are_refused_and_a_turn_runs_all_that_wait() -> None:
    queries = PartitionQueries()
    results: list[int] = []
    threads = asking(queries, MAX_WAITING, results)
    while not waiting(queries, MAX_WAITING):
        pass
    with pytest.raises(QueryTimeout):
        queries.result(lambda _partition: None, LONG_S)
    queries.turn_ended(Partition(Rules()))
    for one in threads:
        one.join(LONG_S)
    assert results == [0] * MAX_WAITING


def test_a_query_whose_time_is_over_is_never_run() -> None:
    queries = PartitionQueries()
    ran: list[Partition] = []
    with pytest.raises(QueryTimeout):
        queries.result(ran.append, 0.0)
    queries.turn_ended(Partition(Rules()))
    assert ran == []


def test_an_error_of_a_query_is_its_askers_and_not_the_services() -> None:
    queries = PartitionQueries()
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            queries.result(lambda partition: partition.positions["no such shard"], LONG_S)
        except KeyError as error:
            caught.append(error)

    asker = Thread(target=ask)
    asker.start()
    while asker.is_alive():
        queries.turn_ended(Partition(Rules()))
    assert len(caught) == 1
