"""The BMC's users: fixed slots where it has them, a collection elsewhere. Source: DSP0268, ManagerAccount."""

from collections.abc import Mapping
from types import MappingProxyType

from drivers.virtual.twin.account_slots import Account
from drivers.virtual.twin.layout import ACCOUNTS
from drivers.virtual.twin.part import Change, Context, Write, writable, wrong_type
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, read_object
from drivers.virtual.twin.shape import text
from drivers.virtual.twin.tree_root import ROLES

_WRITABLE = {
    "UserName", "Password", "RoleId", "Enabled", "Locked", "AccountTypes", "PasswordChangeRequired", "Oem",
    "OEMAccountTypes",
}  # fmt: skip
_READ: Mapping[str, str] = MappingProxyType({"Allow": "GET, HEAD, PATCH"})


class AccountPart:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._machine = context.machine
        self._places = context.places
        self._users = context.machine.personality.users
        self._slots = context.machine.accounts

    def show(self, path: str, base: Resource | None) -> Resource | None:
        """In a capture too the users are the machine's."""
        place = self._places.accounts
        if place is None:
            return base
        if path == place and base is not None:
            members = [{"@odata.id": self._path(account)} for account in self._listed()]
            return {**base, "Members": members, "Members@odata.count": len(members)}
        if path == self._places.account_service and base is not None:
            return {**base, "MinPasswordLength": self._users.shortest, "MaxPasswordLength": self._users.longest}
        account = self._at(path)
        if account is not None:
            return self._shown(account)
        return None if path.startswith(f"{place}/") and path.count("/") == place.count("/") + 1 else base

    def _listed(self) -> list[Account]:
        return list(self._slots.slots.values()) if self._users.kind == "slots" else self._slots.named()

    def _path(self, account: Account) -> str:
        place = text(self._places.read(self._places.accounts), "@odata.id") or f"{ACCOUNTS}/Accounts"
        return f"{place}/{account.user if self._users.kind == 'names' else account.slot}"

    def _at(self, path: str) -> Account | None:
        if not path.startswith(f"{self._places.accounts}/"):
            return None
        return next((one for one in self._listed() if self._context.tree.key(self._path(one)) == path), None)

    def place_of(self, account: Account) -> str:
        return self._context.tree.key(self._path(account))

    def _shown(self, account: Account) -> Resource:
        path = self._path(account)
        role: Resource = {"Links": {"Role": {"@odata.id": f"{ACCOUNTS}/Roles/{account.role}"}}}
        return {
            "@odata.id": path,
            "@odata.type": "#ManagerAccount.v1_12_0.ManagerAccount",
            "Id": path.rpartition("/")[2],
            "Name": "Account",
            "UserName": account.user,
            "Password": None,
            "RoleId": account.role if account.user or self._users.kind != "slots" else "None",
            "Enabled": account.enabled,
            "Locked": self._slots.is_locked(account.user) if account.user else False,
            "PasswordChangeRequired": account.must_change,
            **(role if account.user else {"Links": {}}),
        }

    def write(self, method: str, path: str) -> Write | None:
        if method == "POST" and path == self._places.accounts:
            return Write("accounts", self._create)
        account = self._at(path)
        if account is None:
            return None
        if method == "PATCH":
            return Write("accounts", lambda call: self._patch(call, account))
        if method == "DELETE":
            return Write("accounts", lambda _: self._delete(account))
        return None

    def _create(self, call: Call) -> Change:
        if self._users.kind == "slots":
            raise Fail(405, "OperationNotAllowed", "Accounts are slots here: PATCH an empty one.", _READ)
        told = read_object(call.body)
        for name in ("UserName", "Password", "RoleId"):
            if not told.get(name):
                raise Fail(400, "CreateFailedMissingReqProperties", f"The property {name} is required.")
        self._judge(told, None)
        free = self._slots.free()
        if free is None:
            raise Fail(400, "CreateLimitReachedForResource", "There is no room for another account.")

        def effect() -> None:
            free.enabled = True
            self._apply(free, told)

        def reply() -> Reply:
            return Reply(201, self._shown(free), headers={"Location": self._path(free)})

        return Change(f"create account {told['UserName']}", effect, reply=reply)

    def _patch(self, call: Call, account: Account) -> Change:
        told = read_object(call.body)
        writable(told, _WRITABLE)
        if account.slot in self._users.reserved:
            raise Fail(400, "PropertyNotWritable", "This account is reserved.")
        self._judge(told, account)
        if self._context.on(101) and told.get("Enabled") is True:
            complete = (told.get("UserName") or account.user) and (account.password or told.get("Password"))
            if not complete or ("UserName" in told and not account.user):
                raise Fail(
                    400, "PropertyValueConflict", "Name and password have to be set before the account is enabled."
                )
        return Change(
            f"account {account.slot}: {', '.join(sorted(told))}",
            lambda: self._apply(account, told),
            reply=lambda: Reply(200),
        )

    def _judge(self, told: Resource, account: Account | None) -> None:
        user, password, role = told.get("UserName"), told.get("Password"), told.get("RoleId")
        if password is not None and not isinstance(password, str):
            raise wrong_type("Password")
        if isinstance(password, str) and not self._users.shortest <= len(password) <= self._users.longest:
            raise Fail(
                400,
                "PropertyValueFormatError",
                f"A password has {self._users.shortest} to {self._users.longest} characters.",
            )
        if isinstance(user, str) and user and (known := self._slots.find(user)) is not None and known is not account:
            raise Fail(400, "ResourceAlreadyExists", f"There is an account {user} already.")
        if role is not None and role not in (*ROLES, "None"):
            raise Fail(400, "PropertyValueNotInList", f"{role!r} is not one of: {', '.join(ROLES)}")

    def _apply(self, account: Account, told: Resource) -> None:
        user, password, role, enabled = (told.get(name) for name in ("UserName", "Password", "RoleId", "Enabled"))
        if isinstance(password, str):
            account.password, account.must_change = password, False
        if isinstance(role, str) and role != "None":
            account.role = role
        if isinstance(enabled, bool):
            account.enabled = enabled
        if isinstance(user, str):
            if not user:
                account.clear()
            account.user = user
        if told.get("Locked") is False:
            self._slots.unlock(account.user)

    def _delete(self, account: Account) -> Change:
        if self._users.kind == "slots":
            raise Fail(405, "OperationNotAllowed", "Accounts are slots here: PATCH it empty.", _READ)
        return Change(f"delete account {account.user}", account.clear)
