"""What is published is what is answered: schemathesis asks whatever the OpenAPI allows, and what it does not."""

import subprocess
import sys
from pathlib import Path

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES = "12"


def test_schemathesis_finds_no_500_and_no_answer_that_is_not_published(guarded, tmp_path):
    config = Path(__file__).with_name("schemathesis.toml")
    where = f"{guarded.url}/api/v1/openapi.json"
    told = ["--header", "Authorization: Bearer operator-token", "--max-examples", EXAMPLES, "--seed", "1", "--no-color"]
    command = [str(SCHEMATHESIS), "--config-file", str(config), "run", where, *told]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "Selected: " in done.stdout
    assert guarded.process.poll() is None


def test_every_operation_tells_its_problems_as_problems(guarded):
    told = guarded.get("/openapi.json")
    answers = [
        (status, tuple(answer.get("content", {})))
        for path in told["paths"].values()
        for operation in path.values()
        for status, answer in operation["responses"].items()
    ]
    problems = {content for status, content in answers if status >= "400"}
    assert problems == {("application/problem+json",)}
    assert {one for operation in told["paths"]["/api/v1/claims"].values() for one in operation["responses"]} >= {
        "200", "201", "202", "400", "401", "403", "409", "413", "415", "422", "429", "503",
    }  # fmt: skip


def test_every_operation_tells_when_to_come_again(guarded):
    told = guarded.get("/openapi.json")["paths"]
    refusals = [operation["responses"]["429"] for path in told.values() for operation in path.values()]
    assert {tuple(one["headers"]) for one in refusals} == {("Retry-After",)}
