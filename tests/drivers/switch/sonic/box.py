"""A SONiC switch behind its command line, from its Command Reference, its YANG models and the programs of sonic-swss:
CONFIG_DB, what the updater refuses, and what vlanmgrd and teamd take up of it.
"""

import copy
import fnmatch
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import jsonpatch

PORTS = tuple(f"Ethernet{4 * at}" for at in range(50))
SERIAL = "TH0F6N2RCET0007600NG"
# Leaves by table: sonic-port.yang, sonic-vlan.yang, sonic-portchannel.yang, sonic-spanning-tree.yang.
LEAVES = {
    "PORT": {"alias", "lanes", "mode", "description", "speed", "autoneg", "mtu", "subport", "index", "role", "fec",
             "admin_status", "pfc_asym", "tpid"},
    "VLAN": {"vlanid", "alias", "description", "dhcp_servers", "dhcpv6_servers", "mtu", "admin_status", "mac"},
    "VLAN_MEMBER": {"tagging_mode"},
    "PORTCHANNEL": {"min_links", "mode", "description", "mtu", "admin_status", "lacp_key", "tpid", "fallback",
                    "fast_rate"},
    "PORTCHANNEL_MEMBER": set(),
    "STP_PORT": {"enabled", "root_guard", "bpdu_guard", "uplink_fast", "portfast", "edge_port", "link_type"},
}  # fmt: skip


class Refusal(Exception):
    """What the updater says of what it does not take."""


@dataclass
class Faults:
    """`spoils`: apply-patch stops after so many steps. `deaf`: vlanmgrd and teamd take nothing up any more."""

    spoils: int | None = None
    deaf: bool = False
    says_yes: bool = False
    saves_nothing: bool = False
    replace_fails: bool = False
    keeps_checkpoints: bool = False


@dataclass
class SonicBox:
    tables: dict[str, dict[str, dict[str, object]]]
    saved: dict[str, object] = field(default_factory=dict)
    checkpoints: dict[str, dict[str, object]] = field(default_factory=dict)
    carried: dict[str, str] = field(default_factory=dict)  # VLAN members as vlanmgrd took them up
    lags: dict[str, bool] = field(default_factory=dict)  # of teamd: whether they fall back
    partners: dict[str, str] = field(default_factory=dict)  # by port: the LACP system that is heard
    down: set[str] = field(default_factory=set)  # ports whose far end is
    macs: list[tuple[int, str, str]] = field(default_factory=list)
    heard: list[list[str]] = field(default_factory=list)
    applied: int = 0
    when_applied: Callable[[], object] = lambda: None
    faults: Faults = field(default_factory=Faults)
    reloading: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, argv: list[str], files: dict[str, str]) -> tuple[int, str, str]:
        """Exit, what it prints and what it complains of."""
        if argv[:2] == ["config", "reload"]:
            self.reloading.wait(20)
            return 0, "", ""
        with self.lock:
            self.heard.append(argv)
            name, *words = argv
            try:
                return 0, getattr(self, f"do_{name.replace('-', '_')}")(words, files), ""
            except Refusal as error:
                says = f"Failed to apply patch due to: {error}\nUsage: config {words[0]} [OPTIONS]\n\nError: {error}\n"
                return 2, "", says

    def do_config(self, words: list[str], files: dict[str, str]) -> str:
        verb, rest = words[0], [word for word in words[1:] if not word.startswith("-")]
        verbs = {
            "apply-patch": lambda: self.apply_patch(json.loads(files[rest[0]]), dry="-d" in words),
            "replace": lambda: self.replace(json.loads(files[rest[0]])),
            "rollback": lambda: self.take(copy.deepcopy(self.checkpoint(rest[0]))),
            "checkpoint": lambda: self.checkpoints.update({rest[0]: copy.deepcopy(self.tables)}),
            "delete-checkpoint": lambda: self.delete(rest[0]),
            "list-checkpoints": lambda: json.dumps(list(self.checkpoints), indent=4),
            "save": self.save,
        }
        if verb not in verbs:
            raise Refusal(f'No such command "{verb}".')
        return f"{verbs[verb]() or f'{verb}: done'}\n"

    def checkpoint(self, name: str) -> dict[str, dict[str, dict[str, object]]]:
        if name not in self.checkpoints:
            raise Refusal(f"Checkpoint '{name}' does not exist")
        return self.checkpoints[name]

    def delete(self, name: str) -> None:
        self.checkpoint(name)
        if self.faults.keeps_checkpoints:
            raise Refusal("Failed to delete config checkpoint")
        del self.checkpoints[name]

    def save(self) -> None:
        if not self.faults.saves_nothing:
            self.saved = copy.deepcopy(self.tables)

    def apply_patch(self, patch: list[dict[str, object]], *, dry: bool) -> str:
        try:
            target = jsonpatch.apply_patch(copy.deepcopy(self.tables), patch)
        except jsonpatch.JsonPatchException as error:
            raise Refusal(f"- localhost: {error}") from error
        judge(target)
        if dry:
            return "** DRY RUN EXECUTION **\nPatch applied successfully.\n"
        self.applied += 1
        self.when_applied()
        if self.faults.spoils is not None:
            steps, self.faults.spoils = self.faults.spoils, None
            self.take(jsonpatch.apply_patch(copy.deepcopy(self.tables), patch[:steps]))
            raise Refusal("- localhost: after applying patch to config, there are still some parts not updated")
        if not self.faults.says_yes:
            self.take(target)
        return "Patch applied successfully.\n"

    def replace(self, target: dict[str, dict[str, dict[str, object]]]) -> str:
        if self.faults.replace_fails:
            raise Refusal("After replacing config, there is still some parts not updated")
        judge(target)
        self.take(target)
        return "Config replaced successfully.\n"

    def take(self, target: dict[str, dict[str, dict[str, object]]]) -> None:
        """As the programs that listen to it do: a member that is there keeps its tagging mode, a LAG its fallback."""
        self.tables = target
        if self.faults.deaf:
            return
        members = target.get("VLAN_MEMBER", {})
        self.carried = {key: self.carried.get(key, str(row.get("tagging_mode"))) for key, row in members.items()}
        rows = target.get("PORTCHANNEL", {})
        self.lags = {name: self.lags.get(name, row.get("fallback") == "true") for name, row in rows.items()}

    def do_sonic_cfggen(self, words: list[str], _: dict[str, str]) -> str:
        assert words == ["-d", "--print-data"]
        return json.dumps(self.tables, indent=4) + "\n"

    def do_saved(self, _words: list[str], _files: dict[str, str]) -> str:
        return json.dumps(self.saved, indent=4)

    def do_sonic_db_dump(self, words: list[str], _: dict[str, str]) -> str:
        rows = {"APPL_DB": self.appl, "STATE_DB": self.state}[words[words.index("-n") + 1]]()
        shape = words[words.index("-k") + 1]
        told = {
            key: {"expireat": 1700000000.0, "ttl": -0.001, "type": "hash", "value": row}
            for key, row in rows.items()
            if fnmatch.fnmatchcase(key, shape)
        }
        return json.dumps(told, indent=2)

    def appl(self) -> dict[str, dict[str, object]]:
        ports = {f"PORT_TABLE:{name}": {**row, "oper_status": "up" if self.up(name) else "down"}
                 for name, row in self.tables["PORT"].items()}  # fmt: skip
        carried = {f"VLAN_MEMBER_TABLE:{key.replace('|', ':')}": {"tagging_mode": mode}
                   for key, mode in self.carried.items()}  # fmt: skip
        members = {f"LAG_MEMBER_TABLE:{lag}:{port}": {"status": "enabled" if self.selected(lag, port) else "disabled"}
                   for lag, port in self.members()}  # fmt: skip
        return {**ports, "PORT_TABLE:PortInitDone": {"lanes": "0"}, **carried, **members}

    def state(self) -> dict[str, dict[str, object]]:
        told = {"0x21": "S6100-ON", "0x23": SERIAL, "0x2d": "DELL"}
        eeprom = {
            f"EEPROM_INFO|{code}": {"Len": str(len(value)), "Name": "?", "Value": value} for code, value in told.items()
        }
        lags = {f"LAG_TABLE|{name}": {"runner.fallback": "true" if falls else "false", "state": "ok"}
                for name, falls in self.lags.items()}  # fmt: skip
        members = {f"LAG_MEMBER_TABLE|{lag}|{port}": self.member(lag, port) for lag, port in self.members()}
        return {**eeprom, **lags, **members}

    def member(self, lag: str, port: str) -> dict[str, object]:
        return {
            "runner.aggregator.selected": "true" if self.selected(lag, port) else "false",
            "runner.state": "current" if port in self.partners else "defaulted" if self.up(port) else "disabled",
            "runner.partner_lacpdu_info.system": self.partners.get(port, "00:00:00:00:00:00"),
        }

    def members(self) -> list[tuple[str, str]]:
        return [(lag, port) for key in self.tables.get("PORTCHANNEL_MEMBER", {}) for lag, port in [key.split("|")]]

    def selected(self, lag: str, port: str) -> bool:
        return self.up(port) and (port in self.partners or self.lags.get(lag, False))

    def up(self, port: str) -> bool:
        return self.tables["PORT"][port].get("admin_status") == "up" and port not in self.down

    def do_fdbshow(self, _words: list[str], _files: dict[str, str]) -> str:
        rows = "".join(
            f"{at:>5}  {vlan:>6}  {mac.upper()}  {port:<13}  Dynamic\n"
            for at, (vlan, mac, port) in enumerate(self.macs, 1)
        )
        head = "  No.    Vlan  MacAddress         Port           Type\n"
        head += "-----  ------  -----------------  -------------  -------\n"
        return f"{head}{rows}Total number of entries {len(self.macs)}\n"

    def do_lldpcli(self, words: list[str], _: dict[str, str]) -> str:
        assert words == ["-f", "json0", "show", "neighbors", "details"]
        heard = [
            {"name": port, "via": "LLDP", "rid": "1",
             "chassis": [{"id": [{"type": "mac", "value": host_mac(at)}], "name": [{"value": f"host-{port}"}]}],
             "port": [{"id": [{"type": "ifname", "value": "eth0"}], "descr": [{"value": "eth0"}]}]}
            for at, port in enumerate(PORTS[:4], 1) if self.up(port)
        ]  # fmt: skip
        return json.dumps({"lldp": [{"interface": heard}]})

    def meets(self, one: str, other: str) -> bool:
        """Whether frames without a tag pass from port to port."""
        return self.up(one) and self.up(other) and bool(self.untagged(one) & self.untagged(other))

    def untagged(self, port: str) -> set[str]:
        home = next((lag for lag, member in self.members() if member == port), port)
        return {
            key.split("|")[0] for key, mode in self.carried.items() if mode == "untagged" and key.endswith(f"|{home}")
        }


def host_mac(at: int) -> str:
    return f"3c:ec:ef:10:20:{at:02x}"


def judge(tables: dict[str, dict[str, dict[str, object]]]) -> None:
    """`Refusal` for what YANG, or the updater itself, does not take."""
    empty = [name for name, rows in tables.items() if not rows]
    if empty:
        raise Refusal(f"given patch is not valid because it will result in empty tables: {', '.join(empty)}")
    for name, leaves in LEAVES.items():
        for key, row in tables.get(name, {}).items():
            strange = set(row) - leaves
            if strange:
                raise Refusal(f"Data Loading Failed: {name} {key} has unknown {', '.join(sorted(strange))}")
    for rule in (ports, vlans, members, lags, spanning):
        rule(tables)


def must(holds: object, says: str) -> None:
    if not holds:
        raise Refusal(f"Data Loading Failed: {says}")


def ports(tables) -> None:
    for key, row in tables["PORT"].items():
        must({"lanes", "speed"} <= row.keys(), f"{key} lacks lanes or speed")
        must(row.get("admin_status", "down") in ("up", "down"), f"{key} admin_status")
        must(68 <= int(row.get("mtu", 9100)) <= 9216, f"{key} mtu")
        must(len(row.get("description", "")) <= 255, f"{key} description")


def vlans(tables) -> None:
    for key, row in tables.get("VLAN", {}).items():
        must(re.fullmatch(r"Vlan[1-9]\d{0,3}", key) and 2 <= int(key[4:]) <= 4094, f"{key} is no VLAN")
        must(row.get("vlanid") == key[4:], "The vlanid must correspond to the VLAN name")


def members(tables) -> None:
    bundled = {key.split("|")[1] for key in tables.get("PORTCHANNEL_MEMBER", {})}
    bare: list[str] = []
    for key, row in tables.get("VLAN_MEMBER", {}).items():
        vlan, port = key.split("|")
        must(vlan in tables.get("VLAN", {}), f'Leafref "{vlan}" points to a non-existing leaf')
        must(port in tables["PORT"] or port in tables.get("PORTCHANNEL", {}), f"{port} is neither port nor LAG")
        must(port not in bundled, "Port is a member of a port channel.")
        must(port not in {name.split("|")[0] for name in tables.get("INTERFACE", {})}, "Port is a router interface.")
        must(row.get("tagging_mode") in ("tagged", "untagged", "priority_tagged"), f"{key} tagging_mode")
        bare += [port] * (row["tagging_mode"] == "untagged")
    must(len(bare) == len(set(bare)), "Port can be untagged in at most one VLAN.")


def lags(tables) -> None:
    for key, row in tables.get("PORTCHANNEL", {}).items():
        must(re.fullmatch(r"PortChannel\d{1,4}", key), f"{key} is no name of a LAG")
        must(row.get("admin_status") in ("up", "down"), f"{key} lacks admin_status")
        must(row.get("fallback", "true") in ("true", "false"), f"{key} fallback")
        must(1 <= int(row.get("mtu", 9100)) <= 9216, f"{key} mtu")
    for key in tables.get("PORTCHANNEL_MEMBER", {}):
        lag, port = key.split("|")
        must(lag in tables.get("PORTCHANNEL", {}) and port in tables["PORT"], f"Leafref {key}")


def spanning(tables) -> None:
    mode = tables.get("STP", {}).get("GLOBAL", {}).get("mode")
    for key, row in tables.get("STP_PORT", {}).items():
        must("enabled" in row, f"STP_PORT {key} lacks enabled")
        must(row.get("portfast", "false") == "false" or mode == "pvst", "Mode must be PVST")
        must(row.get("edge_port", "false") == "false" or mode == "mst", "Mode must be MST")


def factory() -> dict[str, dict[str, dict[str, object]]]:
    """Ethernet0 to Ethernet192, all untagged in VLAN 100, but for the last two: one led to in band, and an uplink."""
    ports = {
        name: {"admin_status": "up", "alias": f"etp{at}", "lanes": ",".join(str(4 * at + lane) for lane in range(4)),
               "speed": "100000", "mtu": "1500", "index": str(at)}
        for at, name in enumerate(PORTS, 1)
    }  # fmt: skip
    carried = {f"Vlan100|{name}": {"tagging_mode": "untagged"} for name in PORTS[:48]}
    carried |= {
        f"Vlan900|{PORTS[48]}": {"tagging_mode": "untagged"},
        f"Vlan100|{PORTS[49]}": {"tagging_mode": "tagged"},
    }
    return {
        "DEVICE_METADATA": {"localhost": {"hostname": "leaf3", "hwsku": "Force10-S6100", "mac": "3c:ec:ef:00:00:01"}},
        "PORT": ports,
        "SNMP_COMMUNITY": {"very-secret": {"TYPE": "RO"}},
        "TACPLUS": {"global": {"passkey": "very-secret", "auth_type": "login"}},
        "VLAN": {f"Vlan{vlan}": {"vlanid": str(vlan)} for vlan in (100, 300, 900)},
        "VLAN_MEMBER": carried,
    }


def new_box() -> SonicBox:
    box = SonicBox(factory())
    box.take(box.tables)
    box.saved = copy.deepcopy(box.tables)
    return box
