"""Cisco NX-OS as NX-API gives it: lines take effect at once, and a checkpoint is all there is to go back to.

Source: Cisco Nexus 9000 NX-API CLI (JSON-RPC: `cli`, `cli_ascii`; a batch ends at the line that fails, and what came
before it stays); system management guide, "Configuring Rollback" (ten checkpoints, of unique names, which a reload
keeps; one user at a time makes one, goes back or saves), "Two-stage Configuration Commit" (for interactive sessions
alone, so there is no timer here); interfaces guide (`channel-group ... mode active` wants `feature lacp`); ansible
issue 20922 (what a checkpoint that is not made says is text, and no error of NX-API); napalm-ansible issue 168 (a way
back that fails is text as well, and in none of the words for a fault).
"""

from drivers.virtual.twin.switch import nxos_tables
from drivers.virtual.twin.switch.chassis import Chassis
from drivers.virtual.twin.switch.command_line import Config, Grammar, rendered
from drivers.virtual.twin.switch.immediate import Immediate, Invalid, blank

VERSION = "9.3(8)"
MOST_CHECKPOINTS = 10
GRAMMAR = Grammar(
    lag="port-channel",
    indent="  ",
    single=(
        "switchport trunk native vlan", "switchport trunk allowed vlan", "switchport access vlan", "switchport mode",
        "spanning-tree port type", "channel-group", "description", "mtu", "name", "shutdown",
    ),
    defaults=("switchport mode access", "switchport access vlan 1", "switchport trunk native vlan 1", "mtu 1500"),
    fallback="no lacp suspend-individual",
    edge_everywhere="spanning-tree port type edge default",
    edge_on_trunk="spanning-tree port type edge trunk",
    negative=("switchport", "lacp suspend-individual"),
)  # fmt: skip
_FEATURES = ("nxapi", "lacp", "lldp")
_DONE = {"jsonrpc": "2.0"}
_WENT_BACK = "Rollback completed successfully."


class Nxos(Immediate):
    """`Switch` of Cisco NX-OS. `kept`: its checkpoints."""

    path = "/ins"

    def __init__(self, chassis: Chassis, startup: Config | None = None) -> None:
        self.version = chassis.spec.version or VERSION
        features: Config = {f"feature {name}": [] for name in _FEATURES}
        super().__init__(chassis, GRAMMAR, startup if startup is not None else blank(chassis, "mgmt0", features))

    def rpc(self, asked: object) -> tuple[int, object]:
        """A request of NX-API by JSON-RPC, one call or a list of them. `Lost` where no answer comes."""
        self.tick()
        calls = [one for one in (asked if isinstance(asked, list) else [asked]) if isinstance(one, dict)]
        answers: list[dict[str, object]] = []
        head, lines = "", 0
        for call in calls:
            params = call.get("params")
            command = str(params.get("cmd")) if isinstance(params, dict) else ""
            method, found = str(call.get("method")), {**_DONE, "id": call.get("id")}
            self.chassis.heard.append(command)
            try:
                if method == "cli_ascii" or command.startswith("show "):
                    found["result"] = self._shown(command, method)
                else:
                    head = self._told(command, head)
                    lines += not command.startswith("no checkpoint ")
                    found["result"] = None
            except Invalid as error:
                failed = {"code": -32602, "message": "Invalid params", "data": {"msg": f"{error}\n"}}
                return 500, [*answers, {**_DONE, "error": failed, "id": call.get("id")}]
            answers.append(found)
        if lines:
            self.changed()
            self.written("commit")
        return 200, answers if isinstance(asked, list) and len(answers) > 1 else answers[0] if answers else []

    def _shown(self, command: str, method: str) -> dict[str, object] | None:
        if method == "cli_ascii":
            return {"msg": self._terminal(command)}
        told = nxos_tables.told(self, command)
        if told is None:
            raise Invalid("% Invalid command")
        return {"body": told} if told else None

    def _terminal(self, command: str) -> str:
        words = command.split()
        if words[:1] == ["show"]:
            return self._text(command, words[1:])
        match words:
            case ["checkpoint", name]:
                return self._checkpoint(name)
            case ["rollback", "running-config", "checkpoint", name]:
                return self._rolled_back(name)
            case ["copy", "running-config", "startup-config"]:
                return self._saved()
        raise Invalid("% Invalid command")

    def _text(self, command: str, words: list[str]) -> str:
        match words:
            case ["running-config"]:
                return self._config(command, self.running)
            case ["startup-config"]:
                return self._config(command, self.startup)
            case ["checkpoint", "summary"]:
                return nxos_tables.checkpoints(self)
            case ["checkpoint", name] if name in self.kept:
                return f"{'-' * 80}\nName: {name}\n{self._config('Checkpoint cmd vdc 1', self.kept[name])}"
        raise Invalid("% Invalid command")

    def _config(self, command: str, config: Config) -> str:
        features = "".join(f"{head}\n" for head in config if head.startswith("feature "))
        rest = {head: lines for head, lines in config.items() if not head.startswith("feature ")}
        return (
            f"\n!Command: {command}\n!Time: Thu Nov 26 13:00:00 2026\n\nversion {self.version} Bios:version 05.42\n"
            f"{features}\n{rendered(GRAMMAR, rest)}".removesuffix("!\nend\n")
        )

    def _busy(self) -> str:
        """The words are ours: the makers' page tells the rule alone."""
        if self.locked_by is None:
            return ""
        return f"ERROR: ascii-cfg: rollback is locked by user {self.locked_by}: another operation is in progress\n"

    def _checkpoint(self, name: str) -> str:
        if self._busy():
            return self._busy()
        if name in self.kept or len(self.kept) >= MOST_CHECKPOINTS or self.chassis.take("F16", "commit"):
            return "ERROR: ascii-cfg: Checkpoint could not be created\n"
        self.keep(name)
        return ".Done\n"

    def _rolled_back(self, name: str) -> str:
        if self._busy():
            return self._busy()
        if name not in self.kept:
            return "ERROR: ascii-cfg: Checkpoint does not exist\n"
        fails = self.chassis.on("F17", "lines") is not None
        if not fails:
            self.go_back(self.kept[name])
        self.written("abort")
        steps = "Collecting Running-Config\n#Generating Rollback Patch\nExecuting Rollback Patch\n"
        end = "Verification failed, Rolling back to previous configuration" if fails else _WENT_BACK
        return (
            "Note: Applying config parallelly may fail Rollback verification\n"
            f"{steps}Generating Running-config for verification\n\n{end}\n\n"
        )

    def _saved(self) -> str:
        if self._busy():
            return self._busy()
        self.save()
        return "[########################################] 100%\nCopy complete, now saving to disk (please wait)...\n"

    def _told(self, command: str, head: str) -> str:
        """A line of configuration; gives the stanza that the next is under."""
        words = command.split()
        if words[:2] == ["no", "checkpoint"] and len(words) > 2:
            if self.kept.pop(words[2], None) is None:
                raise Invalid("ERROR: ascii-cfg: Checkpoint does not exist")
            self.agreed()
            self.written("confirm")
            return head
        if words[:1] == ["channel-group"] and "active" in words and "feature lacp" not in self.running:
            raise Invalid("% Invalid command")
        try:
            return self.configure(head, command)
        except Invalid:
            raise Invalid("% Invalid command") from None
