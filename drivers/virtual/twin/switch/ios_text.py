"""What IOS XE shows on a terminal. Its tables shorten the names of ports, and each does so alike.

Source: Cisco Catalyst 9500 command reference; LLDP by its "Configuring LLDP" (an entry says no subtype of a port id;
versions 12 and 15.0 say no port that hears).
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from drivers.virtual.twin.switch import command_line
from drivers.virtual.twin.switch.cables import SPEED_MBPS, Plug

if TYPE_CHECKING:
    from drivers.virtual.twin.switch.ios import Ios

INVALID = "              ^\n% Invalid input detected at '^' marker.\n\n"
_SHORT = {
    "TwentyFiveGigE": "Twe", "HundredGigE": "Hu", "FortyGigabitEthernet": "Fo", "TenGigabitEthernet": "Te",
    "GigabitEthernet": "Gi", "FastEthernet": "Fa", "Port-channel": "Po",
}  # fmt: skip
_RULE = "-" * 48


def locked(by: str) -> str:
    return f"Configuration mode is locked by process '484' user '{by}' from terminal '64'. Please try later.\n"


def told(switch: "Ios", command: str) -> str | None:
    """None for a command that is not known here."""
    one = re.fullmatch(r"show lldp neighbors (\S+) detail", command)
    if one is not None:
        return _lldp(switch, [one[1]])
    listed = re.fullmatch(r"dir flash: \| include (\S+)", command)
    if listed is not None:
        return "".join(_file(at, name) for at, name in enumerate(switch.kept, 11) if listed[1] in name) or "\n"
    answer = _ANSWERS.get(command)
    return answer(switch) if answer is not None else None


def _file(at: int, name: str) -> str:
    return f"{at:>5}  -rw-             5592  Nov 26 2026 10:50:22 +00:00  {name}\n"


def _short(port: str) -> str:
    kind = re.match(r"[A-Za-z-]+", port)
    return port.replace(kind[0], _SHORT.get(kind[0], kind[0]), 1) if kind is not None else port


def _version(switch: "Ios") -> str:
    up = int(time.monotonic() - switch.chassis.started) // 60
    return (
        f"Cisco IOS XE Software, Version {switch.version}\n"
        f"Cisco IOS Software [Cupertino], Catalyst L3 Switch Software (CAT9K_IOSXE), Version {switch.version}, "
        "RELEASE SOFTWARE (fc1)\n\n"
        f"{switch.hostname()} uptime is {up} minutes\n\n"
        "cisco C9500-48Y4C (X86) processor with 2900319K/6147K bytes of memory.\n"
        f"Processor board ID {switch.chassis.told_serial()}\n"
        f"Model Number                       : C9500-48Y4C\n"
        f"System Serial Number               : {switch.chassis.told_serial()}\n"
    )


def _interfaces(switch: "Ios") -> str:
    ports = [head.removeprefix("interface ") for head in switch.running if head.startswith("interface ")]
    return "".join(_interface(switch, port) for port in ports if not port.startswith("Port-channel"))


def _interface(switch: "Ios", port: str) -> str:
    lines = switch.running[f"interface {port}"]
    off = "shutdown" in lines
    up = not off and (switch.chassis.linked(port) or port == "GigabitEthernet0/0")
    state, line = (
        ("administratively down", "disabled") if off else ("up", "connected") if up else ("down", "notconnect")
    )
    mac = _dotted(switch.chassis.mac)
    says = next(
        (f"  Description: {one.removeprefix('description ')}\n" for one in lines if one.startswith("descr")), ""
    )
    mtu = next((one.split()[1] for one in lines if one.startswith("mtu ")), "1500")
    speed = f"{SPEED_MBPS // 1000}Gb/s" if up else "Auto-speed"
    return (
        f"{port} is {state}, line protocol is {'up' if up else 'down'} ({line})\n"
        f"  Hardware is Twenty Five Gigabit Ethernet, address is {mac} (bia {mac})\n{says}"
        f"  MTU {mtu} bytes, BW 25000000 Kbit/sec, DLY 10 usec,\n"
        f"     reliability 255/255, txload 1/255, rxload 1/255\n  Full-duplex, {speed}, link type is auto\n"
        "     0 packets input, 0 bytes, 0 no buffer\n"
    )


def _vlans(switch: "Ios") -> str:
    rows = "".join(
        f"{vlan:<4} {name or ('default' if vlan == 1 else f'VLAN{vlan:04}'):<32} active    \n"
        for vlan, name in command_line.vlans(switch.running).items()
    )
    unused = "1002 fddi-default                     act/unsup \n1005 trnet-default                    act/unsup \n"
    head = f"\nVLAN Name{' ' * 29}Status    Ports\n---- {'-' * 32} --------- {'-' * 31}\n"
    return f"{head}{rows}{unused}"


def _every_lldp(switch: "Ios") -> str:
    return _lldp(switch, switch.chassis.ports)


def _lldp(switch: "Ios", ports: "list[str] | tuple[str, ...]") -> str:
    if "lldp run" not in switch.running:
        return "% LLDP is not enabled\n"
    heard = list(_heard(switch, ports))
    return "".join(_entry(switch, port, plug) for port, plug in heard) + f"\nTotal entries displayed: {len(heard)}\n\n"


def _heard(switch: "Ios", ports: "list[str] | tuple[str, ...]") -> Iterator[tuple[str, Plug]]:
    for port in ports:
        plug = switch.chassis.plug(port)
        if plug is not None and plug.says is not None and switch.lane(port).enabled:
            yield port, plug


def _entry(switch: "Ios", port: str, plug: Plug) -> str:
    local = "" if switch.version.startswith(("12.", "15.0")) else f"Local Intf: {_short(port)}\n"
    return (
        f"{_RULE}\n{local}Chassis id: {_dotted(plug.machine.spec.nics[0].mac)}\nPort id: {_dotted(plug.nic.mac)}\n"
        f"Port Description: {plug.nic_name}\nSystem Name: {plug.says}\n\nSystem Description: \nDebian GNU/Linux 12\n"
        "Port id: this is a text of its system\n\nTime remaining: 112 seconds\nSystem Capabilities: B,W,R,S\n"
        "Enabled Capabilities - not advertised\nManagement Addresses - not advertised\n"
        "Auto Negotiation - not supported\nVlan ID: - not advertised\n\n"
    )


def _learned(switch: "Ios") -> str:
    rows = [" All    0100.0ccc.cccc    STATIC      CPU\n"]
    for port in switch.chassis.ports:
        plug, vlan = switch.chassis.plug(port), switch.lane(port).vlan
        if plug is not None and plug.talks and vlan is not None:
            rows.append(f"{vlan:>4}    {_dotted(plug.nic.mac)}    DYNAMIC     {_short(port)}\n")
    head = f"          Mac Address Table\n{'-' * 43}\n\nVlan    Mac Address       Type        Ports\n"
    line = f"{'-' * 4}    {'-' * 11}       {'-' * 8}    {'-' * 5}\n"
    return f"{head}{line}{''.join(rows)}Total Mac Addresses for this criterion: {len(rows)}\n"


def _channels(switch: "Ios") -> str:
    lags = command_line.lags(switch.running)
    rows = "".join(
        f"{number:<6} Po{number}(SD)         LACP      "
        + "".join(f"{f'{_short(port)}({_flag(switch, port)})':<16}" for port in members) + "\n"
        for number, members in lags.items()
    )  # fmt: skip
    return (
        "Flags:  D - down        P - bundled in port-channel\n        I - stand-alone s - suspended\n"
        "        R - Layer3      S - Layer2\n\n"
        f"Number of channel-groups in use: {len(lags)}\nNumber of aggregators:           {len(lags)}\n\n"
        f"Group  Port-channel  Protocol    Ports\n------+-------------+-----------+{'-' * 47}\n{rows}\n"
    )


def _flag(switch: "Ios", port: str) -> str:
    if not switch.chassis.linked(port):
        return "D"
    return "I" if switch.lane(port).alone else "s"


def _archive(switch: "Ios") -> str:
    if not switch.archives():
        return "Archive feature not enabled\n"
    return (
        "The maximum archive configurations allowed is 10.\nThere are currently 0 archive configurations saved.\n"
        "The next archive file will be named flash:before-<timestamp>-0\n Archive #  Name\n"
    )


def _timer(switch: "Ios") -> str:
    if switch.ends is None:
        return "%No Rollback Confirmed Change pending\n"
    return (
        "Time configured(or reconfigured): 13:00:00 UTC Thu Nov 26 2026\nTimer type: absolute timer\n"
        f"Timer value: {switch.minutes} min\nUser: {switch.timed_by}\n"
    )


_ANSWERS: Mapping[str, Callable[["Ios"], str]] = MappingProxyType(
    {
        "show version": _version,
        "show interfaces": _interfaces,
        "show vlan brief": _vlans,
        "show lldp neighbors detail": _every_lldp,
        "show mac address-table": _learned,
        "show etherchannel summary": _channels,
        "show archive": _archive,
        "show archive config rollback timer": _timer,
    }
)


def _dotted(mac: str) -> str:
    plain = mac.replace(":", "")
    return ".".join(plain[at : at + 4] for at in (0, 4, 8))
