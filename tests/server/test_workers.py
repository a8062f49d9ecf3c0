"""Workers that raise, hang, are killed or run out of memory: that costs one job, and not the server."""

import time

import pytest

from tests.server.serving import NUMBER, Server, saving, serving, wait_for


def test_a_node_that_raises_fails_its_job_with_the_reason(shared: Server) -> None:
    job = shared.run(saving("Raise", how="refusal"))
    assert job["state"] == "failed"
    assert job["reason"] == {
        "kind": "bad_input",
        "message": "expected an even value, got 3",
        "node": "it",
        "hint": "add one",
    }


def test_no_path_of_the_server_reaches_a_client(shared: Server) -> None:
    job = shared.run(saving("Raise", how="path"))
    assert "fake_nodes.py" in job["reason"]["message"]
    assert "/" not in job["reason"]["message"]
    assert "/" not in str([event.get("error") for event in shared.events(job["id"])])


def test_a_very_long_message_is_cut(shared: Server) -> None:
    job = shared.run(saving("Raise", how="long"))
    assert (job["state"], len(job["reason"]["message"]) < 5000) == ("failed", True)


def test_memory_that_runs_out_fails_the_job_and_the_worker_lives_on(shared: Server) -> None:
    starts = shared.devices()[0]["starts"]
    job = shared.run(saving("Allocate"))
    assert (job["state"], job["reason"]["kind"]) == ("failed", "out_of_memory")
    assert shared.run(NUMBER)["state"] == "done"
    assert shared.devices()[0]["starts"] == starts


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSEGV", "exit"])
def test_a_job_that_kills_its_worker_twice_has_crashed_and_the_next_one_runs(shared: Server, how: str) -> None:
    killer, after = shared.submit(saving("Kill", how=how)), shared.submit(NUMBER)
    job = shared.ended(killer)
    assert (job["state"], job["crashes"], job["attempts"]) == ("crashed", 2, 2)
    assert shared.ended(after)["state"] == "done"
    assert shared.process.poll() is None


def test_a_worker_that_stands_still_is_replaced() -> None:
    with serving(settings="[patience]\nsilent = 3.0\n") as server:
        job = server.run(saving("Kill", how="SIGSTOP"))
        assert job["state"] == "crashed"
        assert server.run(NUMBER)["state"] == "done"


def test_a_running_job_is_cancelled_after_the_step_that_runs(shared: Server) -> None:
    name = shared.submit(saving("Sleep", seconds=60, steps=600))
    shared.running(name)
    began = time.monotonic()
    shared.post(f"/api/v1/jobs/{name}/cancel")
    assert shared.ended(name)["state"] == "cancelled"
    assert time.monotonic() - began < 5
    assert shared.run(NUMBER)["state"] == "done"


def test_a_node_that_never_returns_is_killed_when_it_is_cancelled(shared: Server) -> None:
    name = shared.submit(saving("Hang"))
    shared.running(name)
    starts = shared.devices()[0]["starts"]
    shared.post(f"/api/v1/jobs/{name}/cancel")
    after = shared.submit(NUMBER)
    assert shared.ended(name)["state"] == "cancelled"
    assert shared.ended(after)["state"] == "done"
    assert shared.devices()[0]["starts"] == starts + 1


def test_a_drain_lets_the_running_job_finish_and_keeps_the_others(server: Server) -> None:
    running, waiting = server.submit(saving("Sleep", seconds=1.0)), server.submit(NUMBER)
    server.running(running)
    assert server.stop() == 0
    server.start()
    assert server.job(running)["state"] == "done"
    assert server.ended(waiting)["state"] == "done"


def test_what_was_running_at_a_kill_runs_again_and_is_published_once(server: Server) -> None:
    name = server.submit(saving("Sleep", seconds=1.0))
    server.running(name)
    server.kill()
    server.start()
    job = server.ended(name)
    assert (job["state"], job["attempts"], job["interruptions"], len(job["outputs"])) == ("done", 2, 1, 1)
    wait_for(lambda: not list((server.data / "output" / ".nodegraph").glob("*")))
    assert len(list((server.data / "output").glob("*.png"))) == 1
