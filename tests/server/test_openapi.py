"""The OpenAPI document is sound, complete and true: requests made from it are answered as it says."""

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import schemathesis.checks
from hypothesis import HealthCheck, Phase, settings
from jsonschema import Draft202012Validator

from nodegraph.server.api import ROUTES
from nodegraph.server.routes import PREFIX
from tests.server.serving import NUMBER, Server, serving

# What is never answered with 200: here is no token, no workflow that is made up is a sound one, and those that could be
# renamed are gone by then.
NEVER = {
    "post /api/v1/session", "post /api/v1/jobs", "post /api/v1/check", "post /api/v1/jobs/{id}/move",
    "post /api/v1/workflows/{name}/move", "post /api/v1/convert",
}  # fmt: skip
EXAMPLES = 60  # requests of each route
CHECKS: list[Any] = [
    getattr(schemathesis.checks, name)
    for name in (
        "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
        "response_headers_conformance",
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def described() -> Iterator[tuple[Server, dict[str, Any]]]:
    """A server that has something of everything, and its description."""
    with serving() as server:
        server.run(NUMBER, id="it")
        for content in (NUMBER, {}):
            server.post("/api/v1/workflows/it", {"workflow": content}, method="PUT")
        yield server, server.get("/api/v1/openapi.json").json


def with_names(document: dict[str, Any], server: Server) -> dict[str, Any]:
    """The document with names in it that there are, or every answer would be that there is no such thing."""
    ids = ["it", "nobody", server.job("it")["outputs"][0]["id"]]
    names = ["it", "a/b", "nothing", "text_to_image", "example.png"]
    known = {"id": ids, "name": names, "number": ["00000001", "1"]}
    known |= {"node": ["it"], "output": ["int", "nothing"]}
    result = copy.deepcopy(document)
    for operation in operations(result).values():
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                parameter["schema"]["enum"] = known[parameter["name"]]
    return result


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = document["paths"].items()
    return {f"{method.upper()} {path}": said for path, methods in found for method, said in methods.items()}


def test_every_route_is_described(described: tuple[Server, dict[str, Any]]) -> None:
    _, document = described
    plain = {f"{route.method} {PREFIX}{route.path.replace(':[^/].*?', '')}" for route in ROUTES}
    assert set(operations(document)) == plain


def test_the_document_is_openapi(described: tuple[Server, dict[str, Any]]) -> None:
    _, document = described
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version"} <= document["info"].keys()
    for name, operation in operations(document).items():
        named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert {part.strip("{}") for part in name.split("/") if part.startswith("{")} == named, name
        assert all(each["required"] for each in operation["parameters"] if each["in"] == "path")
        assert all(answer["description"] for answer in operation["responses"].values())
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len(set(ids)) == len(ids)


def test_every_schema_in_it_is_a_json_schema(described: tuple[Server, dict[str, Any]]) -> None:
    _, document = described
    schemas = list(schemas_in(document))
    assert len(schemas) > 50
    for schema in schemas:
        Draft202012Validator.check_schema(schema)


def schemas_in(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if "schema" in value:
            yield value["schema"]
        for child in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from schemas_in(child)
    elif isinstance(value, list):
        for child in value:  # pyright: ignore[reportUnknownVariableType]
            yield from schemas_in(child)


def test_what_the_document_allows_and_forbids_is_answered_as_it_says(described: tuple[Server, dict[str, Any]]) -> None:
    server, document = described
    schema: Any = schemathesis.openapi.from_dict(with_names(document, server))
    schema.config.update(base_url=server.origin)
    seen: Counter[tuple[str, int]] = Counter()

    def attack(operation: Any) -> None:
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        )
        @schemathesis_given(operation)
        def ask(case: Any) -> None:
            answer = case.call_and_validate(checks=CHECKS, timeout=15, headers={"Origin": server.origin})
            seen[f"{operation.method} {operation.path}", answer.status_code] += 1

        ask()

    every = [result.ok() for result in schema.get_all_operations()]
    # What takes something away comes last.
    for operation in sorted(every, key=lambda each: each.method == "delete" or each.path.endswith(("/free", "/move"))):
        attack(operation)
    answered = {route for route, status in seen if status == 200}
    assert {f"{each.method} {each.path}" for each in every} - answered <= NEVER, seen
    assert server.get("/ready").status == 200


def schemathesis_given(operation: Any) -> Any:
    from hypothesis import given

    modes = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
    strategies = [operation.as_strategy(generation_mode=mode) for mode in modes]
    return given(strategies[0] | strategies[1])
