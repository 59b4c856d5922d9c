"""What EOS answers to `show` commands as JSON: the models of revision 1, as eAPI gives them.

Source: Arista eAPI (`show ... | json`); LLDP subtypes by IEEE 802.1AB-2016 table 8-3.
"""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from drivers.virtual.twin.switch import command_line
from drivers.virtual.twin.switch.cables import SPEED_MBPS

if TYPE_CHECKING:
    from drivers.virtual.twin.switch.eos import Eos

Json = dict[str, object]
_LAYER_2_MTU = 9214
_NOBODY = "0000,00-00-00-00-00-00"


def told(switch: "Eos", command: str) -> Json | None:
    """None for a command that is not known."""
    answer = _ANSWERS.get(command)
    return answer(switch) if answer is not None else None


def _version(switch: "Eos") -> Json:
    chassis = switch.chassis
    return {
        "mfgName": "Arista",
        "modelName": "DCS-7050TX3-48C8-R",
        "version": switch.version,
        "serialNumber": chassis.told_serial(),
        "systemMacAddress": chassis.mac,
        "uptime": round(time.monotonic() - chassis.started, 2),
    }


def _hostname(switch: "Eos") -> Json:
    return {"hostname": switch.hostname(), "fqdn": switch.hostname()}


def _vlans(switch: "Eos") -> Json:
    names = {1: "default"}
    return {
        "sourceDetail": "",
        "vlans": {
            str(vlan): {"name": name or names.get(vlan, f"VLAN{vlan:04}"), "status": "active", "dynamic": False}
            for vlan, name in command_line.vlans(switch.running).items()
        },
    }


def _interfaces(switch: "Eos") -> Json:
    return {"interfaces": {port: _interface(switch, port) for port in _ports(switch)}}


def _interface(switch: "Eos", port: str) -> Json:
    lines = switch.running.get(f"interface {port}", [])
    off = "shutdown" in lines
    up = not off and (switch.chassis.linked(port) or port.startswith("Management"))
    group = next((line.split()[1] for line in lines if line.startswith("channel-group ")), None)
    member = {"interfaceMembership": f"Member of Port-Channel{group}"} if group is not None else {}
    return {
        "name": port,
        "interfaceStatus": "disabled" if off else "connected" if up else "notconnect",
        "lineProtocolStatus": "up" if up else "down",
        "hardware": "ethernet",
        "physicalAddress": switch.chassis.mac,
        "burnedInAddress": switch.chassis.mac,
        "mtu": _LAYER_2_MTU,
        "bandwidth": SPEED_MBPS * 1_000_000,
        "lanes": 1,
        "description": next((line.removeprefix("description ") for line in lines if line.startswith("descr")), ""),
        **member,
    }


def _ports(switch: "Eos") -> list[str]:
    heads = (head.removeprefix("interface ") for head in switch.running if head.startswith("interface "))
    return [port for port in heads if port.startswith(("Ethernet", "Management"))]


def _neighbours(switch: "Eos") -> Json:
    return {"lldpNeighbors": {port: {"lldpNeighborInfo": _heard(switch, port)} for port in switch.chassis.ports}}


def _heard(switch: "Eos", port: str) -> list[Json]:
    plug = switch.chassis.plug(port)
    if plug is None or plug.says is None or not switch.lane(port).enabled:
        return []
    first, own = plug.machine.spec.nics[0].mac, _dotted(plug.nic.mac)
    return [
        {
            "chassisIdType": "macAddress",
            "chassisId": _dotted(first),
            "systemName": plug.says,
            "neighborInterfaceInfo": {
                "interfaceIdType": "macAddress",
                "interfaceId": own,
                "interfaceId_v2": own,
                "interfaceDescription": plug.nic_name,
            },
            "ttl": 120,
        }
    ]


def _learned(switch: "Eos") -> Json:
    rows: list[Json] = []
    for port in switch.chassis.ports:
        plug, vlan = switch.chassis.plug(port), switch.lane(port).vlan
        if plug is not None and plug.talks and vlan is not None:
            entry = {"entryType": "dynamic", "moves": 1}
            rows.append({"vlanId": vlan, "macAddress": plug.nic.mac, "interface": port, **entry})
    return {"unicastTable": {"tableEntries": rows}, "multicastTable": {"tableEntries": []}}


def _channels(switch: "Eos") -> Json:
    found: Json = {}
    for number, members in command_line.lags(switch.running).items():
        alone = bool(members) and switch.lane(members[0]).alone
        live = {port for port in members if alone and switch.chassis.linked(port)}
        waiting = {"reasonUnconfigured": "waiting for LACP response"}
        found[f"Port-Channel{number}"] = {
            "fallbackState": "fallbackEnabled" if alone else "unconfigured",
            "activePorts": {port: {"protocol": "lacp"} for port in members if port in live},
            "inactivePorts": {port: waiting for port in members if port not in live},
        }
    return {"portChannels": found}


def _lacp(switch: "Eos") -> Json:
    silent = {"actorPortStatus": "noAgg", "partnerSystemId": _NOBODY}
    return {
        "portChannels": {
            f"Port-Channel{number}": {"interfaces": dict.fromkeys(members, silent)}
            for number, members in command_line.lags(switch.running).items()
        }
    }


def _sessions(switch: "Eos") -> Json:
    new = tuple(map(int, switch.version.split(".")[:2])) >= (4, 32)
    there: Json = {name: {"state": "pending", "instances": {}} for name in switch.sessions}
    for name, state in switch.done.items():
        waits = name == switch.timed and not new
        there[name] = {"state": "pendingCommitTimer" if waits else state, "instances": {}}
    told: Json = {
        "sessions": there, "maxSavedSessions": 1, "maxOpenSessions": 5, "saveToStartupConfigOnCommit": False
    }  # fmt: skip
    if new and switch.timed is not None:
        left = min(max(switch.ends - time.monotonic(), 0), 86400)
        told |= {"commitTimerSessionName": switch.timed, "commitTimerExpireTime": time.time() + left}
    return told


def _nothing(_: "Eos") -> Json:
    return {}


_ANSWERS: Mapping[str, Callable[["Eos"], Json]] = MappingProxyType(
    {
        "enable": _nothing,
        "show version": _version,
        "show hostname": _hostname,
        "show vlan": _vlans,
        "show interfaces": _interfaces,
        "show lldp neighbors detail": _neighbours,
        "show mac address-table": _learned,
        "show port-channel detailed": _channels,
        "show lacp neighbor": _lacp,
        "show configuration sessions": _sessions,
        "show configuration sessions detail": _sessions,
    }
)


def _dotted(mac: str) -> str:
    plain = mac.replace(":", "")
    return ".".join(plain[at : at + 4] for at in (0, 4, 8))
