"""What went through a wire: asked of the worker that has it, whatever it is doing, and whatever the value does."""

import base64
import io
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from tests.server.fake_nodes import png
from tests.server.serving import NUMBER, QUICK, Answer, Server, of, saving, serving, wait_for, workflow


def look(server: Server, job: str, node: str = "it", output: str = "int") -> Answer:
    return server.get(f"/api/v1/jobs/{job}/results/{quote(node, safe='')}/{output}")


def fault(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["type"]


def riddle(server: Server, how: str) -> Answer:
    return look(server, server.run(workflow(it=of("Ask", how=how)))["id"], output="riddle")


def test_a_result_is_told_of_the_job_that_made_it_and_of_the_one_that_reused_it(shared: Server) -> None:
    jobs = [shared.run(saving("Number", value=4711))["id"] for _ in range(2)]
    assert [event["event"] for event in shared.events(jobs[1]) if event.get("node") == "it"] == ["reused"]
    told = {"type": "int", "facts": [["value", "4711"]], "curve": None, "picture": None}
    assert [look(shared, job).json for job in jobs] == [told, told]


def test_a_value_tells_of_itself(shared: Server) -> None:
    picture = f"data:image/png;base64,{base64.b64encode(png({})).decode()}"
    told = {"type": "Riddle", "facts": [["answer", "42"]], "curve": [3.0, 1.0], "picture": picture}
    assert riddle(shared, "well").json == told


def test_a_value_that_tells_too_much_is_cut(shared: Server) -> None:
    told = riddle(shared, "at length").json
    assert len(told["facts"]) <= 24
    assert all(len(text) <= 200 for fact in told["facts"] for text in fact)
    assert (len(told["curve"]), told["picture"]) == (256, None)


@pytest.mark.parametrize("how", ["error", "exit", "no tuple"])
def test_a_value_that_cannot_be_described_is_a_refusal_and_no_dead_worker(shared: Server, how: str) -> None:
    starts = shared.devices()[0]["starts"]
    answer = riddle(shared, how)
    assert fault(answer) == (422, "peek_failed")
    assert "/" not in answer.json["message"]
    assert shared.run(NUMBER)["state"] == "done"
    assert shared.devices()[0]["starts"] == starts


def test_what_there_was_before_a_failure_is_told(shared: Server) -> None:
    job = shared.run(workflow(it=of("Number", value=5), bad=of("Raise", {"value": "it.int"})))["id"]
    assert look(shared, job).json["facts"] == [["value", "5"]]
    assert fault(look(shared, job, "bad")) == (404, "result_gone")


def test_a_running_job_tells_between_two_steps_what_is_there_already(server: Server) -> None:
    graph = workflow(it=of("Number", value=6), slow=of("Sleep", {"value": "it.int"}, seconds=60.0, steps=600))
    job = server.submit(graph)
    wait_for(lambda: {"node": "slow", "event": "started"}.items() <= server.events(job)[-1].items())
    assert look(server, job).json["facts"] == [["value", "6"]]
    assert fault(look(server, job, "slow")) == (404, "result_gone")
    assert server.job(job)["state"] == "running"
    server.post(f"/api/v1/jobs/{job}/cancel")
    assert server.ended(job)["state"] == "cancelled"
    assert look(server, job).status == 200


def test_what_is_unknown_has_errors_of_its_own(shared: Server) -> None:
    job = shared.run(NUMBER)["id"]
    assert fault(look(shared, "nobody")) == (404, "unknown_job")
    assert fault(look(shared, job, "if")) == (404, "unknown_node")
    assert fault(look(shared, job, "it", "imt")) == (404, "unknown_output")
    assert look(shared, job, "it", "imt").json["hint"] == "did you mean 'int'?"
    assert fault(look(shared, job, "\ud7ff/{%}" * 100)) == (404, "unknown_node")


def test_a_node_is_found_whatever_its_name(shared: Server) -> None:
    name = "café / 100 % {a}?#"
    job = shared.run(workflow(**{name: of("Number", value=8)}))["id"]
    assert look(shared, job, name).json["facts"] == [["value", "8"]]


def test_a_node_that_no_target_needed_has_no_result(shared: Server) -> None:
    graph = workflow(it=of("Number", value=9), keep=of("Keep", {"value": "it.int"}), other=of("Number", value=10))
    answer = look(shared, shared.run(graph, targets=["keep"])["id"], "other")
    assert fault(answer) == (404, "result_gone")
    assert "no target needs it" in answer.json["message"]


def test_a_muted_node_has_no_result_and_says_why(shared: Server) -> None:
    graph = workflow(it=of("Number", value=9), muted=of("Number") | {"mode": "mute"})
    answer = look(shared, shared.run(graph)["id"], "muted")
    assert fault(answer) == (404, "result_gone")
    assert "'muted' did not run: " in answer.json["message"]


def test_what_was_dropped_from_memory_is_gone_and_a_new_run_brings_it_back(server: Server) -> None:
    job = server.run(NUMBER)["id"]
    assert look(server, job).status == 200
    server.post("/api/v1/devices/free")
    assert fault(look(server, job)) == (404, "result_gone")
    server.run(NUMBER)
    assert look(server, job).status == 200


def test_a_job_that_waits_and_one_whose_worker_was_restarted_have_no_results(server: Server) -> None:
    job = server.run(NUMBER)["id"]
    server.run(saving("Kill"))
    server.run(saving("Number", value=11))
    assert fault(look(server, job)) == (404, "result_gone")
    server.post("/api/v1/queue/pause")
    assert fault(look(server, server.submit(NUMBER))) == (404, "result_gone")


def test_a_worker_within_a_long_step_is_not_waited_for() -> None:
    with serving(settings=f"{QUICK}\n[patience]\npeek = 0.2\nstopping = 0.5\n") as server:
        job = server.run(NUMBER)["id"]
        hanging = server.submit(saving("Hang"))
        server.running(hanging)
        answers = [look(server, job, node) for node in ("it", "save", "it")]
        assert {fault(answer) for answer in answers} == {(503, "worker_busy")}
        assert int(answers[0].headers["Retry-After"]) >= 1
        server.post(f"/api/v1/jobs/{hanging}/cancel")
        assert server.ended(hanging)["state"] == "cancelled"
        again = server.run(NUMBER)["id"]
        assert look(server, again).status == 200


def test_a_question_that_came_too_early_is_answered_when_it_is_asked_again() -> None:
    with serving(settings=f"{QUICK}\n[patience]\npeek = 0.1\n") as server:
        job = server.run(NUMBER)["id"]
        slow = server.submit(saving("Sleep", seconds=1.0))
        server.running(slow)
        assert look(server, job).status == 503
        server.ended(slow)
        assert look(server, job).status == 200


def test_a_latent_of_the_diffusion_pack_has_numbers_and_a_picture() -> None:
    with serving(None, "--pack", "diffusion") as server:
        graph: dict[str, Any] = workflow(it=of("EmptyLatent", width=512, height=256, batch_size=2))
        told = look(server, server.run(graph)["id"], "it", "latent").json
        assert told["type"] == "Latent"
        assert {"shape": "2 × 4 × 32 × 64", "dtype": "float32"}.items() <= dict(told["facts"]).items()
        content = base64.b64decode(told["picture"].removeprefix("data:image/png;base64,"))
        assert max(Image.open(io.BytesIO(content)).size) <= 192
