"""The runtime: one object that checks, plans and runs."""

import pytest

from nodegraph import InvalidGraph, MemoryCache, Planned, Runtime, UsageError, results_of
from tests.examples import REGISTRY, Latent, chain, document, of


def test_it_checks_plans_and_runs_a_document() -> None:
    runtime = Runtime(REGISTRY, MemoryCache(1 << 20))
    assert len(runtime.check(chain(3)).nodes) == 3
    assert len(runtime.plan(chain(3), ["n1"]).steps) == 2
    assert results_of(runtime.run(chain(3)))["n2"].outputs == {"latent": Latent((3.0, 3.0))}


def test_its_runs_share_a_cache() -> None:
    runtime = Runtime(REGISTRY)
    results_of(runtime.run(chain(3)))
    assert next(runtime.run(chain(4))) == Planned(4, 1, 3)


def test_an_empty_cache_that_is_given_is_used() -> None:
    cache = MemoryCache()
    results_of(Runtime(REGISTRY, cache).run(chain(2)))
    assert len(cache) == 2


def test_a_graph_that_was_checked_is_not_parsed_again() -> None:
    runtime = Runtime(REGISTRY)
    graph = runtime.check(chain(2))
    assert runtime.plan(graph).graph is graph


def test_a_bad_document_or_target_is_refused_before_the_run_begins() -> None:
    runtime = Runtime(REGISTRY)
    with pytest.raises(InvalidGraph):
        runtime.run(document(a=of("Emptyy")))
    with pytest.raises(UsageError):
        runtime.run(chain(2), ["n9"])
