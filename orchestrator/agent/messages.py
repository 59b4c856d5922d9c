"""What agent and orchestrator say to each other, as IPA 13.0.0 puts it."""

import uuid
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Self
from urllib.parse import urlsplit

from cryptography import x509
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from inventory.model import Node

API_VERSION = "1.68"  # the first with which the agent makes its own TLS certificate
HEARTBEAT_SECONDS = 60
PROTOCOL = "ipa/13.0.0"


def node_uuid(name: str) -> str:
    """The agent knows a node by a UUID; ours is the name's, the same for ever."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.node.anneal.invalid"))


def versions() -> Mapping[str, JsonValue]:
    """The answer to `GET /`: only `default_version.version` is read."""
    version: JsonValue = {
        "id": "v1",
        "status": "CURRENT",
        "min_version": "1.1",
        "version": API_VERSION,
        "links": [],
    }
    return {"name": "anneal", "description": PROTOCOL, "default_version": version, "versions": [version]}


def node_document(node: Node) -> dict[str, JsonValue]:
    """The node as the agent is told of it. The agent fails on a missing object, so empty ones stand for nothing."""
    hints: dict[str, JsonValue] = {} if node.root_disk is None else node.root_disk.model_dump(exclude_none=True)
    return {
        "uuid": node_uuid(node.name),
        "properties": {"capabilities": f"boot_mode:{node.boot_mode}"},
        "instance_info": {"root_device": hints} if hints else {},
        "driver_internal_info": {},
    }


def lookup_reply(node: Node, agent_token: str) -> dict[str, JsonValue]:
    """`******` as the token says that it was given out before."""
    config: dict[str, JsonValue] = {
        "heartbeat_timeout": HEARTBEAT_SECONDS,
        "agent_token": agent_token,
        "agent_token_required": True,
        "agent_md5_checksum_enable": False,
        "disable_deep_image_inspection": False,
        "permitted_image_formats": ["raw", "gpt"],
    }
    return {"node": node_document(node), "config": config}


def fault(says: str) -> Mapping[str, JsonValue]:
    """An error in the form whose text the agent logs."""
    return {"error_message": {"faultcode": "Client", "faultstring": says, "debuginfo": None}}


class Callback(BaseModel):
    """Where an agent's own API listens: an address, never a name, and always TLS."""

    model_config = ConfigDict(frozen=True)

    host: str
    port: int

    @classmethod
    def parse(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        parts = urlsplit(str(value))
        if parts.scheme != "https" or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise ValueError("the callback is no https://ADDRESS:PORT")
        return cls(host=str(ip_address(parts.hostname)), port=parts.port or 443)

    @property
    def url(self) -> str:
        return f"https://[{self.host}]:{self.port}" if ":" in self.host else f"https://{self.host}:{self.port}"


def _certificate(value: object) -> str:
    text = str(value)
    found = x509.load_pem_x509_certificates(text.encode())
    if len(found) != 1:
        raise ValueError("not exactly one certificate")
    return text


class Heartbeat(BaseModel):
    """An agent says that it lives, where, and with which certificate. The token is not shown in its repr."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    callback: Annotated[Callback, BeforeValidator(Callback.parse)] = Field(validation_alias="callback_url")
    token: str = Field(validation_alias="agent_token", repr=False, max_length=200)
    certificate: Annotated[str, BeforeValidator(_certificate)] = Field(validation_alias="agent_verify_ca", repr=False)
    version: str = Field(default="", validation_alias="agent_version", max_length=40)
