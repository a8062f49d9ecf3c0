"""Plans: what the targets need, in order, and what of it must run."""

from typing import Annotated, Any

import pytest

from nodegraph import Graph, Output, Plan, Profile, Registry, UsageError, node
from nodegraph.keys import Key
from tests.examples import REGISTRY, chain, document, of


def plan_of(data: dict[str, Any], targets: list[str] | None = None, profile: Profile | None = None) -> Plan:
    return Plan.of(Graph.parse(data, REGISTRY.catalogue()), REGISTRY, profile, targets)


def keys(data: dict[str, Any], **given: Any) -> dict[str, Key | None]:
    return {step.id: step.key for step in plan_of(data, **given).steps}


def ids(plan: Plan, cache: set[str]) -> list[str]:
    return [step.id for step in plan.pending(cache)]


def key(plan: Plan, node_id: str) -> Key:
    found = next(step.key for step in plan.steps if step.id == node_id)
    assert found is not None
    return found


DIAMOND = document(
    join=of("Add", {"latent": "left.latent", "other": "right.latent"}),
    left=of("Add", {"latent": "top.latent"}, amount=2),
    right=of("Add", {"latent": "top.latent"}, amount=3),
    top=of("Empty", size=2),
    aside=of("Measure", {"latent": "top.latent"}),
)


def test_every_step_comes_after_its_sources() -> None:
    plan = plan_of(DIAMOND)
    assert len(plan.steps) == 5
    for place, step in enumerate(plan.steps):
        assert all(source.step < place for source in step.sources)


def test_by_default_what_nobody_uses_is_wanted() -> None:
    plan = plan_of(DIAMOND)
    assert [plan.steps[target].id for target in plan.targets] == ["join", "aside"]


def test_effects_are_wanted_if_there_are_any() -> None:
    data = document(**DIAMOND["nodes"], note=of("Note", text="x"))
    assert [step.id for step in plan_of(data).steps] == ["note"]


def test_only_what_the_targets_need_is_planned() -> None:
    assert [step.id for step in plan_of(DIAMOND, ["left", "left"]).steps] == ["top", "left"]


def test_an_unknown_target_is_told_with_the_nearest_word() -> None:
    with pytest.raises(UsageError, match="no node 'joim'") as unknown:
        plan_of(DIAMOND, ["joim"])
    assert unknown.value.hint == "did you mean 'join'?"


def test_one_branch_is_planned_before_the_next() -> None:
    data = document(
        a1=of("Empty", size=1), b1=of("Empty", size=2),
        a2=of("Split", {"latent": "a1.latent"}), b2=of("Split", {"latent": "b1.latent"}),
    )  # fmt: skip
    assert [step.id for step in plan_of(data).steps] == ["a1", "a2", "b1", "b2"]


def test_an_empty_workflow_is_a_plan_of_nothing() -> None:
    assert plan_of(document()).steps == ()


def test_an_evicted_source_is_not_rerun_if_its_user_is_cached() -> None:
    plan = plan_of(chain(4))
    assert ids(plan, set()) == ["n0", "n1", "n2", "n3"]
    assert ids(plan, {key(plan, "n2")}) == ["n3"]
    assert ids(plan, {key(plan, "n0"), key(plan, "n1")}) == ["n2", "n3"]
    assert ids(plan, {key(plan, "n3")}) == []


def test_nodes_that_are_the_same_run_once() -> None:
    data = document(
        a=of("Empty", size=2), b=of("Empty", size=2, fill=0), c=of("Empty", size=3),
        x=of("Split", {"latent": "a.latent"}), y=of("Split", {"latent": "b.latent"}),
    )  # fmt: skip
    plan = plan_of(data)
    assert sorted(ids(plan, set())) == ["a", "c", "x"]
    assert len(plan.steps) == 5


def test_an_effect_always_runs_and_so_does_what_uses_it() -> None:
    @node("Relay")
    def relay(text: str) -> str:
        return text

    registry = Registry([*REGISTRY.values(), *Registry.of(relay).values()])
    data = document(note=of("Note", text="x"), relay=of("Relay", {"text": "note.noted"}))
    plan = Plan.of(Graph.parse(data, registry.catalogue()), registry, targets=["relay"])
    assert [step.key for step in plan.steps] == [None, None]
    assert ids(plan, set()) == ["note", "relay"]


def test_two_effects_that_are_the_same_both_run() -> None:
    assert ids(plan_of(document(a=of("Note", text="x"), b=of("Note", text="x"))), set()) == ["a", "b"]


def test_a_value_without_defined_bytes_makes_its_node_and_its_users_uncacheable() -> None:
    @node("Odd")
    def odd(value: float = 0.0) -> Annotated[float, Output("value")]:
        return value

    registry = Registry.of(odd)
    graph = Graph.parse(
        document(a=of("Odd"), b=of("Odd", {"value": "a.value"}), c=of("Odd", value=1)), registry.catalogue()
    )
    broken = {**graph.nodes, "a": graph.nodes["a"]._replace(values={"value": float("nan")})}
    plan = Plan.of(Graph(broken), registry)
    assert {step.id: step.key is None for step in plan.steps} == {"a": True, "b": True, "c": False}


def test_the_device_and_the_precision_are_in_every_key() -> None:
    profiles = (Profile(), Profile(device="cuda"), Profile(dtype="float16"), Profile(threads=2))
    assert len({keys(chain(1), profile=profile)["n0"] for profile in profiles}) == len(profiles)


def test_the_pack_s_source_is_in_every_key() -> None:
    class Newer(Registry):
        def fingerprint(self, name: str) -> str:
            return super().fingerprint(name) + "newer"

    graph = Graph.parse(chain(2), REGISTRY.catalogue())
    newer = Plan.of(graph, Newer(REGISTRY.values()))
    assert not {step.key for step in newer.steps} & {step.key for step in Plan.of(graph, REGISTRY).steps}


def test_which_output_a_link_takes_is_in_the_key() -> None:
    split = {"start": of("Empty", size=2), "split": of("Split", {"latent": "start.latent"})}
    left = keys(document(**split, user=of("Measure", {"latent": "split.left"})))
    right = keys(document(**split, user=of("Measure", {"latent": "split.right"})))
    assert left["split"] == right["split"]
    assert left["user"] != right["user"]


def test_a_default_that_is_written_out_changes_nothing() -> None:
    assert keys(document(a=of("Empty", size=2))) == keys(document(a=of("Empty", size=2, fill=0)))


def test_a_plan_says_why_a_node_runs_or_does_not() -> None:
    data = document(**chain(4)["nodes"], twin=of("Empty", size=2), save=of("Note", text="x"), aside=of("Empty", size=9))
    plan = plan_of(data, ["n3", "twin", "save"])
    cached = {key(plan, "n1")}
    told = {told.node: (told.action, told.reason) for told in plan.explain(cached)}
    assert told == {
        "n0": ("run", "not cached"),
        "n1": ("reused", "cached"),
        "n2": ("run", "not cached"),
        "n3": ("run", "because n2 changed or is not cached"),
        "twin": ("reused", "the same as n0"),
        "save": ("run", "effect: always runs"),
        "aside": ("not needed", "no target needs it"),
    }
    assert plan.explain({key(plan, "n3"), key(plan, "n0")})[1] == ("n1", "not needed", "what needs it is cached")
