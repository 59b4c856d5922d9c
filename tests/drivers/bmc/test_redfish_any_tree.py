"""Whatever a tree looks like: a card or an error of ours, sane MACs, bounded requests, and the session given back.

A sound tree is bent in ways that hypothesis chooses, always the same ones. `ANNEAL_FUZZ=5000` looks further.
"""

import copy
import json
import os
import re
from collections import Counter
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import DriverError

V1 = "/redfish/v1"
ROOTS = (f"{V1}/", V1)
ROUNDS = int(os.environ.get("ANNEAL_FUZZ", "100"))
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def link(path):
    return {"@odata.id": path}


def group(resources, path, members):
    resources[path] = {"Members": [link(f"{path}/{name}") for name in members], "Members@odata.count": len(members)}
    resources |= {
        f"{path}/{name}": {"@odata.id": f"{path}/{name}", "Id": name, **body} for name, body in members.items()
    }
    return link(path)


def sound():
    """A tree with one of everything that a card reads."""
    made = {}
    system, chassis, manager = f"{V1}/Systems/1", f"{V1}/Chassis/1", f"{V1}/Managers/1"
    adapter = f"{chassis}/NetworkAdapters/A"
    port = {
        "CurrentSpeedGbps": 25,
        "LinkStatus": "LinkUp",
        "Ethernet": {"AssociatedMACAddresses": ["52:54:00:00:00:02"]},
    }
    functions = group(
        made, f"{adapter}/NetworkDeviceFunctions", {"f": {"Ethernet": {"MACAddress": "52:54:00:00:00:02"}}}
    )
    ports = group(made, f"{adapter}/Ports", {"p": port})
    group(made, f"{chassis}/NetworkAdapters", {"A": {"NetworkDeviceFunctions": functions, "Ports": ports}})
    group(made, f"{system}/Storage/S/Drives", {"d": {"CapacityBytes": 9, "SerialNumber": "D"}})
    drives = [link(f"{system}/Storage/S/Drives/d")]
    volumes = group(made, f"{system}/Storage/S/Volumes", {"v": {"RAIDType": "RAID1", "Links": {"Drives": drives}}})
    slot = {"Image": None, "MediaTypes": ["CD"], "Actions": {"#VirtualMedia.InsertMedia": {"target": "/x"}}}
    made[f"{system}/Bios"] = {"Attributes": {"A": 1}, "@Redfish.Settings": {"SettingsObject": link(f"{system}/Bios/S")}}
    made[f"{system}/SecureBoot"] = {"SecureBootEnable": True}
    made[f"{system}/Reset"] = {"Parameters": [{"Name": "ResetType", "AllowableValues": ["On"]}]}
    body = {
        "Manufacturer": "M", "Model": "X", "SerialNumber": "S", "UUID": "4c4c4544-0035-3410-8050-c6c04f314733",
        "PowerState": "On", "BiosVersion": "1", "ProcessorSummary": {"Count": 2}, "SystemType": "Physical",
        "MemorySummary": {"TotalSystemMemoryGiB": 8}, "Bios": link(f"{system}/Bios"),
        "SecureBoot": link(f"{system}/SecureBoot"),
        "Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget@Redfish.AllowableValues": ["Pxe"]},
        "Actions": {"#ComputerSystem.Reset": {"target": "/r", "@Redfish.ActionInfo": f"{system}/Reset"}},
        "EthernetInterfaces": group(made, f"{system}/EthernetInterfaces", {"1": {"MACAddress": "52:54:00:00:00:01"}}),
        "Storage": group(made, f"{system}/Storage", {"S": {"Drives": drives, "Volumes": volumes}}),
        "Memory": group(made, f"{system}/Memory", {"1": {"CapacityMiB": 4096}}),
        "Processors": group(made, f"{system}/Processors", {"1": {"ProcessorType": "CPU"}}),
        "SimpleStorage": group(made, f"{system}/SimpleStorage", {"1": {"Devices": [{"Name": "a"}]}}),
        "Links": {"Chassis": [link(chassis)], "ManagedBy": [link(manager)]},
    }  # fmt: skip
    group(made, f"{V1}/Systems", {"1": body})
    group(made, f"{V1}/Managers", {"1": {"VirtualMedia": group(made, f"{manager}/VirtualMedia", {"1": slot})}})
    group(made, f"{V1}/Chassis", {"1": {"NetworkAdapters": link(f"{chassis}/NetworkAdapters")}})
    made[f"{V1}/UpdateService"] = {"MultipartHttpPushUri": "/u"}
    made[f"{V1}/AccountService"] = {"Accounts": group(made, f"{V1}/AccountService/Accounts", {"1": {"UserName": "a"}})}
    made[f"{V1}/SessionService"] = {"SessionTimeout": 30}
    names = ("Systems", "Managers", "Chassis", "UpdateService", "AccountService", "SessionService")
    made[f"{V1}/"] = {
        **{name: link(f"{V1}/{name}") for name in names},
        "Links": {"Sessions": link(f"{V1}/SessionService/Sessions")},
        "ProtocolFeaturesSupported": {"ExpandQuery": {"NoLinks": True, "Levels": True}},
    }
    return made


NASTY = (
    None, True, 0, -1, 1e308, 10**30, "", " ",
    "x", "\x1b[2J\x07", "\u202e", "\ud800", "a" * 70000, [], {}, [[]], [None],
    [{}], {"@odata.id": None}, {"@odata.id": 5}, {"@odata.id": ""}, {"@odata.id": "no slash"}, {"@odata.id": "http://["},
    {"@odata.id": "//elsewhere.example/x"}, {"@odata.id": "https://elsewhere.example:1/x"}, {"@odata.id": "/\r\nX: y"},
    {"@odata.id": "/gone"}, {"@odata.id": "/gone#/a"}, {"@odata.id": "/é€"}, {"@odata.id": "/" + "b" * 9000},
    "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00", "52:54:00:00:00:01", "a0:88:c2:03:00:9c:c0:88",
)  # fmt: skip


def places(value, keys=()) -> Iterator[tuple]:
    """Every place inside a JSON value, by its keys."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*keys, key)
        yield from places(inner, (*keys, key))


def bent(chance):
    """The sound tree with one to six things wrong."""
    tree = copy.deepcopy(sound())
    for _ in range(chance.randint(1, 6)):
        path = chance.choice(sorted(tree))
        keys = chance.choice([(), *places(tree[path])])
        how = chance.choice(("drop", "nasty", "nasty", "nasty", "loop", "page", "text"))
        if not keys or not isinstance(tree[path], dict):
            tree[path] = chance.choice((b"<html>", b"[1]", b"", b"{", [], b'{"a": NaN, "b": 1e999}', b"[" * 5000))
            continue
        inside = tree[path]
        for key in keys[:-1]:
            inside = inside[key]
        if how == "drop":
            del inside[keys[-1]]
        elif how == "loop":
            inside[keys[-1]] = link(chance.choice(sorted(tree)))
        elif how == "page":
            tree[path]["Members@odata.nextLink"] = chance.choice([*sorted(tree), "/gone", 5, None])
        else:
            inside[keys[-1]] = chance.choice(NASTY) if how == "nasty" else "text"
    return tree


def check(card, lab):
    macs = [nic.mac for nic in card.nics]
    assert len(set(macs)) == len(macs)
    assert [mac for mac in macs if not MAC.fullmatch(mac) or mac == "00:00:00:00:00:00" or int(mac[:2], 16) & 1] == []
    assert card.requests == len(lab.heard) < 120
    shown = json.dumps(card.as_json(), ensure_ascii=False)
    assert shown.isprintable()
    assert len(shown) < 100_000


def test_no_tree_breaks_the_card(lab, card_of, new_reply):
    outcomes = Counter()
    served = {}

    def serve(path):
        body = served.get(path.partition("?")[0])
        return body if isinstance(body, dict) else None

    @settings(max_examples=ROUNDS, derandomize=True, deadline=None, database=None)
    @given(st.randoms(use_true_random=False))
    def bend_and_probe(chance):
        served.clear()
        served.update(bent(chance))
        lab.resources, lab.heard, lab.script = {}, [], {}
        for path, body in served.items():
            if not isinstance(body, dict):
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                lab.next("GET", path, *[new_reply(200, raw)] * 5)
        outcomes[probed(lab, card_of)] += 1
        assert lab.live == set()
        assert {heard.method for heard in lab.heard} <= {"GET", "POST", "DELETE"}
        assert len(lab.heard) < 120

    lab.lookup = serve
    bend_and_probe()
    assert outcomes["card"] > ROUNDS // 2, outcomes


def probed(lab, card_of) -> str:
    """What came of it: a card, which is checked, or the name of an error of ours."""
    try:
        card = card_of(lab)
    except DriverError as error:
        says = str(error)
        name = type(error).__name__
    else:
        check(card, lab)
        return "card"
    assert says.replace("\n", "").isprintable()
    return name


def test_the_tree_that_is_bent_is_sound_before(lab, card_of):
    lab.resources = sound()
    card = card_of(lab)
    assert {finding.code for finding in card.findings} == {"tls-unverified", "not-told"}
    assert (len(card.nics), len(card.drives), len(card.volumes), len(card.virtual_media)) == (2, 1, 1, 1)
    assert (card.memory_mib, card.accounts.count, card.secure_boot, card.bios.attributes) == (8192, 1, True, 1)
