"""What NX-OS answers to `show` commands by NX-API: tables of rows, a single row without its list.

Source: Cisco Nexus 9000 NX-API CLI and command references; LLDP subtypes by IEEE 802.1AB-2016 table 8-3.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from drivers.virtual.twin.switch import command_line
from drivers.virtual.twin.switch.cables import SPEED_MBPS

if TYPE_CHECKING:
    from drivers.virtual.twin.switch.nxos import Nxos

Json = dict[str, object]
_NOBODY = "0,0-0-0-0-0-0"


def told(switch: "Nxos", command: str) -> Json | None:
    """None for a command that is not known; empty for a table without a row."""
    answer = _ANSWERS.get(command)
    return answer(switch) if answer is not None else None


def checkpoints(switch: "Nxos") -> str:
    """`show checkpoint summary`."""
    each = (
        f"{at}) {name}:\nCreated by admin\nCreated at Thu, 13:00:00 26 Nov 2026\nSize is 5,824 bytes\n"
        "Description: None\n\n"
        for at, name in enumerate(switch.kept, 1)
    )
    return "User Checkpoint Summary\n" + "-" * 80 + "\n" + "".join(each)


def _table(name: str, rows: Sequence[Json]) -> Json:
    if not rows:
        return {}
    return {f"TABLE_{name}": {f"ROW_{name}": rows[0] if len(rows) == 1 else list(rows)}}


def _hostname(switch: "Nxos") -> Json:
    return {"hostname": switch.hostname()}


def _version(switch: "Nxos") -> Json:
    up = int(time.monotonic() - switch.chassis.started)
    return {
        "header_str": "Cisco Nexus Operating System (NX-OS) Software\n",
        "bios_ver_str": "05.42",
        "nxos_ver_str": switch.version,
        "chassis_id": "Nexus9000 C93180YC-EX chassis",
        "host_name": switch.hostname(),
        "proc_board_id": switch.chassis.told_serial(),
        "kern_uptm_days": up // 86400,
        "kern_uptm_hrs": up // 3600 % 24,
        "kern_uptm_mins": up // 60 % 60,
        "kern_uptm_secs": up % 60,
        "manufacturer": "Cisco Systems, Inc.",
    }


def _interfaces(switch: "Nxos") -> Json:
    ports = [head.removeprefix("interface ") for head in switch.running if head.startswith("interface ")]
    return _table("interface", [_interface(switch, port) for port in ports])


def _interface(switch: "Nxos", port: str) -> Json:
    lines = switch.running[f"interface {port}"]
    off = "shutdown" in lines
    up = not off and (switch.chassis.linked(port) or port.startswith("mgmt"))
    group = next((line.split()[1] for line in lines if line.startswith("channel-group ")), None)
    reason = {} if up else {"state_rsn_desc": "Administratively down" if off else "Link not connected"}
    says = next((line.removeprefix("description ") for line in lines if line.startswith("description ")), None)
    mtu = next((line.split()[1] for line in lines if line.startswith("mtu ")), "1500")
    return {
        "interface": port,
        "state": "up" if up else "down",
        "admin_state": "down" if off else "up",
        **reason,
        "eth_hw_desc": "1000/10000/25000/40000/50000/100000 Ethernet",
        "eth_hw_addr": _dotted(switch.chassis.mac),
        **({"desc": says} if says is not None else {}),
        **({"eth_bundle": f"Po{group}"} if group is not None else {}),
        "eth_mtu": mtu,
        "eth_mode": "trunk" if "switchport mode trunk" in lines else "access",
        "eth_speed": f"{SPEED_MBPS // 1000} Gb/s" if up else "auto-speed",
    }


def _vlans(switch: "Nxos") -> Json:
    rows: list[Json] = [
        {
            "vlanshowbr-vlanid": str(vlan),
            "vlanshowbr-vlanid-utf": str(vlan),
            "vlanshowbr-vlanname": name or ("default" if vlan == 1 else f"VLAN{vlan:04}"),
            "vlanshowbr-vlanstate": "active",
            "vlanshowbr-shutstate": "noshutdown",
        }
        for vlan, name in command_line.vlans(switch.running).items()
    ]
    return _table("vlanbriefxbrief", rows)


def _neighbours(switch: "Nxos") -> Json | None:
    if "feature lldp" not in switch.running:
        return None
    rows = [row for port in switch.chassis.ports for row in _heard(switch, port)]
    return _table("nbor_detail", rows)


def _heard(switch: "Nxos", port: str) -> list[Json]:
    plug = switch.chassis.plug(port)
    if plug is None or plug.says is None or not switch.lane(port).enabled:
        return []
    return [
        {
            "chassis_type": "4",
            "chassis_id": _dotted(plug.machine.spec.nics[0].mac),
            "port_type": "3",
            "port_id": _dotted(plug.nic.mac),
            "l_port_id": port.replace("Ethernet", "Eth"),
            "port_desc": plug.nic_name,
            "sys_name": plug.says,
            "ttl": 120,
        }
    ]


def _learned(switch: "Nxos") -> Json:
    own: Json = {"disp_type": "G ", "disp_mac_addr": _dotted(switch.chassis.mac), "disp_vlan": "-",
                 "disp_is_static": "enabled", "disp_age": "-", "disp_port": "sup-eth1(R)"}  # fmt: skip
    rows = [own]
    for port in switch.chassis.ports:
        plug, vlan = switch.chassis.plug(port), switch.lane(port).vlan
        if plug is not None and plug.talks and vlan is not None:
            at = {"disp_mac_addr": _dotted(plug.nic.mac), "disp_vlan": str(vlan), "disp_port": port}
            rows.append({"disp_type": "* ", **at, "disp_is_static": "disabled", "disp_age": "0"})
    return _table("mac_address", rows)


def _channels(switch: "Nxos") -> Json:
    rows: list[Json] = []
    for number, members in command_line.lags(switch.running).items():
        each: list[Json] = [{"port": port, "port-status": _flag(switch, port)} for port in members]
        head: Json = {"group": str(number), "port-channel": f"Po{number}", "layer": "S", "status": "D"}
        rows.append({**head, "type": "Eth", "prtcl": "LACP", **_table("member", each)})
    return _table("channel", rows)


def _flag(switch: "Nxos", port: str) -> str:
    if not switch.chassis.linked(port):
        return "D"
    return "I" if switch.lane(port).alone else "s"


def _lacp(switch: "Nxos") -> Json:
    rows: list[Json] = [
        {"interface": f"port-channel{number}",
         **_table("member", [{"port": port, "partner-sys-id": _NOBODY} for port in members])}
        for number, members in command_line.lags(switch.running).items()
    ]  # fmt: skip
    return _table("interface", rows)


_ANSWERS: Mapping[str, Callable[["Nxos"], Json | None]] = MappingProxyType(
    {
        "show hostname": _hostname,
        "show version": _version,
        "show interface": _interfaces,
        "show vlan brief": _vlans,
        "show lldp neighbors detail": _neighbours,
        "show mac address-table": _learned,
        "show port-channel summary": _channels,
        "show lacp neighbor": _lacp,
    }
)


def _dotted(mac: str) -> str:
    plain = mac.replace(":", "")
    return ".".join(plain[at : at + 4] for at in (0, 4, 8))
