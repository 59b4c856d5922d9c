"""On a SONiC switch: looks at the rows of a change and brings them back, and touches no others.

`python3 rows VERB < CONFIG_DB`, beside `watched`, which holds the rows as they were before.
same: ends in 0 where they are as before. undone: the same, but a VLAN that was made may stay if others use it by now.
anew: prints CONFIG_DB without those of which a change would not be noticed; ends in 3 where there are none.
back: prints CONFIG_DB with all of them as before.
"""

import json
import sys
from pathlib import Path

verb = sys.argv[1]
now = json.load(sys.stdin)
now.pop("bgpraw", None)
watched = json.loads(Path("watched").read_text())
names, rows = set(watched["names"]), watched["rows"]


def mine(key: str) -> bool:
    return not names.isdisjoint(key.split("|"))


def used(vlan: str) -> bool:
    """By rows that are not of this change."""
    others = (key for table in now if table != "VLAN" for key in now[table] if not (table in rows and mine(key)))
    return any(vlan in key.split("|") for key in others)


made = [vlan for vlan in watched["made"] if vlan in now.get("VLAN", {}) and (verb == "same" or not used(vlan))]
found = {table: {key: row for key, row in now.get(table, {}).items() if mine(key)} for table in rows}

if verb in ("same", "undone"):
    sys.exit(0 if found == rows and not made else 1)

members = found["VLAN_MEMBER"]
changed = [key for key in members if rows["VLAN_MEMBER"].get(key, members[key]) != members[key]]
if verb == "anew":
    for key in changed:
        del now["VLAN_MEMBER"][key]
    if not changed:
        sys.exit(3)
else:
    for table, before in rows.items():
        others = {key: row for key, row in now.get(table, {}).items() if not mine(key)}
        now[table] = {**others, **before}
    for vlan in made:
        del now["VLAN"][vlan]
json.dump({table: content for table, content in now.items() if content}, sys.stdout)
