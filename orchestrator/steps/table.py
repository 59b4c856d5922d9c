"""One table registers how each verb of a manifest is observed or done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from orchestrator.errors import BadRole
from orchestrator.roles import Means, Role, Roles
from orchestrator.steps import (
    bios,
    bmc,
    bmc_logins,
    bmc_setup,
    boot_mode,
    cables,
    dns,
    firmware,
    guests,
    host,
    host_network,
    install,
    netboot,
    packages,
    ports,
    raid,
    ramdisk,
    reach,
    resolvers,
    staged,
    storage,
    tenant,
    tenant_ports,
    wipe,
)
from orchestrator.steps.world import World
from orchestrator.work import AtStake, Job, Observation, Park, Task

Observe = Callable[[World, Job], Observation]
Act = Callable[[World, Job], Park | None]

OBSERVE: Mapping[tuple[str, str], Observe] = MappingProxyType(
    {
        ("driver", "bmc.login"): bmc.login,
        ("driver", "bmc.facts"): bmc.facts,
        ("driver", "bmc.configured"): bmc_setup.configured,
        ("driver", "firmware.baseline"): firmware.baseline,
        ("driver", "boot.mode"): boot_mode.configured,
        ("driver", "bios.settings"): bios.configured,
        ("driver", "raid.volumes"): raid.configured,
        ("driver", "switch.login"): ports.login,
        ("driver", "ports.settings"): ports.settings,
        ("agent", "inspection"): ramdisk.inspection,
        ("driver", "cables.ends"): cables.ends,
        ("agent", "disks"): ramdisk.disks,
        ("agent", "phone-home"): install.phone_home,
        ("driver", "host.login"): host.login,
        ("driver", "host.reach"): reach.reach,
        ("driver", "host.clock"): host.clock,
        ("driver", "dns.served"): dns.served,
        ("driver", "host.names"): resolvers.asking,
        ("driver", "host.no-names"): resolvers.left,
        ("driver", "host.packages"): packages.fetched,
        ("driver", "host.guests"): guests.ready,
        ("driver", "host.no-guests"): guests.drained,
        ("driver", "storage.serves"): storage.serves,
        ("driver", "storage.unused"): storage.unused,
        ("agent", "laid-image"): tenant.laid,
        ("driver", "tenant.started"): tenant.started,
        ("driver", "tenant.stopped"): tenant_ports.stopped,
        ("driver", "tenant.carried"): tenant_ports.carried,
        ("agent", "wiped"): wipe.wiped,
    }
)
ACT: Mapping[tuple[str, str], Act] = MappingProxyType(
    {
        ("driver", "bmc.renew"): bmc_logins.renew,
        ("driver", "bmc.configure"): bmc_setup.configure,
        ("driver", "staged.bring"): staged.bring,
        ("driver", "raid.make"): raid.make,
        ("driver", "ports.bring"): ports.bring,
        ("driver", "host.network"): host_network.bring,
        ("driver", "dns.serve"): dns.serve,
        ("driver", "storage.bring"): storage.bring,
        ("driver", "host.bring-packages"): packages.bring,
        ("netboot", "agent"): ports.guarded(netboot.ensure_agent),
        ("netboot", "look-again"): ports.guarded(cables.look_again),
        ("agent", "erase-metadata"): ramdisk.erase_metadata,
        ("agent", "write-image"): install.write_image,
        ("agent", "lay-image"): ports.guarded(tenant.lay),
        ("driver", "tenant.start"): tenant.start,
        ("driver", "tenant.stop"): tenant_ports.stop,
        ("driver", "tenant.carry"): tenant_ports.carry,
        ("agent", "wipe"): wipe.wipe,
    }
)


@dataclass(frozen=True)
class Milestone:
    """Holds when its needs do; the engine lets it run only then."""

    role: Role

    def observe(self, job: Job) -> Observation:
        return Observation(
            holds=True,
            says=f"{job.node.name}: {self.role.says}",
            witness=f"evidence of {', '.join(self.role.same_node)}",
        )

    def act(self, job: Job) -> Park | None:
        raise BadRole(f"{job.role} is a milestone and applies nothing")


@dataclass(frozen=True)
class Bench:
    """One role's verbs with the world they work on."""

    world: World
    see: Observe
    do: Act | None

    def observe(self, job: Job) -> Observation:
        return self.see(self.world, job)

    def act(self, job: Job) -> Park | None:
        return self.do(self.world, job) if self.do else None


@dataclass(frozen=True)
class Eraser(Bench):
    """A role that destroys what disks hold: says first what that is."""

    look: Callable[[World, Job], AtStake | Park]

    def at_stake(self, job: Job) -> AtStake | Park:
        return self.look(self.world, job)


def tasks(roles: Roles, world: World) -> Mapping[str, Task]:
    """A task for every role and for each removal. `BadRole` names a verb that nobody implements."""
    removals = {role.removal.role: role.removal for role in roles.values() if role.remove is not None}
    return MappingProxyType({name: _task(role, world) for name, role in {**roles, **removals}.items()})


def _task(role: Role, world: World) -> Task:
    if role.verify is None:
        return Milestone(role)
    see = OBSERVE.get((role.verify.kind, role.verify.verb))
    do = _act(role.apply) if role.apply else None
    if see is None or (role.apply and do is None):
        verb = role.verify.verb if see is None else role.apply.verb if role.apply else ""
        raise BadRole(
            f"{role.role}/role.yaml: nobody knows the verb {verb}. Known: {', '.join(v for _, v in (*OBSERVE, *ACT))}"
        )
    return Eraser(world, see, do, _look(role)) if role.erases else Bench(world, see, do)


def _act(means: Means) -> Act | None:
    return host.play if means.kind == "ansible" else ACT.get((means.kind, means.verb))


def _look(role: Role) -> Callable[[World, Job], AtStake | Park]:
    """Volumes are looked at through the BMC, disks from the ramdisk. The installer comes after the cleaner, by whose
    proof nothing that is known is left on the disks. A claim covers what it put there, whatever that is."""
    if "claim" in role.inputs:
        return tenant.at_stake
    if role.through_bmc:
        return raid.at_stake
    return install.at_stake if "disks-clean" in role.same_node else ramdisk.disks_at_stake
