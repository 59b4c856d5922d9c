"""One disk for the system and for volumes: told by the ramdisk, before anything is erased, where only it can tell."""

import pytest

from inventory.model import Node
from orchestrator.agent.inspection import Inspection
from orchestrator.steps.ramdisk import _misfits

SEEN = Inspection.parse(
    {
        "inventory": {
            "interfaces": [{"name": "eth0", "mac_address": "52:54:00:00:01:00"}],
            "disks": [
                {"name": "/dev/sda", "serial": "D0", "wwn": "0x50", "size": 1 << 30},
                {"name": "/dev/sdb", "serial": "D1", "wwn": "0x51", "size": 1 << 30},
            ],
        }
    }
)


@pytest.mark.parametrize(("claimed", "twice"), [({"wwn": "0x50"}, True), ({"wwn": "0x51"}, False)])
def test_a_disk_that_two_roles_claim_by_two_labels_is_told_with_both(claimed, twice):
    node = Node.model_validate(
        {
            "name": "n1", "rack": "r1", "unit": 1, "groups": ["g"], "image": "d", "root_disk": {"serial": "D0"},
            "bmc": {"address": "10.0.0.1", "user": "a", "password": "env:X"},
            "nics": [{"name": "eth0", "mac": "52:54:00:00:01:00"}],
            "storage": {"network": "s", "disks": [claimed]},
        }
    )  # fmt: skip
    told = "/dev/sda is claimed twice: by root_disk (role os-install) and as wwn 0x50 by storage.disks (role storage)"
    assert _misfits(node, SEEN) == ([told] if twice else [])
