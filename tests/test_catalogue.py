"""The catalogue: all that parsing, the canvas and clients need, as plain data."""

import json
import subprocess
import sys
from pathlib import Path

from nodegraph import Catalogue, Graph
from tests.examples import REGISTRY, chain

CATALOGUE = REGISTRY.catalogue()


def test_a_catalogue_survives_json() -> None:
    assert Catalogue.from_json(json.loads(json.dumps(CATALOGUE.to_json()))).to_json() == CATALOGUE.to_json()


def test_the_matrix_says_which_types_fit() -> None:
    assert CATALOGUE.accepts("Latent", "Latent")
    assert CATALOGUE.accepts("float", "int")
    assert not CATALOGUE.accepts("Latent", "int")
    assert not CATALOGUE.accepts("Nothing", "Latent")
    assert CATALOGUE.to_json()["accepts"]["float"] == ["int"]


def test_a_catalogue_parses_graphs_where_the_nodes_cannot_be_imported(tmp_path: Path) -> None:
    """As the server does: another process, which has the data alone."""
    (tmp_path / "catalogue.json").write_text(json.dumps(CATALOGUE.to_json()))
    (tmp_path / "chain.json").write_text(json.dumps(chain(5)))
    program = """
import json, sys
from pathlib import Path
from nodegraph import Catalogue, Graph
folder = Path(sys.argv[1])
catalogue = Catalogue.from_json(json.loads((folder / "catalogue.json").read_text()))
graph = Graph.parse(json.loads((folder / "chain.json").read_text()), catalogue)
print(len(graph.nodes), "tests.examples" in sys.modules)
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    assert subprocess.check_output(command, text=True, cwd=Path(__file__).parents[1]).split() == ["5", "False"]


def test_both_catalogues_give_the_same_graph() -> None:
    again = Catalogue.from_json(CATALOGUE.to_json())
    assert Graph.parse(chain(5), again) == Graph.parse(chain(5), CATALOGUE)
