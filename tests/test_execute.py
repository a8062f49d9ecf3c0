"""Runs: what is yielded, returned, kept and let go."""

import gc
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest

from nodegraph import (
    Artifact,
    Cancelled,
    Completed,
    Event,
    Failed,
    Finished,
    Graph,
    Listing,
    MemoryCache,
    MissingFile,
    NodeFailed,
    NonFinite,
    OutOfMemory,
    Output,
    Plan,
    Planned,
    Profile,
    Progress,
    Progressed,
    Registry,
    Result,
    Reused,
    Run,
    Started,
    Steps,
    execute,
    node,
    results_of,
)
from tests.examples import REGISTRY, Latent, chain, document, of

FOLDERS = {"output": (Path("output"),)}


def run(
    data: dict[str, Any], cache: Any = None, registry: Registry = REGISTRY, targets: list[str] | None = None,
    profile: Profile | None = None,
) -> Run:  # fmt: skip
    graph = Graph.parse(data, registry.catalogue(), FOLDERS)
    return execute(Plan.of(graph, registry, profile, targets), {} if cache is None else cache)


def collect(events: Run) -> tuple[list[Event], Mapping[str, Result]]:
    seen: list[Event] = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as end:
            return seen, end.value


def failing(data: dict[str, Any], cache: Any = None, registry: Registry = REGISTRY) -> tuple[list[Event], NodeFailed]:
    events = run(data, cache, registry)
    seen: list[Event] = []
    with pytest.raises(NodeFailed) as failed:
        seen.extend(events)
    return seen, failed.value


def test_a_run_yields_events_and_returns_the_targets_results() -> None:
    data = document(a=of("Empty", size=2), w=of("Walk", {"latent": "a.latent"}, steps=2, seed=1))
    events, results = collect(run(data))
    assert [type(event) for event in events] == [
        Planned,
        Started,
        Finished,
        Started,
        Progressed,
        Progressed,
        Finished,
        Completed,
    ]
    assert events[0] == Planned(2, 2, 0)
    assert events[3] == Started("w", "Walk", 2, 2)
    assert events[4] == Progressed("w", 1, 2, Latent((1.0, 1.0)))
    assert results == {"w": Result({"latent": Latent((2.0, 2.0))})}


def test_the_second_run_reuses_everything() -> None:
    cache: dict[str, Any] = {}
    _, first = collect(run(chain(5), cache))
    events, second = collect(run(chain(5), cache))
    assert events[0] == Planned(5, 0, 5)
    assert events[1:-1] == [Reused(f"n{place}", "Empty" if place == 0 else "Add") for place in range(5)]
    assert first == second


def test_after_one_value_has_changed_only_the_changed_path_runs() -> None:
    cache: dict[str, Any] = {}
    collect(run(chain(20), cache))
    data = chain(20)
    data["nodes"]["n17"]["values"]["amount"] = 0.25
    events, _ = collect(run(data, cache))
    assert [event.node for event in events if isinstance(event, Started)] == ["n17", "n18", "n19"]


def test_twins_run_once_and_both_have_the_result() -> None:
    data = document(a=of("Empty", size=2), b=of("Empty", size=2))
    events, results = collect(run(data))
    assert [type(event) for event in events[1:-1]] == [Started, Finished, Reused]
    assert results["a"] == results["b"]


def test_several_outputs_go_where_their_links_say() -> None:
    data = document(
        a=of("Empty", size=3), s=of("Split", {"latent": "a.latent"}), left=of("Measure", {"latent": "s.left"}),
        right=of("Measure", {"latent": "s.right"}),
    )  # fmt: skip
    _, results = collect(run(data))
    assert (results["left"].outputs, results["right"].outputs) == ({"size": 1}, {"size": 2})


def test_values_arrive_as_the_function_is_annotated() -> None:
    _, results = collect(run(document(a=of("Paint", text="x", color="blue", sizes=[3]))))
    assert results["a"].outputs == {"str": "x BLUE [3] False None"}


def test_an_effect_runs_every_time_and_tells_what_it_wrote() -> None:
    cache: dict[str, Any] = {}
    data = document(a=of("Empty", size=2), save=of("Save", {"latent": "a.latent"}, prefix="sub/frog"))
    for ran in (2, 1):
        events, results = collect(run(data, cache))
        artifact = Artifact(Path("output/sub/frog.2").resolve(), "latent", "text/plain")
        assert sum(isinstance(event, Finished) for event in events) == ran
        assert results["save"] == Result({}, (artifact,))
        assert [event.artifacts for event in events if isinstance(event, Finished)][-1] == (artifact,)
    assert len(cache) == 1


def test_the_run_supplies_the_profile_and_the_document() -> None:
    _, results = collect(run(document(note=of("Note", text="x"), b=of("Empty", size=1)), profile=Profile("cuda:1")))
    assert results["note"].outputs == {"noted": "x on cuda:1, one of 2 nodes"}


class Words(Listing, folder="words"):
    """The files of one folder."""


def test_the_run_supplies_the_files_of_a_folder_and_runs_again_when_one_changes(tmp_path: Path) -> None:
    @node("Speak")
    def speak(name: str, *, words: Words) -> str:
        return words.files[name].read_text()

    registry, cache = Registry.of(speak), dict[str, Any]()
    folders = {"words": (tmp_path / "words",), "other": (tmp_path / "other",)}

    def said() -> tuple[str, bool]:
        graph = Graph.parse(document(a=of("Speak", name="sub/hello")), registry.catalogue(), folders)
        events, results = collect(execute(Plan.of(graph, registry), cache))
        return results["a"].outputs["str"], any(isinstance(event, Started) for event in events)

    for folder in ("words/sub", "other"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "words/sub/hello").write_text("good morning")
    assert said() == ("good morning", True)
    assert said() == ("good morning", False)
    (tmp_path / "other/new").write_text("x")
    assert said() == ("good morning", False)
    (tmp_path / "words/sub/hello").write_text("good evening")
    assert said() == ("good evening", True)


def test_an_effect_is_supplied_with_files_too(tmp_path: Path) -> None:
    @node("List", effect=True)
    def listed(words: Words) -> Annotated[int, Output("count")]:
        return len(words.files)

    registry = Registry.of(listed)
    (tmp_path / "one").write_text("x")
    graph = Graph.parse(document(a=of("List")), registry.catalogue(), {"words": (tmp_path,)})
    assert results_of(execute(Plan.of(graph, registry), {}))["a"].outputs == {"count": 1}


@pytest.mark.parametrize(
    ("how", "kind", "cause", "code"),
    [
        ("error", "error", ValueError, 1),
        ("memory", "out_of_memory", MemoryError, 5),
        ("nan", "non_finite", NonFinite, 1),
    ],
)
def test_a_failure_is_said_and_then_raised_with_its_cause(
    how: str, kind: str, cause: type[Exception], code: int
) -> None:
    cache: dict[str, Any] = {}
    data = document(
        a=of("Empty", size=2), bad=of("Fail", {"latent": "a.latent"}, how=how), z=of("Split", {"latent": "bad.latent"})
    )
    seen, error = failing(data, cache)
    last = seen[-1]
    assert isinstance(last, Failed)
    assert (last.node, last.type, last.kind, last.exception) == ("bad", "Fail", kind, cause.__name__)
    assert isinstance(error.__cause__, cause)
    assert (error.node, error.type_name, error.exit_code) == ("bad", "Fail", code)
    assert len(cache) == 1


def test_an_expected_failure_keeps_its_words_and_its_hint() -> None:
    seen, error = failing(document(a=of("Empty", size=2), bad=of("Fail", {"latent": "a.latent"}, how="expected")))
    assert seen[-1] == Failed("bad", "Fail", "this cannot be used", "NodegraphError", "error", "use another")
    assert str(error) == "bad (Fail): this cannot be used"


def test_a_result_of_the_wrong_type_is_the_fault_of_the_node_that_made_it() -> None:
    data = document(a=of("Empty", size=2), bad=of("Fail", {"latent": "a.latent"}, how="type"))
    _, error = failing(data)
    assert "returned a str where it declares Latent" in str(error)


def test_running_out_of_memory_is_known_by_name_where_torch_is_not_imported() -> None:
    class OutOfMemoryError(RuntimeError):
        pass

    for raised in (OutOfMemoryError("device"), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")):

        @node("Hog")
        def hog(raised: Exception = raised) -> int:
            raise raised

        _, error = failing(document(a=of("Hog")), registry=Registry.of(hog))
        assert isinstance(error, OutOfMemory)
        assert error.exit_code == 5


def test_an_interrupt_passes_through_and_closes_the_running_node() -> None:
    events = run(document(a=of("Empty", size=2), bad=of("Fail", {"latent": "a.latent"}, how="interrupt")))
    with pytest.raises(KeyboardInterrupt):
        collect(events)


class Watched:
    """A long node that tells whether it was closed."""

    def __init__(self) -> None:
        self.closed = self.finished = False
        self.kept: Steps[int] | None = None

        def walk(steps: int) -> Steps[int]:
            try:
                for done in range(steps):
                    yield Progress(done, steps)
                self.finished = True
            finally:
                self.closed = True
            return steps

        @node("Watch")
        def watch(steps: int = 3) -> Steps[Annotated[int, Output("done")]]:
            self.kept = walk(steps)  # so that it is closed on purpose, and not because nobody has it any more
            return self.kept

        self.registry = Registry.of(watch)


@pytest.mark.parametrize("position", range(8))
def test_closing_at_any_event_closes_the_node_and_keeps_nothing_partial(position: int) -> None:
    watched, cache = Watched(), dict[str, Any]()
    events = run(document(a=of("Watch")), cache, watched.registry)
    taken = [next(events) for _ in range(min(position, 7))]
    running = bool(taken) and isinstance(taken[-1], Progressed)
    events.close()
    assert watched.closed == (running or watched.finished)
    assert len(cache) == watched.finished


def test_a_run_that_is_never_started_does_nothing() -> None:
    watched = Watched()
    run(document(a=of("Watch")), {}, watched.registry).close()
    assert not watched.closed


def test_what_a_run_needs_is_taken_before_the_cache_can_drop_it() -> None:
    plan = Plan.of(Graph.parse(chain(3), REGISTRY.catalogue()), REGISTRY)
    cache: dict[str, Any] = {}
    results_of(execute(plan, cache))
    kept = {plan.steps[0].key: cache[plan.steps[0].key or ""]}
    cache.clear()
    cache.update(kept)  # type: ignore[arg-type] -- the key of a cacheable step is text
    events = execute(plan, cache)
    assert next(events) == Planned(3, 2, 1)
    cache.clear()
    assert results_of(events)["n2"].outputs == {"latent": Latent((3.0, 3.0))}


def test_a_tiny_cache_gives_the_same_results_as_a_large_one() -> None:
    tiny = MemoryCache(100)
    for _ in range(2):
        assert results_of(run(chain(30), tiny)) == results_of(run(chain(30)))


def test_an_intermediate_result_is_let_go_when_its_last_user_has_it() -> None:
    class Big:
        pass

    alive: list[weakref.ref[Big]] = []
    counts: list[int] = []

    @node("Make")
    def make(seed: int) -> Big:
        big = Big()
        alive.append(weakref.ref(big))
        return big

    @node("Use")
    def use(big: Big) -> int:
        return 1

    @node("Look")
    def look(number: int, other: int = 0) -> int:
        gc.collect()
        counts.append(sum(reference() is not None for reference in alive))
        return number

    registry = Registry.of(make, use, look)
    nodes: dict[str, Any] = {"look0": of("Look", number=0)}
    for place in range(1, 4):
        nodes[f"make{place}"] = of("Make", seed=place)
        nodes[f"use{place}"] = of("Use", {"big": f"make{place}.big"})
        links = {"number": f"use{place}.int", "other": f"look{place - 1}.int"}
        nodes[f"look{place}"] = of("Look", links)
    results_of(run(document(**nodes), MemoryCache(0), registry))
    assert counts == [0, 0, 0, 0]


def test_a_kept_failure_does_not_keep_the_results() -> None:
    held: list[weakref.ref[Any]] = []

    class Big:
        pass

    @node("MakeBig")
    def make() -> Big:
        big = Big()
        held.append(weakref.ref(big))
        return big

    @node("Raise")
    def fail_late(number: int) -> int:
        raise MissingFile("gone")

    @node("Both")
    def both(big: Big, number: int) -> int:
        return 1

    nodes = {
        "big": of("MakeBig"),
        "bad": of("Raise", number=1),
        "both": of("Both", {"big": "big.big", "number": "bad.int"}),
    }
    _, error = failing(document(**nodes), MemoryCache(0), Registry.of(make, fail_late, both))
    gc.collect()
    assert error.exit_code == 4
    assert held[0]() is None


def test_a_long_node_may_yield_nothing() -> None:
    _, results = collect(run(document(a=of("Empty", size=1), w=of("Walk", {"latent": "a.latent"}, steps=0))))
    assert results["w"].outputs == {"latent": Latent((0.0,))}


def test_a_chain_a_hundred_thousand_deep_runs() -> None:
    assert results_of(run(chain(100_000)))["n99999"].outputs


def test_a_cancelled_run_is_told_by_whoever_closed_it() -> None:
    assert Cancelled("a").to_json() == {"event": "cancelled", "node": "a"}
