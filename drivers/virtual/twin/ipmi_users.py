"""The BMC's users by IPMI: names, passwords, access, on the slots that Redfish shows too.

Source: IPMI v2.0 rev 1.1 sections 22.22 to 22.31.
"""

from collections.abc import Mapping
from types import MappingProxyType

from drivers.virtual.twin.account_slots import Account
from drivers.virtual.twin.machine import Machine

Told = tuple[int, bytes]
_OUT_OF_RANGE, _INVALID, _MISMATCH, _WRONG_SIZE = 0xC9, 0xCC, 0x80, 0x81
_DISABLE, _ENABLE, _SET, _TEST = range(4)
_NAME, _SHORT, _LONG = 16, 16, 20
_ROLES: Mapping[int, str] = MappingProxyType({2: "ReadOnly", 3: "Operator", 4: "Administrator"})
_NO_ACCESS = 0xF


class IpmiUsers:
    """User 1 is the anonymous one of the specification where the BMC's own first user is not in that slot."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._slots = machine.accounts
        self._shift = 1 if machine.accounts.users.first == 1 else 0

    def _account(self, identity: int) -> Account | None:
        return self._slots.slots.get(identity - self._shift)

    def get_name(self, data: bytes) -> Told:
        identity = data[0] & 0x3F
        account = self._account(identity)
        if account is None and identity != 1:
            return _OUT_OF_RANGE, b""
        return 0, (account.user if account else "").encode("latin-1", "replace")[:_NAME].ljust(_NAME, b"\0")

    def set_name(self, data: bytes) -> Told:
        account = self._account(data[0] & 0x3F)
        if account is None or account.slot in self._slots.users.reserved:
            return _INVALID, b""
        name = data[1:17].rstrip(b"\0").decode("latin-1")
        self._machine.wrote("ipmi", f"user {account.slot} name")
        if not self._machine.pretends("accounts"):
            account.user = name
        return 0, b""

    def password(self, data: bytes) -> Told:
        """22.30: one command disables, enables, sets and tests."""
        account, operation = self._account(data[0] & 0x3F), data[1] & 3
        if account is None:
            return _INVALID, b""
        room = _LONG if data[0] & 0x80 else _SHORT
        told = data[2 : 2 + room].rstrip(b"\0").decode("latin-1")
        if operation == _TEST:
            kept = account.password
            if room == _SHORT and len(kept) > _SHORT:
                return _WRONG_SIZE, b""
            return (0, b"") if told == kept else (_MISMATCH, b"")
        if operation == _ENABLE and 101 in self._machine.quirks and not (account.user and account.password):
            return _INVALID, b""
        self._machine.wrote("ipmi", f"user {account.slot} {('disable', 'enable', 'password')[operation]}")
        if not self._machine.pretends("accounts"):
            self._change(account, operation, told)
        return 0, b""

    def _change(self, account: Account, operation: int, password: str) -> None:
        if operation == _SET:
            account.password = password[:_SHORT] if 100 in self._machine.quirks else password
            account.must_change = False
        else:
            account.enabled = operation == _ENABLE

    def set_access(self, data: bytes) -> Told:
        account = self._account(data[1] & 0x3F)
        if account is None:
            return _INVALID, b""
        limit = data[2] & 0xF
        if limit not in _ROLES and limit != _NO_ACCESS:
            return _INVALID, b""
        self._machine.wrote("ipmi", f"user {account.slot} access {limit}")
        if not self._machine.pretends("accounts") and limit in _ROLES:
            account.role = _ROLES[limit]
        return 0, b""

    def get_access(self, data: bytes) -> Told:
        account = self._account(data[1] & 0x3F)
        on = sum(one.enabled for one in self._slots.slots.values())
        most = min(len(self._slots.slots) + self._shift, 15)
        if account is None:
            return (0, bytes((most, 0x80 | on, 1, _NO_ACCESS))) if data[1] & 0x3F == 1 else (_OUT_OF_RANGE, b"")
        limit = next((number for number, role in _ROLES.items() if role == account.role), _NO_ACCESS)
        messaging = 0x10 if account.enabled else 0
        return 0, bytes((most, (0x40 if account.enabled else 0x80) | on, 1 - self._shift, messaging | 0x20 | limit))
