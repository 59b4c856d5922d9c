"""`anneal discover`: find BMCs in a range, or machines that ask for an address, and propose inventory for them."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.site import open_site
from cli.span import Within

if TYPE_CHECKING:
    from inventory.address import HostPort
    from inventory.model import Site
    from orchestrator.discovery import Proposal


Ranges = Annotated[
    list[str] | None, typer.Argument(help="Addresses, prefixes or ranges: 10.78.0.0/24, 10.78.0.11-10.78.0.40.")
]
Listen = Annotated[str | None, typer.Option("--listen", help="Hear DHCP on this address instead: 0.0.0.0.")]


def command(
    ranges: Ranges = None,
    user: Annotated[str, typer.Option("--user", help="The BMCs' user.")] = "admin",
    password: Annotated[str, typer.Option("--password", metavar="REF", help="env:NAME, file:PATH, vault:F#K.")] = "",
    port: Annotated[int | None, typer.Option("--port", help="Another port than the protocol's own.")] = None,
    protocol: Annotated[list[str] | None, typer.Option("--protocol", help="redfish, ipmi; in the order tried.")] = None,
    rack: Annotated[str, typer.Option("--rack", help="The rack that names are made from.")] = "r1",
    listen: Listen = None,
    within: Within = None,
    site: Annotated[Path | None, typer.Option("--site", envvar="ANNEAL_SITE", help="Leave out what it has.")] = None,
) -> None:
    """Propose inventory for machines that are there and not in the site yet. Writes to no BMC.

    The proposal goes to standard output as YAML, what was seen to standard error.
    """
    known = open_site(site).site if site else None
    if listen:
        proposal = _heard(listen, within or timedelta(minutes=1), known, rack)
    elif ranges and password:
        where = [one for text in ranges for one in _addresses(text, port)]
        proposal = _swept(where, protocol or ["redfish", "ipmi"], (user, password), known, rack)
    else:
        raise typer.BadParameter("give a range and --password REF to sweep, or --listen ADDRESS to hear DHCP")
    for address, name in proposal.known.items():
        typer.echo(f"{address}: known, {name}", err=True)
    typer.echo(proposal.as_yaml(), nl=False)


def _addresses(text: str, port: int | None) -> "list[HostPort]":
    from inventory.address import HostPort, spread

    try:
        return [HostPort(address, port) for address in spread(text)]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _heard(address: str, within: timedelta, site: "Site | None", rack: str) -> "Proposal":
    from drivers.dhcp_listener import Asker, listen
    from orchestrator.discovery import propose_heard

    heard: list[Asker] = []
    for one in listen(address, within):
        typer.echo(f"{one.mac}: {one.firmware or 'no network boot'} {one.says or ''}", err=True)
        heard.append(one)
    return propose_heard(heard, site, rack)


def _swept(
    where: "list[HostPort]", protocols: list[str], login: tuple[str, str], site: "Site | None", rack: str
) -> "Proposal":
    from inventory.secrets import Login, SecretRef, Vaults
    from orchestrator.discovery import Found, opens, propose, sweep

    user, password = login
    try:
        secret = Vaults(Path()).resolve(SecretRef.parse(password))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    found: list[Found] = []
    for one in sweep(where, protocols, opens(Login(user, secret))):
        typer.echo(f"{one.address}: {one.protocol}: {one.says}", err=True)
        found.append(one)
    return propose(found, site, rack, login)
