"""Who may make which request of the native API: written by hand, and compared with what it answers.

acme's tenant holds r1-n02 by {ours} and asked for {our_op}; r1-n03 is free; another tenant holds r1-n04 by {theirs} and
asked for {their_op}; each has a webhook. r1-n05 is held for nobody by {spare}.
"""

from tests.orchestrator.api.rights import ALL, GONE, HIDDEN, NONE_THERE, Row

SITE = (200, 403, 200, 200)
NOT_NOW = (403, 409, 409, 409)
USERS = (403, 200, 200, 200)
NOT_THEIRS = (403, 404, 200, 200)
NO_ID = "00000000-0000-4000-8000-000000000000"
ON = {"state": "on"}

RIGHTS = (
    Row("GET", "/openapi.json", ALL),
    Row("GET", "/nodes", ALL),
    Row("GET", "/nodes/r1-n02", ALL),
    Row("GET", "/nodes/r1-n03", ALL),
    Row("GET", "/nodes/r1-n04", HIDDEN),
    Row("GET", "/nodes/none", NONE_THERE),
    Row("GET", "/nodes/r1-n02/evidence", ALL),
    Row("GET", "/nodes/r1-n03/evidence", HIDDEN),
    Row("GET", "/nodes/r1-n04/evidence", HIDDEN),
    Row("GET", "/nodes/r1-n02/certificate", (409, 403, 409, 409)),
    Row("POST", "/nodes/r1-n02/power", (403, 202, 202, 202), ON),
    Row("POST", "/nodes/r1-n03/power", (403, 404, 202, 202), ON),
    Row("POST", "/nodes/r1-n04/power", (403, 404, 202, 202), ON),
    Row("POST", "/nodes/r1-n02/rebuild", NOT_NOW),
    Row("POST", "/nodes/r1-n03/rebuild", (403, 404, 409, 409)),
    Row("POST", "/nodes/r1-n04/rebuild", (403, 404, 409, 409)),
    Row("GET", "/claims", ALL),
    Row("GET", "/claims/{ours}", ALL),
    Row("GET", "/claims/{theirs}", HIDDEN),
    Row("GET", f"/claims/{NO_ID}", NONE_THERE),
    Row("POST", "/claims", NOT_NOW, {"resource_class": "none"}),
    Row("POST", "/claims", (403, 403, 409, 409), {"resource_class": "none", "owner": "other"}),
    Row("POST", "/claims", NOT_NOW, {"resource_class": "none", "nodes": ["r1-n04"]}),
    Row("PATCH", "/claims/{ours}", (403, 200, 200, 200), {"name": "table"}),
    Row("PATCH", "/claims/{theirs}", (403, 404, 200, 200), {"name": "table"}),
    Row("DELETE", "/claims/{ours}/nodes/r1-n05", GONE),
    Row("DELETE", "/claims/{theirs}/nodes/r1-n05", GONE),
    Row("DELETE", "/claims/{spare}", (403, 404, 204, 204)),
    Row("GET", "/operations", ALL),
    Row("GET", "/operations/{our_op}", ALL),
    Row("GET", "/operations/{their_op}", HIDDEN),
    Row("GET", "/events", ALL),
    Row("GET", "/webhooks", USERS),
    Row("POST", "/webhooks", NOT_NOW, {"url": "https://127.0.0.1/"}),
    Row("GET", "/webhooks/{our_hook}", USERS),
    Row("GET", "/webhooks/{their_hook}", NOT_THEIRS),
    Row("GET", "/webhooks/{our_hook}/delivery", USERS),
    Row("GET", "/webhooks/{their_hook}/delivery", NOT_THEIRS),
    Row("PATCH", "/webhooks/{our_hook}", USERS, {"kinds": ["role."]}),
    Row("PATCH", "/webhooks/{their_hook}", NOT_THEIRS, {"kinds": ["role."]}),
    Row("POST", "/webhooks/{our_hook}/replay", USERS, {}),
    Row("POST", "/webhooks/{their_hook}/replay", NOT_THEIRS, {}),
    Row("POST", "/webhooks/{our_hook}/secret", USERS),
    Row("POST", "/webhooks/{their_hook}/secret", NOT_THEIRS),
    Row("DELETE", f"/webhooks/{NO_ID}", GONE),
    Row("DELETE", "/webhooks/{their_hook}", (403, 404, 204, 404)),
    Row("GET", "/plans", SITE),
    Row("POST", "/plans", (403, 403, 201, 201), {"targets": ["r1-n06"]}),
    Row("GET", "/plans/none", (404, 403, 404, 404)),
    Row("POST", "/plans/none/run", (403, 403, 404, 404)),
    Row("GET", "/runs", SITE),
    Row("GET", "/runs/seed", SITE),
)
