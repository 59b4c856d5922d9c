"""A reading of the BMC's users, and the one write that a login may make whose password has expired.

Source: DSP0268, AccountService and ManagerAccount; DSP0266, password management.
"""

from dataclasses import dataclass

from drivers.ability.accounts import Account, PasswordRules
from drivers.errors import Busy, PasswordExpired, Unsupported
from drivers.redfish.resource import Resource
from drivers.redfish.session import ROOT, RedfishSession
from drivers.redfish.tree import Tree
from inventory.secrets import Secret

_NEEDED = ("UserName", "Enabled", "RoleId")
_NAMELESS = "(empty user)"  # how some BMCs call a slot that has none


@dataclass(frozen=True)
class Users:
    """The service, and each member of its collection that can be read, free slots among them."""

    service: Resource
    place: str  # of the collection; empty where there is none
    members: tuple[Resource, ...]
    unread: int  # members that cannot be read, whoever they are

    def named(self, user: str) -> Resource | None:
        return next((one for one in self.members if name_of(one) == user), None)

    def free(self) -> tuple[Resource, ...]:
        return tuple(one for one in self.members if not name_of(one))


def users_of(session: RedfishSession) -> Users:
    """`Unsupported` where the BMC has no account service."""
    service = session.find(session.root.link("AccountService") or f"{ROOT}AccountService")
    place = service.link("Accounts") if service else None
    if service is None or place is None:
        raise Unsupported(session.who, "it has no account service", "change its users by hand")
    tree = Tree(session, service)
    users = read_users(tree, service, place)
    if tree.failed(place):
        session.get(place)  # says why, or
        raise Busy(session.who, "its users cannot be read now", "it may pass by itself; retry")
    return users


def read_users(tree: Tree, service: Resource, place: str | None) -> Users:
    """No members where the collection cannot be read, and `tree` then has that among what failed."""
    members = tuple(tree.members(place, *_NEEDED))
    told = tuple(one for one in members if one.body)
    return Users(service, place or "", told, len(members) - len(told))


def renew(session: RedfishSession, password: Secret) -> None:
    """Set the password of a login that has expired, at the place which the BMC names.

    `UnknownOutcome` where the answer was lost: a login with the new one tells.
    """
    path = session.account or _told_apart(session)
    session.patch(path, {"Password": password.reveal()}, secret=True)
    session.spend_login()


def _told_apart(session: RedfishSession) -> str:
    """Where the login named no place: what a refusal names, or the user's account where that can be read."""
    try:
        account = users_of(session).named(session.user)
    except PasswordExpired as error:
        account = Resource(error.account, {}) if error.account else None
    if account is None:
        what = f"it wants a new password for {session.user} and does not say where"
        raise Unsupported(session.who, what, "change it by hand, then the secret")
    return account.path


def rules_of(users: Users) -> PasswordRules:
    """The strictest of what the service, its vendor's part and the accounts themselves ask for."""
    vendors = [users.service.inner("Oem", vendor) for vendor in users.service.inner("Oem").body]
    places = [users.service, *vendors, *users.members]
    return PasswordRules(
        shortest=max((told for one in places if (told := one.whole("MinPasswordLength"))), default=None),
        longest=min((told for one in places if (told := one.whole("MaxPasswordLength"))), default=None),
    )


def account_of(one: Resource) -> Account:
    enabled, locked = one.body.get("Enabled"), one.body.get("Locked")
    return Account(
        place=one.path,
        user=name_of(one),
        enabled=enabled if isinstance(enabled, bool) else None,
        role=one.text("RoleId"),
        locked=locked if isinstance(locked, bool) else None,
    )


def name_of(one: Resource) -> str | None:
    name = one.text("UserName")
    return None if name is None or name.casefold() == _NAMELESS else name


def role_of(one: Resource) -> str:
    return one.text("RoleId") or one.text("Id") or last_of(one.path)


def last_of(path: str) -> str:
    """What a path calls its member, where its Id is not read."""
    return path.rstrip("/").rpartition("/")[2]
