"""JSON Patch (RFC 6902) on the few fields that a client may change. The only import of jsonpatch."""

import copy
from collections.abc import Mapping

import jsonpatch
from pydantic import JsonValue

from orchestrator.api.errors import Bad

_OPS = ("add", "replace", "remove", "test")


def patched(
    document: Mapping[str, JsonValue], patch: JsonValue, blank: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """A changed copy. `blank`: the fields that may be changed, and what each is once it is removed. `Bad`."""
    if not isinstance(patch, list) or not patch:
        raise Bad("The body must be a JSON Patch: a list of operations.")
    steps = [_checked(step, blank) for step in patch]
    whole: Mapping[str, JsonValue] = {**copy.deepcopy(dict(blank)), **copy.deepcopy(dict(document))}
    try:
        told = jsonpatch.JsonPatch(steps).apply(whole)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, ValueError) as error:
        raise Bad(f"Couldn't apply patch: {str(error)[:200]}") from error
    return {name: told.get(name, value) for name, value in blank.items()}


def _checked(step: JsonValue, blank: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    if not isinstance(step, dict) or step.get("op") not in _OPS or not isinstance(step.get("path"), str):
        raise Bad(f"Each operation has an op ({', '.join(_OPS)}) and a path.")
    if step["op"] != "remove" and "value" not in step:
        raise Bad(f"The operation {step['op']} needs a value.")
    path = str(step["path"])
    if not path.startswith("/") or path.split("/")[1] not in blank:
        raise Bad(f"Cannot patch {path[:80]}. Only the following can be updated: {', '.join(sorted(blank))}")
    return step
