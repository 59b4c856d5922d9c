"""Roles seen at the switches: that they let us in, and that the ports of a node's cables are as its phase has them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from types import MappingProxyType

from pydantic import JsonValue

from drivers.errors import Transient
from inventory.model import Node
from orchestrator.engine.vertex import ACTIVE, DRIFTED, STALE, TRANSITION
from orchestrator.errors import Held, StepFailed
from orchestrator.portdiff import spelled, unbootable
from orchestrator.ports import Intents, Phase, SwitchIntent, from_json, intents
from orchestrator.steps.sending import look_later, sent
from orchestrator.steps.world import World
from orchestrator.switchdesk import NOW, Along, signal, words
from orchestrator.switchreading import Reading
from orchestrator.tenancy import IMAGE
from orchestrator.tenancy import PORTS as CARRIED
from orchestrator.work import Job, Observation, Park

PROVISION, READY, INSTALL = "ports-provision", "ports-ready", "os-install"
WITHIN = timedelta(minutes=30)
BEFORE = timedelta(seconds=5)  # nodes of a rack share what was read so shortly before, and no change of ours since
_INSTALLED = frozenset({ACTIVE, STALE, DRIFTED})
AFTER = MappingProxyType({INSTALL: READY, IMAGE: CARRIED})  # what installs, and the role whose ports come after it
Act = Callable[[World, Job], Park | None]


def login(world: World, job: Job) -> Observation:
    """Each switch that its cables end at: let in, the declared one, and of the name that cables know it by."""
    value: dict[str, JsonValue] = {}
    faults: list[str] = []
    for name in _names(job.inputs["switches"]):
        seen = world.switches.read(name, _age(world, job))
        told = seen.facts
        value[name] = {
            "vendor": told.vendor,
            "model": told.model,
            "serial": told.serial,
            "version": told.version,
            "hostname": told.hostname,
            "confirm": seen.assurance.confirm.value,
            "assurance": seen.assurance.says,
        }
        if told.hostname is not None and not _same_name(told.hostname, name, world.site.domain):
            faults.append(f"{name} calls itself {told.hostname}: cables would not find it by LLDP")
    says = "; ".join(faults) or f"{', '.join(value)} let us in"
    return Observation(holds=not faults, says=says, witness=", ".join(value), value=value)


def settings(world: World, job: Job) -> Observation:
    """The settings in force, read back over a session of their own, against the intent.

    While a system is installed nobody boots from the network: what `ports-provision` is for does not arise.
    """
    if apart := _is_apart(world, job):
        return apart
    if job.role == PROVISION and (installed := _installed(world, job)):
        return installed
    wanted = from_json(job.inputs["ports"])
    seen = {switch: world.switches.read(switch, _age(world, job)) for switch in wanted}
    faults = [says for switch, intent in wanted.items() if (says := words(switch, intent, seen[switch]))]
    value: dict[str, JsonValue] = {
        f"{switch} {port}": _value(seen[switch], port) for switch, intent in wanted.items() for port in intent.ports
    }
    says = "; ".join(faults) or f"{len(value)} ports are as wanted"
    return Observation(holds=not faults, says=says, witness=f"read back from {', '.join(wanted)}", value=value)


def bring(world: World, job: Job) -> Park | None:
    """Change what lacks, switch by switch, and with it what other nodes want there now."""
    return put(world, job, from_json(job.inputs["ports"]))


def guarded(boot: Act) -> Act:
    """A boot from the network that begins only where the node's ports let it through.

    A node that looped is kept apart instead, where the site has a network for that.
    """

    def act(world: World, job: Job) -> Park | None:
        if world.services.intents.quarantined(job.node.name) and world.site.quarantine is not None:
            return _keep_apart(world, job, intents(world.site, job.node, Phase.QUARANTINE))
        if world.services.agents.live(job.node.name) is None and not job.done("boot-ramdisk"):
            _check_bootable(world, job.node)
        return boot(world, job)

    return act


def put(world: World, job: Job, wanted: Intents) -> Park | None:
    """Change what lacks of these."""
    for switch, intent in wanted.items():
        seen = job.signals(signal(switch))
        try:
            if not words(switch, intent, world.switches.read(switch, BEFORE)):
                continue
            with world.switches.turn(switch) as ours:
                if not ours:
                    return Park(signal(switch), seen, f"a change of {switch} to end, which its ports may be in", WITHIN)
                _change(world, job, switch, intent)
        except (Transient, Held) as error:
            return look_later(job, f"{switch} is free", f"{switch} ({error})", WITHIN)
    return None


def _change(world: World, job: Job, switch: str, intent: SwitchIntent) -> None:
    def send() -> JsonValue:
        return list(world.switches.change(switch, intent, lambda: _others(world, job, switch)).ports)

    sent(job, f"ports of {switch}", send, lambda: not words(switch, intent, world.switches.read(switch)))


def _others(world: World, job: Job, switch: str) -> Iterator[Along]:
    """What other nodes' same role is at work for at this switch. It finds that it holds, or was taken along."""
    for node, inputs in world.under_way(job.role).items():
        apart = node == job.node.name or world.services.intents.quarantined(node) or _in_ramdisk(world, job, node)
        told = {} if apart or "ports" not in inputs else from_json(inputs["ports"])
        if switch in told and not (job.role == PROVISION and _installed_by(world, node)):
            bonds = [{one.interface for one in intent.ports.values()} for intent in told.values()]
            yield Along(told[switch], spans=len(set().union(*bonds)) < sum(len(one) for one in bonds))


def _in_ramdisk(world: World, job: Job, node: str) -> bool:
    """On its way to a tenant, and not turned off yet: it is not to meet the tenant's network."""
    return job.role == CARRIED and world.services.agents.live(node) is not None


def _keep_apart(world: World, job: Job, wanted: Intents) -> Park | None:
    """Never ends well: the node stays as it is until somebody has looked."""
    parked = put(world, job, wanted)
    if parked is not None:
        return parked
    ports = [f"{switch} {port}" for switch, intent in wanted.items() for port in intent.ports]
    if ports:
        job.note(f"its ports ({', '.join(ports)}) are on network {world.site.quarantine} now, and nowhere else")
        world.look_again([(job.node.name, role) for role in (PROVISION, READY)])
    raise _apart(job.node, ports, world.site.quarantine)


def _is_apart(world: World, job: Job) -> Observation | None:
    """`StepFailed` where it is to act on a node that is kept apart: nothing is undone before somebody has looked."""
    if world.site.quarantine is None or not world.services.intents.quarantined(job.node.name):
        return None
    found = [
        f"{switch} {port}"
        for switch, intent in intents(world.site, job.node, Phase.QUARANTINE).items()
        for port in intent.ports
        if not words(switch, intent, world.switches.read(switch))
    ]
    error = _apart(job.node, found, world.site.quarantine)
    if _acting(world, job):
        raise error
    return Observation(holds=not found, says=error.what, witness=", ".join(found) or "nobody")


def _apart(node: Node, ports: Sequence[str], network: str | None) -> StepFailed:
    what = "is in quarantine: it netbooted over and over, and no agent called"
    what += f"; its ports ({', '.join(ports)}) are on network {network}" if ports else ""
    return StepFailed(node.name, what, "look at its console, then release it and plan again")


def _installed(world: World, job: Job) -> Observation | None:
    proof = _installed_by(world, job.node.name)
    if proof is None:
        return None
    says = f"its system is installed and nobody is to boot it from the network: its ports are those of {AFTER[proof]}"
    return Observation(holds=True, says=says, witness=f"evidence of {proof}")


def _installed_by(world: World, node: str) -> str | None:
    """The role by which a system is proven to be there, and not asked for anew."""
    rows = world.on_node(node)
    return next((role for role in AFTER if role in rows and rows[role].state in _INSTALLED), None)


def _check_bootable(world: World, node: Node) -> None:
    """`StepFailed` before anything boots, by what the switches tell now. One that does not answer cannot object."""
    for switch, intent in intents(world.site, node, Phase.PROVISION).items():
        try:
            seen = world.switches.read(switch, BEFORE)
        except Transient:
            continue
        faults = list(unbootable(intent, seen.settings))
        if faults:
            what = f"it would not boot: {switch} {'; '.join(faults)}"
            raise StepFailed(
                node.name, what, f"anneal verify {node.name}, then plan it again: its ports are put right first"
            )


def _age(world: World, job: Job) -> timedelta:
    """A person who asks to have a proof looked at again wants it as it is now."""
    return BEFORE if _acting(world, job) else NOW


def _acting(world: World, job: Job) -> bool:
    row = world.on_node(job.node.name).get(job.role)
    return row is not None and row.state == TRANSITION


def _value(seen: Reading, port: str) -> JsonValue:
    told = seen.settings.get(port)
    members = [lag.members[port] for lag in seen.lags if port in lag.members]
    value: dict[str, JsonValue] = dict(spelled(told)) if told is not None else {}
    return value | {"forwards": port in seen.forwarding, "lag_member": members[0].value if members else None}


def _names(told: JsonValue) -> list[str]:
    return [str(one["name"]) for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _same_name(told: str, name: str, domain: str) -> bool:
    """A system name is the host name, with its domain or without (IEEE 802.1AB-2016 8.5.7)."""
    return told.casefold().removesuffix(f".{domain}".casefold()) == name.casefold()
