"""What Junos answers to operational requests, in the XML of its API.

Source: Junos XML API Operational Developer Reference (interface, LLDP, LACP and Ethernet switching information, ELS).
"""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from drivers.virtual.twin.switch import junos_config
from drivers.virtual.twin.switch.cables import SPEED_MBPS, Plug

if TYPE_CHECKING:
    from drivers.virtual.twin.switch.junos import Junos

_MTU = 1514  # with the header of a frame
_NEIGHBOURS = "show lldp neighbors interface "
escaped = escape


def told(switch: "Junos", request: str) -> str | None:
    """By the request's tag or the command's text; None for one that is not known."""
    if request.startswith(_NEIGHBOURS):
        return _neighbours([_detail(switch, request.removeprefix(_NEIGHBOURS))])
    answer = _ANSWERS.get(request)
    return answer(switch) if answer is not None else None


def _element(name: str, *inner: str) -> str:
    return f"<{name}>{''.join(inner)}</{name}>"


def _software(switch: "Junos") -> str:
    told = {"host-name": switch.hostname(), "product-model": "qfx5120-48y", "junos-version": switch.version}
    return _element("software-information", *(_element(name, escape(value)) for name, value in told.items()))


def _chassis(switch: "Junos") -> str:
    serial = _element("serial-number", escape(switch.chassis.told_serial()))
    return _element("chassis-inventory", _element("chassis", serial))


def _uptime(switch: "Junos") -> str:
    seconds = int(time.monotonic() - switch.chassis.started)
    length = f'<time-length seconds="{seconds}">{seconds // 60} mins</time-length>'
    return _element("system-uptime-information", _element("system-booted-time", length))


def _interfaces(switch: "Junos") -> str:
    return _element("interface-information", *(_interface(switch, port) for port in switch.chassis.ports))


def _interface(switch: "Junos", port: str) -> str:
    enabled = f"interfaces {port} disable" not in switch.running
    up = enabled and switch.chassis.linked(port)
    lag = next((name for name, members in junos_config.lags(switch.running).items() if port in members), None)
    said = junos_config.description(switch.running, port)
    return _element(
        "physical-interface",
        _element("name", port),
        _element("admin-status", "up" if enabled else "down"),
        _element("oper-status", "up" if up else "down"),
        _element("speed", f"{SPEED_MBPS // 1000}Gbps"),
        _element("mtu", str(_MTU)),
        _element("current-physical-address", switch.chassis.mac),
        _element("description", escape(said)) if said else "",
        _element("ae-bundle-name", lag) if lag is not None else "",
    )


def _heard(switch: "Junos") -> Mapping[str, Plug]:
    plugs = {port: switch.chassis.plug(port) for port in switch.chassis.ports if switch.lane(port).enabled}
    return {port: plug for port, plug in plugs.items() if plug is not None and plug.says is not None}


def _neighbours(each: list[str]) -> str:
    return _element("lldp-neighbors-information", *each)


def _brief(switch: "Junos") -> str:
    return _neighbours(
        [_element("lldp-neighbor-information", _element("lldp-local-port-id", port)) for port in _heard(switch)]
    )


def _detail(switch: "Junos", port: str) -> str:
    plug = _heard(switch).get(port)
    if plug is None:
        return ""
    return _element(
        "lldp-neighbor-information",
        _element("lldp-local-interface", port),
        _element("lldp-remote-chassis-id-subtype", "Mac address"),
        _element("lldp-remote-chassis-id", plug.machine.spec.nics[0].mac),
        _element("lldp-remote-port-id-subtype", "Mac address"),
        _element("lldp-remote-port-id", plug.nic.mac),
        _element("lldp-remote-port-description", plug.nic_name),
        _element("lldp-remote-system-name", plug.says or ""),
    )


def _learned(switch: "Junos") -> str:
    rows = []
    names = {vlan: name for name, vlan in junos_config.vlans(switch.running).items()}
    for port in switch.chassis.ports:
        plug, vlan = switch.chassis.plug(port), switch.lane(port).vlan
        if plug is not None and plug.talks and vlan is not None:
            rows.append(
                _element(
                    "l2ng-mac-entry",
                    _element("l2ng-l2-mac-vlan-name", names[vlan]),
                    _element("l2ng-l2-vlan-id", str(vlan)),
                    _element("l2ng-l2-mac-address", plug.nic.mac),
                    _element("l2ng-l2-mac-flags", "D"),
                    _element("l2ng-l2-mac-logical-interface", f"{port}.0"),
                )
            )
    return _element("l2ng-l2ald-rtb-macdb", *rows)


def _vlans(switch: "Junos") -> str:
    groups = (
        _element(
            "l2ng-l2ald-vlan-instance-group",
            _element("l2ng-l2rtb-vlan-name", name),
            _element("l2ng-l2rtb-vlan-tag", str(vlan)),
        )
        for name, vlan in junos_config.vlans(switch.running).items()
    )
    return _element("l2ng-l2ald-vlan-instance-information", *groups)


def _lacp(switch: "Junos") -> str:
    return _element("lacp-interface-information-list", *(_bundle(switch, *one) for one in _lags(switch)))


def _lags(switch: "Junos") -> list[tuple[str, tuple[str, ...]]]:
    return list(junos_config.lags(switch.running).items())


def _bundle(switch: "Junos", lag: str, members: tuple[str, ...]) -> str:
    forced = junos_config.falls_back(switch.running, lag)
    states = (
        _element(
            "lag-lacp-state", _element("name", port), _element("lacp-role", "Actor"), _element("lacp-defaulted", "Yes")
        )
        for port in members
    )
    mux = {
        port: "Collecting distributing" if forced and switch.chassis.linked(port) else "Detached" for port in members
    }
    protocols = (
        _element("lag-lacp-protocol", _element("name", port), _element("lacp-mux-state", state))
        for port, state in mux.items()
    )
    head = _element("lag-lacp-header", _element("aggregate-name", lag))
    return _element("lacp-interface-information", head, *states, *protocols)


def _commits(switch: "Junos") -> str:
    rows = (
        _element(
            "commit-history",
            _element("sequence-number", str(at)),
            _element("user", "admin"),
            _element("client", "netconf"),
            _element("log", escape(one.log)),
            _element("comment", one.said),
        )
        for at, one in enumerate(switch.history)
    )
    return _element("commit-information", *rows)


_ANSWERS: Mapping[str, Callable[["Junos"], str]] = MappingProxyType(
    {
        "get-software-information": _software,
        "get-chassis-inventory": _chassis,
        "get-system-uptime-information": _uptime,
        "get-interface-information": _interfaces,
        "get-lldp-neighbors-information": _brief,
        "show system commit": _commits,
        "show vlans": _vlans,
        "show lacp interfaces": _lacp,
        "show ethernet-switching table": _learned,
    }
)
