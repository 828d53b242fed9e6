"""What the benchmark reads out of its tools, and how it judges."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.serving import goals
from benchmarks.serving.bodies import JSON_1
from benchmarks.serving.client import Load
from benchmarks.serving.closed_loop import Sample, h2load_sample, wrk_sample
from benchmarks.serving.matrix import Cell
from benchmarks.serving.open_loop import summary
from benchmarks.serving.overload import Overload
from benchmarks.serving.servers import BARE, BATCHING, CONTENDER, MLSERVER, UNCONVERTED, UNCOUNTED
from benchmarks.serving.slow_model import SlowModel

REQUEST = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"


def test_wrks_rate_leaves_out_what_was_not_answered_well() -> None:
    said = b'{"requests": 900, "duration": 2000000, "p50": 1500, "p99": 9000, "errors": 100}'

    assert wrk_sample(said) == Sample(rate=400, p50=1.5, p99=9, errors=100)


def test_h2loads_rate_and_latencies_are_of_the_good_answers() -> None:
    log = "100\t200\t1000\n200\t200\t3000\n300\t503\t10\n400\t-1\t20\n"

    found = h2load_sample(log, seconds=2)

    assert (found.rate, found.p50, found.errors) == (1, 2, 2)


def test_h2loads_empty_log_is_a_rate_of_zero() -> None:
    assert h2load_sample("", seconds=2).rate == 0


def cells(rates: dict[str, float], connections: int = 16) -> dict[Cell, list[Sample]]:
    return {
        Cell(server, "lr", JSON_1.name, connections): [Sample(rate, 1000 / rate, 2000 / rate, 0)]
        for server, rate in rates.items()
    }


ALL = {CONTENDER: 3000.0, MLSERVER: 100.0, BATCHING: 150.0, UNCONVERTED: 1000.0, UNCOUNTED: 3100.0, BARE: 9500.0}


def of(samples: dict[Cell, list[Sample]], words: str) -> goals.Goal:
    return next(goal for goal in goals.of_matrix(samples) if words in goal.name)


def test_a_goal_is_met_by_the_ratio_of_the_rates_of_one_run() -> None:
    goal = of(cells(ALL), f"c=16: {CONTENDER} over {MLSERVER}")

    assert (goal.value, goal.met) == (30, True)


def test_a_ratio_under_its_bound_is_a_missed_goal() -> None:
    goal = of(cells(ALL), f"c=16: {CONTENDER} over {BARE}")

    assert not goal.met


def test_the_goal_for_latency_is_how_many_times_shorter_ours_is() -> None:
    goal = of(cells(ALL), "p99")

    assert goal.value == pytest.approx(30)
    assert goal.met


def test_what_was_not_measured_is_a_missed_goal_without_a_value() -> None:
    goal = of(cells({CONTENDER: 3000.0}), f"c=16: {CONTENDER} over {MLSERVER}")

    assert (goal.value, goal.met) == (None, False)


def test_an_unfair_turn_and_a_late_health_answer_miss_their_goals() -> None:
    unfair = SlowModel(one_call=200, worst_p99=900, median_p99=400, health_worst=51, answered=9, refused=0)

    assert [goal.met for goal in goals.of_slow_model(unfair)] == [False, False]


def test_memory_that_grows_to_the_end_misses_its_goal() -> None:
    growing = Overload(100, 500, 95, 405, 0, 100, memory=[100, 100, 110, 120])

    assert [goal.met for goal in goals.of_overload(growing)] == [True, False]


@asynccontextmanager
async def server(pause: float) -> AsyncIterator[int]:
    """Answers each request after a pause, those of one connection in turn."""

    served = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(pause)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1")
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        await asyncio.gather(*filter(None, served))


async def test_an_open_loop_sends_at_its_rate_whatever_the_answers_do() -> None:
    async with server(pause=0.1) as port:
        load = Load(port, REQUEST, connections=50, rate=100)
        await load.run(0.5)

    assert sum(map(len, load.answers.values())) == 50
    assert summary(load, 0.5).answered == 1


async def test_time_counts_from_when_a_request_was_due_though_all_connections_were_busy() -> None:
    async with server(pause=0.1) as port:
        load = Load(port, REQUEST, connections=1, rate=100)
        await load.run(1)
        latencies = [answer.latency for answers in load.answers.values() for answer in answers]

    assert latencies == sorted(latencies)
    assert latencies[-1] > 0.3


async def test_a_closed_loop_sends_on_each_connection_as_soon_as_it_is_answered() -> None:
    async with server(pause=0.05) as port:
        load = Load(port, REQUEST, connections=4)
        await load.run(1)

    assert all(2 <= len(answers) <= 21 for answers in load.answers.values())
