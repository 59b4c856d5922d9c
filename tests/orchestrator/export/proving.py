"""A record in which nodes are proven to be network-ready, as the engine would have left it."""

from sqlalchemy import Boolean, insert

from orchestrator.engine import evidence
from orchestrator.engine.tables import NODE_ROLE
from orchestrator.work import Observation

SEEN = {
    "hardware-facts": {"vendor": "Twin", "model": "T1", "serial": "SN-1", "processors": 2, "memory_mib": 65536},
    "agent-inspect": {
        "cpus": 32,
        "memory_mib": 65536,
        "boot_mode": "uefi",
        "disks": [{"name": "/dev/sda", "serial": "DISK-1", "bytes": 480 << 30}],
    },
    "os-install": {"image_sha256": "ab" * 32, "root_disk_serial": "DISK-1"},
}


def prove(record, *nodes, unseen=()):
    """All of these nodes proven; of their addresses all but `unseen`."""
    blank = {
        column.name: False if isinstance(column.type, Boolean) else {} if column.name == "inputs" else 0
        for column in NODE_ROLE.columns
        if not column.nullable
    }
    with record.store.begin() as connection:
        for number, (key, bound) in enumerate(record.bound.items(), 1):
            if key[0] not in nodes:
                continue
            node = record.site.nodes[key[0]]
            own = [str(at.address) for one in node.interfaces for at in one.addresses]
            values = SEEN | {"host-network": {"duplicate_addresses": {one: [] for one in own if one not in unseen}}}
            seen = Observation(holds=True, says="seen", witness="w", value=values.get(key[1], {}))
            proof = evidence.record(connection, *key, seen, None)
            told = {"id": number, "node": key[0], "role": key[1], "run": "1", "state": "active", "says": "seen"}
            told |= {"input_hash": bound.digest, "evidence": proof.id, "phase": "observe"}
            connection.execute(insert(NODE_ROLE), blank | told)
