"""Events as JSON: one line each, with what a client needs."""

import json
from pathlib import Path

from nodegraph import Artifact, Completed, Finished, Progressed, Started


def test_an_event_says_its_name_and_its_fields() -> None:
    assert Started("a", "Add", 1, 3).to_json() == {
        "event": "started",
        "node": "a",
        "type": "Add",
        "index": 1,
        "total": 3,
    }
    assert Completed(0.5, 2, 1).to_json() == {"event": "completed", "seconds": 0.5, "ran": 2, "reused": 1}


def test_artifacts_are_written_out() -> None:
    event = Finished("save", 0.25, (Artifact(Path("output", "a.png")),)).to_json()
    assert json.loads(json.dumps(event))["artifacts"] == [
        {"path": str(Path("output", "a.png")), "kind": "image", "media_type": "image/png"}
    ]


def test_a_preview_stays_out_of_the_json() -> None:
    assert Progressed("a", 1, 2, preview=object()).to_json() == {
        "event": "progressed",
        "node": "a",
        "done": 1,
        "total": 2,
    }
