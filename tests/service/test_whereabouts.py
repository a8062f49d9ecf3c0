"""A worker remembers where the results of its last jobs are, and of no more."""

from nodegraph import MemoryCache, Plan, Registry, results_of
from nodegraph.execute import execute
from nodegraph.graph import Graph
from nodegraph.service.whereabouts import MOST_JOBS, Whereabouts
from tests.server import fake_nodes
from tests.server.serving import of, workflow

NODES = Registry.from_modules(fake_nodes)


def plan_of(value: int) -> Plan:
    document = workflow(it=of("Number", value=value), more=of("Add", {"a": "it.int"}, b=100))
    return Plan.of(Graph.parse(document, NODES.catalogue()), NODES)


def test_the_last_jobs_are_known_and_those_before_are_forgotten() -> None:
    cache = MemoryCache()
    known = Whereabouts(cache)
    for number in range(MOST_JOBS + 1):
        plan = plan_of(number)
        known.note(f"job {number}", plan)
        results_of(execute(plan, cache))
    assert known.told("job 0", "it", "int")["refused"] == "result_gone"
    assert known.told("job 1", "more", "int")["facts"] == [["value", "101"]]
    assert known.told(f"job {MOST_JOBS}", "it", "int")["facts"] == [["value", str(MOST_JOBS)]]


def test_a_job_that_runs_again_counts_as_the_last_one() -> None:
    known = Whereabouts({})
    for number in (*range(MOST_JOBS), 0, MOST_JOBS):
        known.note(f"job {number}", plan_of(number))
    assert "no result in memory" in known.told("job 0", "it", "int")["message"]
    assert "knows nothing" in known.told("job 1", "it", "int")["message"]


def test_a_result_that_came_later_is_found_under_its_job() -> None:
    cache, plan = MemoryCache(), plan_of(3)
    known = Whereabouts(cache)
    known.note("job", plan)
    assert known.told("job", "it", "int")["refused"] == "result_gone"
    results_of(execute(plan, cache))
    assert known.told("job", "it", "int") == {"type": "int", "facts": [["value", "3"]], "curve": None, "picture": None}
