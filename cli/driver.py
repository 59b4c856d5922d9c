"""`anneal driver`: one BMC by its address, without an inventory."""

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue

from cli.output import Format, Output, emit, print_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drivers.card import Card
    from inventory.address import HostPort
    from inventory.model import Bmc
    from inventory.secrets import Login

app = typer.Typer(no_args_is_help=True, help="BMCs by their address, without an inventory.")


@app.callback()
def driver() -> None:
    """BMCs by their address, without an inventory."""


class Protocol(StrEnum):
    REDFISH = "redfish"
    IPMI = "ipmi"


@app.command()
def probe(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="HOST or HOST:PORT, an IPv6 host in brackets.")],
    user: Annotated[str, typer.Option("--user", help="The BMC's user.")],
    password_env: Annotated[str, typer.Option("--password-env", metavar="VAR", help="Where the password is.")],
    insecure: Annotated[bool, typer.Option("--insecure", help="Take any certificate; the card says which.")] = False,
    old_tls: Annotated[bool, typer.Option("--old-tls", help="Take TLS 1.0 and 1.1 too; the card says so.")] = False,
    protocol: Annotated[Protocol | None, typer.Option("--protocol", help="Only this one; else what answers.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Show the capability card of one BMC. Writes nothing to it but the login, which it ends."""
    bmc, login = _asked(address_of(address), user, password_env)
    card = _card(bmc, login, protocol, insecure=insecure, old_tls=old_tls)
    told: dict[str, JsonValue] = json.loads(json.dumps(card.as_json()))
    if output is Format.TABLE:
        emit([{"key": key, "value": value} for key, value in lines("", told)], ("key", "value"), output)
    else:
        print_document(told, output)


def address_of(text: str) -> "HostPort":
    from inventory.address import HostPort

    try:
        return HostPort.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="ADDRESS") from error


def _asked(address: "HostPort", user: str, variable: str) -> "tuple[Bmc, Login]":
    from pathlib import Path

    from inventory.errors import SecretMissing
    from inventory.model import Bmc
    from inventory.secrets import Login, SecretRef, Vaults

    password = SecretRef("env", variable)
    try:
        login = Login(user, Vaults(Path()).resolve(password))
    except SecretMissing as error:
        raise typer.BadParameter(str(error), param_hint="--password-env") from error
    return Bmc(address=address, user=user, password=password), login


def _card(bmc: "Bmc", login: "Login", protocol: Protocol | None, *, insecure: bool, old_tls: bool) -> "Card":
    from drivers.catalog import DRIVERS, probe
    from drivers.errors import IdentityChanged
    from drivers.trust import Trust
    from orchestrator.discovery import FirstMet

    trust = Trust(FirstMet(), verify=not insecure, old_tls=old_tls)
    try:
        return probe(bmc, login, trust, (protocol,) if protocol else tuple(DRIVERS))
    except IdentityChanged as error:
        if insecure:
            raise
        remedy = (
            "install a certificate of your CA there, or compare the fingerprint and add --insecure. Nothing was sent"
        )
        raise IdentityChanged(error.who, error.what, remedy) from error


def lines(name: str, value: JsonValue) -> "Iterator[tuple[str, JsonValue]]":
    """A document as lines: `bmc.family`, `nics[0]`."""
    if isinstance(value, dict) and ("[" not in name):
        for key, inner in value.items():
            yield from lines(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for place, inner in enumerate(value):
            yield f"{name}[{place}]", ", ".join(f"{key} {_shown(part)}" for key, part in inner.items())  # type: ignore[union-attr]
    else:
        yield name, value


def _shown(value: JsonValue) -> str:
    if isinstance(value, list):
        return "/".join(str(part) for part in value)
    return "-" if value is None else str(value)
