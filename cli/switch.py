"""`anneal switch`: one switch by its address, without an inventory; and what is made of recorded outputs."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Format, Output, print_document

if TYPE_CHECKING:
    from inventory.secrets import Secret
    from inventory.switch import SwitchManagement

app = typer.Typer(no_args_is_help=True, help="Switches by their address, without an inventory.")


@app.callback()
def switch() -> None:
    """Switches by their address, without an inventory."""


class What(StrEnum):
    LLDP = "lldp"
    PORTS = "ports"
    VLANS = "vlans"
    MACS = "macs"
    LAGS = "lags"
    FACTS = "facts"
    CONFIG = "config"


@app.command()
def probe(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="HOST or HOST:PORT, an IPv6 host in brackets.")],
    family: Annotated[str, typer.Option("--family", help="eos, nxos, junos, ios and what else has a driver.")],
    user: Annotated[str, typer.Option("--user", help="The switch's user.")],
    password_env: Annotated[
        str | None, typer.Option("--password-env", metavar="VAR", help="Where the password is.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="An OpenSSH private key.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Take any certificate or host key.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Show what one switch tells: ports, neighbours, VLANs, LAGs. Changes nothing."""
    from drivers.errors import IdentityChanged
    from drivers.switch.card import probe as read
    from drivers.switch.catalog import session
    from drivers.trust import Trust
    from orchestrator.discovery import FirstMet

    management = _management(address, family, user)
    keys = (_password(password_env), _key(key))
    if keys == (None, None):
        raise typer.BadParameter("give a password or a key", param_hint="--password-env")
    try:
        with session(management, keys, Trust(FirstMet(), verify=not insecure)) as opened:
            print_document(read(opened), output)
    except IdentityChanged as error:
        if insecure:
            raise
        remedy = "compare the fingerprint with the switch's own, and add --insecure. No password was sent"
        raise IdentityChanged(error.who, error.what, remedy) from error


@app.command()
def parse(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help="eos, nxos, junos or ios.")],
    what: Annotated[What, typer.Argument(metavar="WHAT", help="What the output is of.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What the switch wrote: JSON, XML or text.")],
    output: Output = Format.TABLE,
) -> None:
    """Show what Anneal makes of a recorded output of a switch. Asks no switch."""
    from drivers.switch import recorded
    from drivers.switch.card import recorded as shown
    from drivers.switch.reading import OUTPUT_BOUND

    with file.open(encoding="utf-8", errors="replace") as opened:
        text = opened.read(OUTPUT_BOUND + 1)
    print_document(shown(family, what, recorded.parse(family, recorded.What(what), text)), output)


def _management(address: str, family: str, user: str) -> "SwitchManagement":
    from pydantic import ValidationError

    from inventory.secrets import SecretRef
    from inventory.switch import SwitchManagement

    try:
        told = {"family": family, "address": address, "user": user, "password": SecretRef("env", "UNUSED")}
        return SwitchManagement.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        where = "ADDRESS" if first["loc"] == ("address",) else f"--{first['loc'][0]}"
        raise typer.BadParameter(first["msg"], param_hint=where) from error


def _password(variable: str | None) -> "Secret | None":
    from inventory.errors import SecretMissing
    from inventory.secrets import SecretRef, Vaults

    if variable is None:
        return None
    try:
        return Vaults(Path()).resolve(SecretRef("env", variable))
    except SecretMissing as error:
        raise typer.BadParameter(str(error), param_hint="--password-env") from error


def _key(path: Path | None) -> "Secret | None":
    from inventory.secrets import Secret

    return None if path is None else Secret(path.read_text(encoding="utf-8"))
