"""The OpenAPI document: true to the declarations, and to what the door answers (schemathesis looks)."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from frontdoor import CALLS, NOTES, PAGES, app, ask, mount
from lingpai.web.reference.openapi import document
from lingpai.web.request.calls import Dialect
from web.programs import started

LOOKED_AT = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,allow_header_conformance"
)
BROKEN_ON_PURPOSE = "/(bug|busy|lost|limited|wait|forgetful)$"


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    found: dict[str, Any] = document([mount()], PAGES)["paths"]
    return found


async def test_it_is_served() -> None:
    answer = await ask(app(), "GET", "/openapi.json")
    assert (answer.status, answer.json()["openapi"]) == (200, "3.1.0")
    assert answer.json() == json.loads(json.dumps(document([mount()], PAGES)))


def test_every_call_is_described(paths: dict[str, Any]) -> None:
    assert {(path, method.upper()) for path, methods in paths.items() for method in methods} == {
        *((call.path, method) for call in (*CALLS, *PAGES) for method in call.methods),
        ("/healthz", "GET"),
        ("/readyz", "GET"),
    }


def test_a_post_takes_json_and_a_form(paths: dict[str, Any]) -> None:
    body = paths["/write"]["post"]["requestBody"]
    assert body["required"]
    whole, form = (body["content"][kind]["schema"] for kind in ("application/json", "application/x-www-form-urlencoded"))
    assert whole["required"] == form["required"] == ["title"]
    assert whole["properties"]["title"] == {"type": "string", "minLength": 2, "maxLength": 10}
    assert {"type": "null"} in whole["properties"]["text"]["anyOf"]
    assert form["properties"]["text"]["type"] == "string"
    assert "requestBody" not in paths["/leave"]["post"]


def test_a_get_takes_its_query(paths: dict[str, Any]) -> None:
    title, text = paths["/look"]["get"]["parameters"]
    assert (title["name"], title["in"], title["required"]) == ("title", "query", True)
    assert (text["name"], text["required"]) == ("text", False)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.path)
def test_every_answer_is_described(paths: dict[str, Any], call: Any) -> None:
    answers = paths[call.path][call.methods[0].lower()]["responses"]
    assert answers.keys() == {"200", "400", "404", "405", "408", "413", "414", "429", "431", "500", "503"}
    assert ("text/html" in answers["200"]["content"]) == (call.gives is None)
    assert answers["429"]["headers"].keys() == answers["503"]["headers"].keys() == {"X-Request-Id", "Retry-After"}


def test_two_dialects_may_name_their_structs_alike() -> None:
    import frontdoor

    class Told(frontdoor.Refused, frozen=True):
        """Another shape by the same name."""

    other = Dialect("other", CALLS, NOTES.refuse, NOTES.fail, NOTES.missing, failed_as=Told)
    whole = document([mount(), mount(other, prefix="/other")])
    shapes = {
        whole["paths"][path]["post"]["responses"]["404"]["content"]["application/json"]["schema"]["$ref"]
        for path in ("/write", "/other/write")
    }
    assert len(shapes) == 2
    assert all(shape.rpartition("/")[2] in whole["components"]["schemas"] for shape in shapes)


def test_operation_ids_are_unique() -> None:
    text = repr(document([mount(), mount(Dialect("other", CALLS, NOTES.refuse, NOTES.fail, NOTES.missing), prefix="/other")]))
    ids = re.findall(r"'operationId': '([^']+)'", text)
    assert len(ids) == len(set(ids)) == 2 * len(CALLS) + 2


def test_schemathesis_finds_no_answer_that_is_not_described(tmp_path: Path) -> None:
    with started(0) as (_, port, _):
        call = [Path(sys.executable).parent / "schemathesis", "run", f"http://127.0.0.1:{port}/openapi.json", "--checks", LOOKED_AT]
        options = ["--exclude-path-regex", BROKEN_ON_PURPOSE, "--max-examples", "15", "--seed", "1", "--no-color"]
        looked = subprocess.run([*call, *options], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert looked.returncode == 0, looked.stdout[-4_000:]
    assert re.search(r"\b[1-9]\d* passed", looked.stdout), looked.stdout[-1_000:]
