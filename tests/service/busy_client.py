"""A process that uses the queue of the file it is given until it is killed, and says what was acknowledged."""

import itertools
import sys
from pathlib import Path

from nodegraph.service.attempts import Attempts
from nodegraph.service.jobs import Jobs
from nodegraph.service.records import Limits, Output
from nodegraph.service.store import Store
from tests.service.conftest import saved


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def main(path: Path, run: str) -> None:
    store = Store(path, Limits(interruptions=1000))
    jobs, attempts = Jobs(store), Attempts(store)
    attempts.recover().result()
    say("recovered")
    for count in itertools.count():
        for part in "ab":
            receipt = jobs.submit({"count": count}, job=f"{run}-{count}{part}").result()
            say("submitted", receipt.id)
        claim = attempts.claim("cpu").result()
        assert claim
        attempts.record(claim.attempt, [{"event": "started", "node": "a"}]).result()
        job = attempts.publish(claim.attempt, saved(Output("a", "output", f"{claim.attempt.number}.png"))).result()
        say("published", job.id)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
