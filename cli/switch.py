"""`anneal switch`: one switch by its address, without an inventory; and what is made of a recorded output."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue

from cli.driver import address_of, lines
from cli.output import Format, Output, emit, print_document

if TYPE_CHECKING:
    from drivers.ability.switch import SwitchDriver
    from inventory.secrets import Secret

app = typer.Typer(no_args_is_help=True, help="Switches by their address, without an inventory.")


@app.callback()
def switch() -> None:
    """Switches by their address, without an inventory."""


class Driven(StrEnum):
    """Families that there is a driver for; held to `drivers.switch.catalog.FAMILIES` by a test."""

    EOS = "eos"
    IOS = "ios"
    JUNOS = "junos"
    LINUX = "linux"
    NXOS = "nxos"
    OVS = "ovs"
    SONIC = "sonic"


@app.command()
def probe(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="HOST or HOST:PORT, an IPv6 host in brackets.")],
    family: Annotated[Driven, typer.Option("--family", help="What it runs.")],
    user: Annotated[str, typer.Option("--user", help="The switch's user.")],
    password_env: Annotated[
        str | None, typer.Option("--password-env", metavar="VAR", help="Where the password is.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", exists=True, dir_okay=False, help="An OpenSSH private key.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Take any certificate; an SSH host key is always taken.")
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Show what a switch tells, and what its commits can be relied on for. Writes nothing to it."""
    from drivers.switch.catalog import Entry, connect
    from drivers.trust import Trust
    from orchestrator.discovery import FirstMet

    password = _secret("env", password_env, "--password-env") if password_env else None
    private = _secret("file", str(key.resolve()), "--key") if key else None
    entry = Entry(address_of(address), user, password, private)
    driver = connect(family.value, entry, Trust(FirstMet(), verify=not insecure))
    try:
        told = _card(driver)
    finally:
        driver.close()
    if output is Format.TABLE:
        emit([{"key": name, "value": value} for name, value in lines("", told)], ("key", "value"), output)
    else:
        print_document(told, output)


class What(StrEnum):
    LLDP = "lldp"
    PORTS = "ports"
    VLANS = "vlans"
    MACS = "macs"
    LAGS = "lags"
    FACTS = "facts"
    CONFIG = "config"


@app.command()
def parse(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help="eos, nxos, junos, ios or sonic.")],
    what: Annotated[What, typer.Argument(metavar="WHAT", help="lldp, ports, vlans, macs, lags, facts or config.")],
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


def _card(driver: "SwitchDriver") -> dict[str, JsonValue]:
    from drivers.switch.card import as_json

    read = {
        "assurance": driver.assurance(),
        "leftovers": driver.leftovers(),
        "ports": driver.ports(),
        "neighbours": driver.neighbours(),
        "vlans": [{"vlan": number, "name": name} for number, name in sorted(driver.vlans().items())],
        "lags": driver.lags(),
        "learned": len(driver.learned()),
    }
    facts = asdict(driver.facts())  # last: it brings along what was odd in all that was read
    findings = facts.pop("findings")
    return {name: as_json(one) for name, one in {**facts, **read, "findings": findings}.items()}


def _secret(kind: str, where: str, option: str) -> "Secret":
    from inventory.errors import SecretMissing
    from inventory.secrets import SecretRef, Vaults

    try:
        return Vaults(Path()).resolve(SecretRef(kind, where))
    except SecretMissing as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
