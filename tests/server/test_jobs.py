"""Jobs over HTTP: accepted means stored, and every job ends."""

from tests.server.serving import NUMBER, QUICK, Server, of, saving, serving, wait_for, workflow


def test_a_job_runs_and_its_picture_can_be_fetched(shared: Server) -> None:
    job = shared.run(NUMBER)
    assert job["state"] == "done"
    (output,) = job["outputs"]
    answer = shared.get(f"/api/v1/assets/{output['id']}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/png")
    assert len(answer.body) == output["size"]
    facts = shared.get(f"/api/v1/assets/{output['id']}/metadata").json
    assert facts["workflow"]["nodes"]["it"]["values"] == {"value": 3}


def test_the_same_id_and_content_is_one_job_and_other_content_a_conflict(shared: Server) -> None:
    first = shared.post("/api/v1/jobs", {"workflow": NUMBER, "id": "one"})
    again = shared.post("/api/v1/jobs", {"workflow": NUMBER, "id": "one"})
    other = shared.post("/api/v1/jobs", {"workflow": saving("Number", value=4), "id": "one"})
    assert (first.status, first.json) == (again.status, again.json)
    assert (other.status, other.json["type"]) == (409, "conflict")


def test_every_problem_of_a_workflow_is_told_with_a_pointer_into_the_body(shared: Server) -> None:
    broken = workflow(it=of("Numbr"), save=of("Save", {"value": "it.int", "more": "it.int"}))
    answer = shared.post("/api/v1/jobs", {"workflow": broken})
    assert answer.status == 422
    assert [problem["pointer"] for problem in answer.json["problems"]] == [
        "/workflow/nodes/it/type",
        "/workflow/nodes/save/links/more",
    ]
    assert answer.json["hint"] == "did you mean 'Number'?"


def test_jobs_wait_move_and_are_cancelled_while_the_queue_is_paused(server: Server) -> None:
    server.post("/api/v1/queue/pause")
    for name in "abc":
        server.submit(NUMBER, id=name)
    server.submit(NUMBER, id="first", front=True)
    server.post("/api/v1/jobs/c/move", {"before": "a"})
    server.post("/api/v1/jobs/b/cancel")
    waiting = [job["id"] for job in server.get("/api/v1/jobs?state=queued").json["jobs"]]
    assert waiting == ["first", "c", "a"]
    assert server.job("b")["state"] == "cancelled"
    server.post("/api/v1/queue/resume")
    assert [server.ended(name)["state"] for name in waiting] == ["done"] * 3
    order = [job["id"] for job in reversed(server.get("/api/v1/jobs").json["jobs"])]
    assert order == ["b", "first", "c", "a"]


def test_the_queue_is_bounded_and_says_when_to_come_back() -> None:
    with serving(settings=QUICK + "[limits]\nqueued = 8\nqueued_per_client = 5\n") as server:
        server.post("/api/v1/queue/pause")
        for client, accepted in (("one", 5), ("two", 3)):
            answers = [server.post("/api/v1/jobs", {"workflow": NUMBER, "client": client}) for _ in range(7)]
            assert [answer.status for answer in answers] == [200] * accepted + [429] * (7 - accepted)
            assert int(answers[-1].headers["Retry-After"]) >= 1


def test_only_the_targets_run(shared: Server) -> None:
    two = workflow(
        a=of("Number", value=1), b=of("Raise"), good=of("Save", {"value": "a.int"}), bad=of("Save", {"value": "b.int"})
    )
    assert shared.run(two, targets=["good"])["state"] == "done"
    assert shared.run(two)["state"] == "failed"


def test_an_ended_job_can_be_forgotten_and_a_waiting_one_cannot(shared: Server) -> None:
    name = shared.run(NUMBER)["id"]
    assert shared.post(f"/api/v1/jobs/{name}", method="DELETE").status == 200
    assert shared.get(f"/api/v1/jobs/{name}").status == 404
    slow = shared.submit(saving("Sleep", seconds=30))
    assert shared.post(f"/api/v1/jobs/{slow}", method="DELETE").status == 409
    shared.post(f"/api/v1/jobs/{slow}/cancel")


def test_events_are_numbered_and_tell_every_node(shared: Server) -> None:
    name = shared.run(saving("Number", value=77))["id"]
    said = shared.events(name)
    assert [event["number"] for event in said] == sorted(event["number"] for event in said)
    kinds = [event["event"] for event in said]
    assert kinds == ["job", "job", "planned", "started", "finished", "started", "finished", "completed", "job"]
    assert "path" not in str(said)
    reused = shared.run(saving("Number", value=77))["id"]
    wait_for(lambda: "reused" in [event["event"] for event in shared.events(reused)])
