"""A switch that speaks NX-API on the loopback, from Cisco's NX-API guide: each line takes effect as it comes."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from drivers.switch.nxos import Nxos
from drivers.trust import Trust
from drivers.virtual.twin.switch.command_line import copied
from inventory.address import HostPort
from inventory.secrets import Login, Secret
from tests.drivers.switch.conftest import PASSWORD, QUICK, FirstMet, self_signed

KEYS = (
    "switchport trunk native vlan", "switchport trunk allowed vlan", "switchport access vlan", "switchport mode",
    "spanning-tree port type", "channel-group", "description", "mtu", "name", "shutdown", "switchport",
)  # fmt: skip
DEFAULTS = (
    "switchport mode access",
    "switchport access vlan 1",
    "switchport trunk native vlan 1",
    "switchport",
    "mtu 1500",
)


class Invalid(Exception):
    pass


@dataclass
class NxosBox:
    running: dict[str, list[str]]
    startup: dict[str, list[str]] = field(default_factory=dict)
    checkpoints: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    at: str = ""
    heard: list[str] = field(default_factory=list)
    rejects: str = ""
    lose_answer: str = ""
    deaf_after: str = ""
    deaf: bool = False
    saves_nothing: bool = False
    makes_no_checkpoint: bool = False
    rollback_fails: bool = False
    refuse_logins: int = 0
    serial: str = "FDO21120U5L"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, command: str, method: str) -> dict | None:
        self.heard.append(command)
        if self.rejects and self.rejects in command:
            raise Invalid("% Invalid command\n")
        if method == "cli_ascii":
            return {"msg": self.terminal(command)}
        if command.startswith("show "):
            return {"body": self.tables(command)}
        self.configure(command)
        return None

    def terminal(self, command: str) -> str:
        words = command.split()
        if words[0] == "show":
            return self.shown(command)
        if words[0] == "checkpoint":
            if not self.makes_no_checkpoint:
                self.checkpoints[words[1]] = copied(self.running)
            return "...Done\n"
        if words[:3] == ["rollback", "running-config", "checkpoint"]:
            if self.rollback_fails:
                return "Rollback failed: mgmt0 busy\n"
            self.running = copied(self.checkpoints[words[3]])
            return "Collecting Running-Config\nRollback completed successfully.\n"
        if words == ["copy", "running-config", "startup-config"]:
            self.startup = self.startup if self.saves_nothing else copied(self.running)
            return "[########################################] 100%\nCopy complete.\n"
        raise Invalid("% Invalid command\n")

    def shown(self, command: str) -> str:
        if command == "show checkpoint summary":
            told = (
                f"{at}) {name}:\nCreated by admin\nSize is 9,876 bytes\n" for at, name in enumerate(self.checkpoints, 1)
            )
            return "User Checkpoint Summary\n" + "\n".join(told)
        config = {"show running-config": self.running, "show startup-config": self.startup}[command]
        return f"\n!Command: {command}\n!Time: Thu Nov 26 13:00:00 2026\n\nversion 9.3(8) Bios:version\n{text(config)}"

    def tables(self, command: str) -> dict | None:
        ports = [head.split()[1] for head in self.running if head.startswith("interface Ethernet")]
        vlans = {head.split()[1]: lines for head, lines in self.running.items() if head.startswith("vlan ")}
        answers = {
            "show hostname": {"hostname": "n9k1"},
            "show version": {"host_name": "n9k1", "chassis_id": "Nexus9000 C93180YC-EX Chassis",
                             "proc_board_id": self.serial, "nxos_ver_str": "9.3(8)"},
            "show interface": {"TABLE_interface": {"ROW_interface": [
                {"interface": port, "state": "up", "admin_state": "up", "eth_speed": "25 Gb/s", "eth_mtu": "1500"}
                for port in ports]}},
            "show vlan brief": {"TABLE_vlanbriefxbrief": {"ROW_vlanbriefxbrief": [
                {"vlanshowbr-vlanid": vlan, "vlanshowbr-vlanname": " ".join(lines).removeprefix("name ")}
                for vlan, lines in vlans.items()]}},
            "show port-channel summary": self.channels(),
            "show lacp neighbor": None,
            "show lldp neighbors detail": {"TABLE_nbor_detail": {"ROW_nbor_detail": {
                "l_port_id": "Eth1/1", "chassis_id": "3cec.ef10.2030", "port_type": "3", "port_id": "3cec.ef10.2030"}}},
            "show mac address-table": None,
        }  # fmt: skip
        if command not in answers:
            raise Invalid("% Invalid command\n")
        return answers[command]

    def channels(self) -> dict | None:
        found: dict[str, list[dict]] = {}
        for head, lines in self.running.items():
            for line in lines:
                if line.startswith("channel-group "):
                    found.setdefault(line.split()[1], []).append({"port": head.split()[1], "port-status": "D"})
        rows = [
            {"group": number, "port-channel": f"Po{number}", "TABLE_member": {"ROW_member": members}}
            for number, members in found.items()
        ]
        return {"TABLE_channel": {"ROW_channel": rows[0] if len(rows) == 1 else rows}} if rows else None

    def configure(self, command: str) -> None:
        if command.startswith("no checkpoint "):
            if self.checkpoints.pop(command.split()[2], None) is None:
                raise Invalid("ERROR: no such checkpoint\n")
        elif command.startswith(("interface ", "vlan ")):
            self.at = command
            self.running.setdefault(command, [])
        else:
            self.change(self.running[self.at], command)

    def change(self, lines: list[str], command: str) -> None:
        bare = command.removeprefix("no ")
        key = next((key for key in KEYS if bare == key or bare.startswith(f"{key} ")), bare)
        if bare == "lacp suspend-individual":
            lines[:] = [line for line in lines if not line.endswith(bare)] + ([command] if command != bare else [])
            return
        if key != "switchport":
            lines[:] = [line for line in lines if not (line == key or line.startswith(f"{key} "))]
        if command == bare and command not in DEFAULTS:
            lines.append(command)
        if key == "channel-group" and command == bare:
            self.running.setdefault(f"interface port-channel{command.split()[1]}", [])


def text(config: dict[str, list[str]]) -> str:
    return "\n".join(
        "\n".join([head, *(f"  {line}" for line in sorted(lines))]) for head, lines in sorted(config.items())
    )


class Speaker(BaseHTTPRequestHandler):
    def __init__(self, box: NxosBox, *rest: object) -> None:
        self.box = box
        super().__init__(*rest)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.box.lock:
            box = self.box
            if box.deaf:
                return
            if box.refuse_logins:
                box.refuse_logins -= 1
                self.say(401, b"")
                return
            told = [self.one(each) for each in asked]
            commands = [each["params"]["cmd"] for each in asked]
            box.deaf = bool(box.deaf_after) and any(one.startswith(box.deaf_after) for one in commands)
            if box.lose_answer and any(one.startswith(box.lose_answer) for one in commands):
                box.lose_answer = ""
                return
        failed = any("error" in one for one in told)
        self.say(500 if failed else 200, json.dumps(told[0] if len(told) == 1 else told).encode())

    def one(self, asked: dict) -> dict:
        try:
            result = self.box.run(asked["params"]["cmd"], asked["method"])
        except Invalid as error:
            data = {"msg": str(error)}
            return {
                "jsonrpc": "2.0",
                "error": {"code": -32602, "message": "Invalid params", "data": data},
                "id": asked["id"],
            }
        return {"jsonrpc": "2.0", "result": result, "id": asked["id"]}

    def say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Bench:
    box: NxosBox
    address: HostPort
    trust: Trust
    login: Login

    @contextmanager
    def session(self) -> Iterator[Nxos]:
        with closing(Nxos.connect(self.address, self.login, self.trust, QUICK)) as switch:
            yield switch

    def trusting(self, **how: object) -> "Bench":
        return replace(self, trust=replace(self.trust, **how))


@pytest.fixture
def box() -> NxosBox:
    running: dict[str, list[str]] = {
        "hostname n9k1": [],
        "feature lacp": [],
        "vlan 1": [],
        "vlan 100": ["name provision"],
    }
    running |= {f"interface Ethernet1/{at}": [] for at in range(1, 9)}
    running |= {"interface Ethernet1/49": ["switchport mode trunk"], "interface mgmt0": ["ip address 10.0.0.9/24"]}
    return NxosBox(running, copied(running))


@pytest.fixture
def bench(box: NxosBox, tmp_path: Path) -> Iterator[Bench]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Speaker, box))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield Bench(
            box, HostPort("127.0.0.1", server.server_address[1]), Trust(FirstMet()), Login("admin", Secret(PASSWORD))
        )
    finally:
        server.shutdown()
        server.server_close()
