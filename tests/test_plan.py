"""Plans: what the targets need, in order, and what of it must run."""

import os
from pathlib import Path
from typing import Annotated, Any

import pytest

from nodegraph import Folders, Graph, Listing, Output, Plan, Profile, Registry, UsageError, node
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


class Words(Listing, folder="words"):
    """The files of one folder; it counts how often somebody looked."""

    looks = 0

    @classmethod
    def of(cls, folders: Folders) -> "Words":
        cls.looks += 1
        return super().of(folders)


@node("Speak")
def speak(text: str, *, words: Words) -> str:
    return text + str(len(words.files))


TALKING = Registry([*REGISTRY.values(), *Registry.of(speak).values()])


def spoken(folder: Path, text: str = "x") -> dict[str, Key | None]:
    """The keys of a workflow, some of whose nodes ask for the files of a folder."""
    data = document(
        one=of("Speak", text=text), two=of("Speak", {"text": "one.str"}), after=of("Paint", {"text": "two.str"}),
        other=of("Empty", size=2),
    )  # fmt: skip
    folders = {"words": (folder / "words",), "other": (folder / "other",)}
    graph = Graph.parse(data, TALKING.catalogue(), folders)
    return {step.id: step.key for step in Plan.of(graph, TALKING).steps}


@pytest.fixture
def words(tmp_path: Path) -> Path:
    for name in ("words/a", "words/sub/b", "other/c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def test_files_that_a_node_asks_for_are_in_its_key_and_in_those_of_its_users_alone(words: Path) -> None:
    before = spoken(words)
    assert spoken(words) == before
    (words / "words/new").write_text("x")
    added = spoken(words)
    assert {name for name in before if before[name] != added[name]} == {"one", "two", "after"}
    (words / "words/new").unlink()
    assert spoken(words) == before


@pytest.mark.parametrize("change", ["size", "time", "name"])
def test_a_file_that_changes_changes_the_key(words: Path, change: str) -> None:
    before, path = spoken(words), words / "words/sub/b"
    if change == "size":
        status = path.stat()
        path.write_text("xx")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "time":
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    else:
        path.rename(path.with_name("c"))
    assert spoken(words)["one"] != before["one"]


def test_files_of_a_folder_that_no_node_asks_for_change_no_key(words: Path) -> None:
    before = spoken(words)
    (words / "other/new").write_text("x")
    (words / "other/c").write_text("xx")
    assert spoken(words) == before


def test_a_folder_is_looked_at_once_for_all_nodes_and_not_at_all_for_none(words: Path) -> None:
    Words.looks = 0
    spoken(words)
    assert Words.looks == 1
    Plan.of(Graph.parse(document(a=of("Empty", size=2)), TALKING.catalogue(), {"words": (words,)}), TALKING)
    assert Words.looks == 1


class Looks(Listing, folder="words", counts=False):
    """Files that change how a run looks, and nothing of what it makes."""


def test_files_that_change_no_result_change_no_key(words: Path) -> None:
    @node("Watch")
    def watch(text: str, *, looks: Looks) -> str:
        return text

    registry = Registry.of(watch)
    graph = Graph.parse(document(a=of("Watch", text="x")), registry.catalogue(), {"words": (words / "words",)})
    before = Plan.of(graph, registry)
    (words / "words" / "another").write_text("x")
    after = Plan.of(graph, registry)
    assert [step.key for step in after.steps] == [step.key for step in before.steps]
    assert isinstance(after.listings[Looks], Looks)
    assert len(after.listings[Looks].files) == len(before.listings[Looks].files) + 1 == 3


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
