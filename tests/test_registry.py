"""Registries: values made of modules and packs."""

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from nodegraph import DeclarationError, PackError, Registry, node
from tests import examples


def test_a_registry_has_every_node_of_a_module() -> None:
    assert dict(Registry.from_modules(examples)) == dict(examples.REGISTRY)


def test_two_nodes_may_not_have_one_name() -> None:
    def clash() -> int:
        return 1

    with pytest.raises(DeclarationError, match="two nodes are named 'Add'"):
        Registry.of(examples.add, node("Add")(clash))


def test_one_node_found_twice_is_one_node() -> None:
    assert len(Registry.of(examples.add, examples.add)) == 1


def test_two_classes_may_not_have_one_name_as_sockets() -> None:
    other = type("Latent", (), {})

    def take(latent: Any) -> int:
        return 1

    take.__annotations__["latent"] = other
    with pytest.raises(DeclarationError, match="two different classes are named 'Latent'"):
        Registry.of(examples.add, node("Take")(take))


def test_a_pack_says_where_its_nodes_are(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = tmp_path / "example_pack"
    pack.mkdir()
    (pack / "__init__.py").write_text('__nodes__ = ("blur",)\n')
    source = "from nodegraph import node\n@node('Blur')\ndef blur(x: int) -> int:\n    return x\n"
    (pack / "blur.py").write_text(source)
    (pack / "private.py").write_text(source.replace("Blur", "Private"))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    registry = Registry.from_packs(["example_pack"])
    assert list(registry) == ["Blur"]
    assert registry["Blur"].description.pack == "example_pack"


def test_a_pack_that_cannot_be_had_is_told(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_pack.py").write_text("import a_module_that_is_not_there\n")
    (tmp_path / "failing_pack.py").write_text("1 / 0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for name, said in (("no_such_pack", "no pack"), ("broken_pack", "a_module_that"), ("failing_pack", "ZeroDivision")):
        with pytest.raises(PackError, match=said):
            Registry.from_packs([name])


def test_an_unknown_type_is_not_in_the_registry() -> None:
    assert "Nothing" not in examples.REGISTRY
    with pytest.raises(KeyError):
        examples.REGISTRY["Nothing"]


def test_all_nodes_of_a_pack_have_the_fingerprint_of_its_source() -> None:
    assert examples.REGISTRY.fingerprint("Add") == examples.REGISTRY.fingerprint("Walk")


def test_a_module_without_nodes_gives_none() -> None:
    empty: Callable[[str], types.ModuleType] = types.ModuleType
    assert len(Registry.from_modules(empty("nothing"))) == 0
