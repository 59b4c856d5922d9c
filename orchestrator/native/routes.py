"""Every request of the native API, who may make it, and what answers it. One table; the OpenAPI is made of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from orchestrator.api.access import Role
from orchestrator.api.routes import EVERYBODY, OPERATORS, THE_SITES, WHOEVER_USES
from orchestrator.native import claims, events, holding, hooks, nodes, operations, plans
from orchestrator.native.events import STREAM
from orchestrator.native.problems import Problem

PREFIX = "/api/v1"
_OFTEN = (401, 403, 413, 422, 429, 503)  # what any request may be answered
_SAYS: Mapping[int, str] = {
    400: "The body is no JSON.",
    401: "Nobody that we know.",
    403: "Somebody that we know, who may not.",
    404: "It is not there, or not yours to know of.",
    409: "Not as things stand; another try may do better.",
    412: "It is not as If-Match says.",
    413: "The body is too long.",
    415: "The body is not sent as application/json.",
    422: "Understood, and not to be done as it stands.",
    428: "A change without If-Match.",
    429: "More than one may ask for; Retry-After says when to come again.",
    503: "The database does not answer.",
}
_LATER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}


@dataclass(frozen=True)
class Route:
    """`told`: by status, what is answered; None: no body. `refused`: by which problems beside those of all.

    `follow`: operations that go on with what a 201 tells, and where each finds its parameters (OpenAPI's links).
    """

    method: str
    path: str
    may: frozenset[Role]
    answer: Callable[..., object]
    told: Mapping[int, type[BaseModel] | str | None]
    refused: tuple[int, ...] = ()
    follow: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.answer.__module__.rpartition('.')[2]}_{self.answer.__name__}"

    @property
    def responses(self) -> dict[int | str, dict[str, object]]:
        """As FastAPI wants them."""
        made: dict[int | str, dict[str, object]] = {
            status: {"headers": _headers(self.told, status), **_told(what)} for status, what in self.told.items()
        }
        if self.follow:
            made[201]["links"] = {
                name: {"operationId": name, "parameters": parameters} for name, parameters in self.follow.items()
            }
        refused = {*_OFTEN, *self.refused, *((400, 415) if self.method in ("POST", "PATCH") else ())}
        return made | {
            status: {"description": _SAYS[status], "model": Problem, "headers": _LATER if status in (429, 503) else {}}
            for status in sorted(refused)
        }


def _headers(told: Mapping[int, object], status: int) -> dict[str, object]:
    names = [*(["Location"] if status in (201, 202) else []), *(["ETag"] if 304 in told or status == 201 else [])]
    return {name: {"schema": {"type": "string"}} for name in names}


def _told(what: type[BaseModel] | str | None) -> dict[str, object]:
    if what is None:
        return {"description": "Done, or as it was."}
    if isinstance(what, str):
        return {"description": "As asked.", "content": {what: {"schema": {"type": "string"}}}}
    also = {STREAM: {"schema": {"type": "string"}}} if what is events.Events else {}
    return {"description": "As asked.", "model": what, "content": also}


_NODE, _CLAIM, _PLAN = f"{PREFIX}/nodes/{{node}}", f"{PREFIX}/claims/{{claim}}", f"{PREFIX}/plans/{{plan}}"
_HOOK = f"{PREFIX}/webhooks/{{webhook}}"
_HOOKED = {"webhook": "$response.body#/webhook/uuid"}
_AS_HOOKED = {**_HOOKED, "If-Match": "$response.header.ETag"}
_CLAIMED = {"claim": "$response.body#/uuid"}
_AS_CLAIMED = {**_CLAIMED, "If-Match": "$response.header.ETag"}
_PLANNED = {"plan": "$response.body#/plan"}
ROUTES = (
    Route("GET", f"{PREFIX}/nodes", EVERYBODY, nodes.listed, {200: nodes.Nodes}, (404,)),
    Route("GET", _NODE, EVERYBODY, nodes.shown, {200: nodes.Node, 304: None}, (404,)),
    Route("GET", f"{_NODE}/evidence", EVERYBODY, nodes.evidence, {200: nodes.Proofs, 304: None}, (404,)),
    Route("GET", f"{_NODE}/certificate", THE_SITES, nodes.certificate, {200: "application/jsonl"}, (404, 409)),
    Route("POST", f"{_NODE}/power", WHOEVER_USES, nodes.power, {202: operations.Operation}, (404,)),
    Route("POST", f"{_NODE}/rebuild", WHOEVER_USES, nodes.rebuild, {200: nodes.Node}, (404, 409)),
    Route("GET", f"{PREFIX}/claims", EVERYBODY, claims.listed, {200: claims.Claims}, (404,)),
    Route("POST", f"{PREFIX}/claims", WHOEVER_USES, claims.made,
          {201: holding.Claim, 202: operations.Operation}, (409,),
          {"claims_shown": _CLAIMED, "claims_changed": _AS_CLAIMED, "claims_ended": _AS_CLAIMED}),
    Route("GET", _CLAIM, EVERYBODY, claims.shown, {200: holding.Claim, 304: None}, (404,)),
    Route("PATCH", _CLAIM, WHOEVER_USES, claims.changed, {200: holding.Claim}, (404, 412, 428)),
    Route("DELETE", _CLAIM, WHOEVER_USES, claims.ended, {204: None}, (404, 412, 428)),
    Route("DELETE", f"{_CLAIM}/nodes/{{node}}", WHOEVER_USES, claims.node_ended, {204: None}, (404, 412, 428)),
    Route("GET", f"{PREFIX}/operations", EVERYBODY, operations.listed, {200: operations.Operations}, (404,)),
    Route("GET", f"{PREFIX}/operations/{{operation}}", EVERYBODY, operations.shown,
          {200: operations.Operation, 304: None}, (404,)),
    Route("GET", f"{PREFIX}/events", EVERYBODY, events.listed, {200: events.Events}, (404,)),
    Route("GET", f"{PREFIX}/plans", THE_SITES, plans.listed, {200: plans.Plans}, (404,)),
    Route("POST", f"{PREFIX}/plans", OPERATORS, plans.made, {201: plans.PlanMade}, (409,),
          {"plans_shown": _PLANNED, "plans_taken_up": _PLANNED}),
    Route("GET", _PLAN, THE_SITES, plans.shown, {200: plans.PlanMade, 304: None}, (404,)),
    Route("POST", f"{_PLAN}/run", OPERATORS, plans.taken_up, {202: None}, (404, 409)),
    Route("GET", f"{PREFIX}/runs", THE_SITES, plans.runs, {200: plans.Runs}, (404,)),
    Route("GET", f"{PREFIX}/runs/{{run}}", THE_SITES, plans.one_run, {200: plans.Run, 304: None}, (404,)),
    Route("GET", f"{PREFIX}/webhooks", WHOEVER_USES, hooks.listed, {200: hooks.Webhooks}, (404,)),
    Route("POST", f"{PREFIX}/webhooks", WHOEVER_USES, hooks.made, {201: hooks.WebhookMade}, (409,),
          {"hooks_shown": _HOOKED, "hooks_changed": _AS_HOOKED, "hooks_ended": _AS_HOOKED, "hooks_delivery": _HOOKED,
           "hooks_replayed": _HOOKED, "hooks_secret_changed": _HOOKED}),
    Route("GET", _HOOK, WHOEVER_USES, hooks.shown, {200: hooks.Webhook, 304: None}, (404,)),
    Route("PATCH", _HOOK, WHOEVER_USES, hooks.changed, {200: hooks.Webhook}, (404, 409, 412, 428)),
    Route("DELETE", _HOOK, WHOEVER_USES, hooks.ended, {204: None}, (404, 412, 428)),
    Route("GET", f"{_HOOK}/delivery", WHOEVER_USES, hooks.delivery, {200: hooks.Delivery}, (404,)),
    Route("POST", f"{_HOOK}/replay", WHOEVER_USES, hooks.replayed, {200: hooks.Delivery}, (404,)),
    Route("POST", f"{_HOOK}/secret", WHOEVER_USES, hooks.secret_changed, {200: hooks.NewSecret}, (404,)),
)  # fmt: skip
