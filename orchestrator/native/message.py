"""An event as it is sent to a webhook: CloudEvents 1.0, structured, signed as Standard Webhooks says (pure)."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from orchestrator.native.events import Event

PREFIX = "whsec_"
_BYTES = 32  # of a secret; 24 to 64 by Standard Webhooks


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def body(site: str, event: Event) -> bytes:
    """Source: CloudEvents 1.0.2, JSON event format. The id is the event's cursor, the same each time it is sent."""
    told = {
        "specversion": "1.0",
        "id": event.cursor,
        "source": f"/anneal/{quote(site, safe='')}",
        "type": f"anneal.{event.kind}",
        "time": event.at.isoformat(),
        "datacontenttype": "application/json",
        "data": event.model_dump(mode="json"),
    }
    return json.dumps(told | ({"subject": event.node} if event.node else {}), separators=(",", ":")).encode()


def headers(ident: str, content: bytes, at: int, keys: Sequence[str]) -> Mapping[str, str]:
    """Source: Standard Webhooks 1.0: HMAC-SHA256 of id, moment and body, once for each secret that counts."""
    signed = b".".join([ident.encode(), str(at).encode(), content])
    made = [base64.b64encode(hmac.digest(_key(key), signed, hashlib.sha256)).decode() for key in keys]
    return {
        "Content-Type": "application/cloudevents+json; charset=UTF-8",
        "User-Agent": "anneal",
        "webhook-id": ident,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{one}" for one in made),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))
