"""The BMC's own users by Redfish: members of a collection that grows, or fixed slots that are filled and emptied.

Source: DSP0268, AccountService, ManagerAccount and Role; DSP0266, password management.
"""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from itertools import chain, count

from drivers.ability.accounts import Account, PasswordRules
from drivers.errors import (
    Busy,
    DriverError,
    NotApplied,
    Refused,
    Transient,
    UnknownOutcome,
    Unsupported,
)
from drivers.patience import Patience
from drivers.redfish.family import Family
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.tree import Tree
from drivers.redfish.users import Users, account_of, last_of, name_of, role_of, rules_of, users_of
from drivers.wire.https import Answer, Json
from inventory.quantity import in_words
from inventory.secrets import Secret

_ADMINISTRATOR = "Administrator"
_ADMINISTERS = frozenset({"ConfigureManager", "ConfigureUsers"})  # DSP0268, PrivilegeType
_LOWEST_SLOT = 2  # quirk 101: the first is the anonymous user's
_IN_ORDER = (("UserName", "Password"), ("RoleId",), ("Enabled",))  # quirk 101


class RedfishAccounts:
    """The users of one service, for one change.

    The family says which slots are reserved, and where a collection that seems to grow does not.
    """

    def __init__(self, session: RedfishSession, family: Family, patience: Patience) -> None:
        self._session = session
        self._family = family
        self._lowest = max(family.first_slot, _LOWEST_SLOT)
        self._patience = patience
        self._settles = patience.settle

    def read(self) -> tuple[Account, ...]:
        users = users_of(self._session)
        if users.unread:
            # Whoever concludes that a user is absent must have seen all of them.
            what = f"{users.unread} of its accounts cannot be read"
            raise Busy(self._session.who, what, "it may pass by itself; retry")
        return tuple(account_of(one) for one in users.members if name_of(one))

    def rules(self) -> PasswordRules:
        return rules_of(users_of(self._session))

    def set_password(self, user: str, password: Secret) -> None:
        """Whatever the outcome, this login is sent no more where it is that user's and may have changed."""
        users = users_of(self._session)
        account = self._named(users, user)
        if account is None:
            raise Refused(self._session.who, f"set the password of {user}: there is no such user", "add it first")
        self._check_length(users, password)
        try:
            self._session.patch(account.path, {"Password": password.reveal()}, secret=True)
        except (Refused, Unsupported):
            raise
        except DriverError:
            self._spend(user)
            raise
        self._spend(user)

    def add(self, user: str, password: Secret) -> Account:
        """Brings one that is there already to what is wanted: an earlier try may have got so far."""
        self._check_other(user, "add")
        users = users_of(self._session)
        self._check_length(users, password)
        role = self._administrator(users.service)
        wanted: Json = {"UserName": user, "Password": password.reveal(), "RoleId": role, "Enabled": True}
        present = users.named(user)
        lost: UnknownOutcome | None = None
        try:
            if present is not None:
                self._fill(
                    present.path, {key: value for key, value in wanted.items() if present.body.get(key) != value}
                )
            else:
                self._make(users, wanted)
        except UnknownOutcome as error:
            if present is not None:
                raise  # all that reads back was there before, and the password does not
            lost = error
        return self._kept(user, role, lost)

    def remove(self, user: str) -> None:
        self._check_other(user, "remove")
        users = users_of(self._session)
        account = self._named(users, user)
        if account is None:
            return
        lost: UnknownOutcome | None = None
        try:
            self._drop(users, account)
        except UnknownOutcome as error:
            lost = error
        for _ in self._patience.looks(self._settles):
            if self._gone(account, user):
                return
        what = f"it agreed to remove {user}, who is still there after {in_words(self._settles)}"
        raise lost or NotApplied(self._session.who, what, "remove it by hand, or update its firmware")

    def _named(self, users: Users, user: str) -> Resource | None:
        account = users.named(user)
        if account is None and users.unread:
            what = f"{users.unread} of its accounts cannot be read, and {user} is none of the others"
            raise Busy(self._session.who, what, "retry; if it lasts, restart its BMC")
        return account

    def _gone(self, account: Resource, user: str) -> bool:
        try:
            left = self._session.find(account.path)
        except Transient:
            return False
        return left is None or name_of(left) != user

    def _check_other(self, user: str, doing: str) -> None:
        if self._own(user):
            what = f"{doing} {user}: this login is that user"
            raise Refused(self._session.who, what, "log in as another user first. Nothing was sent")

    def _own(self, user: str) -> bool:
        """Some BMCs know users whatever their case."""
        return user.casefold() == self._session.user.casefold()

    def _spend(self, user: str) -> None:
        if self._own(user):
            self._session.spend_login()

    def _check_length(self, users: Users, password: Secret) -> None:
        rules, length = rules_of(users), len(password.reveal())
        if not (rules.shortest or 0) <= length <= (rules.longest or length):
            span = f"{rules.shortest or 0} to {rules.longest or 'any number of'} characters"
            what = f"the new password has {length} characters and this BMC takes {span}"
            raise Refused(self._session.who, what, "let one be made by its rules. Nothing was sent")

    def _administrator(self, service: Resource) -> str:
        """What this BMC calls the role that may do all."""
        path = service.link("Roles")
        collection = self._session.find(path) if path else None
        links = collection.links("Members") if collection else ()
        if collection is None or not links or any(last_of(link) == _ADMINISTRATOR for link in links):
            return _ADMINISTRATOR
        roles = tuple(Tree(self._session, collection).members(collection.path))
        named = [one for one in roles if role_of(one).casefold() == _ADMINISTRATOR.casefold()]
        able = [one for one in roles if set(one.texts("AssignedPrivileges")) >= _ADMINISTERS]
        return next((role_of(one) for one in chain(named, able)), _ADMINISTRATOR)

    def _make(self, users: Users, wanted: Json) -> None:
        """A new member; a free slot where the family has slots, or this BMC has some and takes no new member."""
        free = users.free()
        if free and self._family.accounts == "slots":
            self._fill(self._slot(free), wanted)
            return
        try:
            self._first_taken(
                lambda form: self._session.post(users.place, form, secret=True),
                *self._forms(users, wanted),
            )
        except (Refused, Unsupported):
            if not free:
                raise
            self._fill(self._slot(free), wanted)

    def _forms(self, users: Users, wanted: Json) -> Iterator[Json]:
        """iLO wants a second name, some refuse `Enabled`, and Cisco wants the number of the place."""
        hpe = any(one.text("Oem", "Hpe", "LoginName") for one in users.members)
        whole: Json = {**wanted, "Oem": {"Hpe": {"LoginName": wanted["UserName"]}}} if hpe else wanted
        yield whole
        yield {key: value for key, value in whole.items() if key != "Enabled"}
        taken = {last_of(one.path) for one in users.members}
        if taken and all(place.isdecimal() for place in taken):
            yield {**wanted, "Id": next(str(number) for number in count(self._lowest) if str(number) not in taken)}

    def _slot(self, free: tuple[Resource, ...]) -> str:
        numbered = sorted((int(number), one.path) for one in free if (number := last_of(one.path)).isdecimal())
        usable = [path for number, path in numbered if number >= self._lowest]
        usable += [one.path for one in free if not last_of(one.path).isdecimal()]
        if not usable:
            what = f"its {len(free)} free account slots are all reserved"
            raise Refused(self._session.who, what, "remove a user that is not needed")
        return usable[0]

    def _fill(self, path: str, wanted: Json) -> None:
        """In one write; where that is refused name and password first, what they may do next, and enabled last."""
        steps = [step for keys in _IN_ORDER if (step := {key: wanted[key] for key in keys if key in wanted})]
        try:
            self._taken(self._session.patch(path, wanted, secret=True))
        except Refused:
            if len(steps) == 1:
                raise
            for step in steps:
                self._taken(self._session.patch(path, step, secret=True))

    def _drop(self, users: Users, account: Resource) -> None:
        """Deleted; emptied where it is a slot, which some BMCs allow only with the role that a free slot shows."""
        if self._family.accounts == "collection":
            try:
                self._taken(self._session.delete(account.path))
            except Unsupported:
                if self._session.find(account.path) is None:
                    return
            else:
                return
        whole: Json = {"Enabled": False, "UserName": ""}
        forms = [whole, *({**whole, "RoleId": role} for one in users.free() if (role := one.text("RoleId")))][:2]
        try:
            self._first_taken(lambda form: self._session.patch(account.path, form), *forms)
        except Refused:
            self._session.patch(account.path, {"Enabled": False})
            self._session.patch(account.path, {"UserName": ""})

    def _taken(self, answer: Answer) -> None:
        """A task behind it (DSP0266, 202) may take as long as a power action; the user itself tells when it is over."""
        if answer.status == HTTPStatus.ACCEPTED:
            self._settles = self._patience.power

    def _first_taken(self, send: Callable[[Json], Answer], *forms: Json) -> None:
        """Send the first form; the next where that was refused and so changed nothing."""
        refusals: list[Refused] = []
        for form in forms:
            try:
                self._taken(send(form))
            except Refused as error:
                refusals.append(error)
            else:
                return
        raise refusals[0]

    def _kept(self, user: str, role: str, lost: UnknownOutcome | None) -> Account:
        place: str | None = None
        held = "nowhere"
        enabled_ourselves = False
        for _ in self._patience.looks(self._settles):
            seen = self._look(lambda: self._found(place, user))  # noqa: B023  called before the next turn
            if seen is None:
                continue
            place, enabled = seen.path, seen.body.get("Enabled")
            if enabled is not False and seen.text("RoleId") in (role, None):
                return account_of(seen)
            held = f"as {seen.text('RoleId')}, enabled {enabled}"
            if enabled is False and not enabled_ourselves:
                enabled_ourselves = True
                self._session.patch(place, {"Enabled": True})
        what = f"it took the user {user} and shows it {held} after {in_words(self._settles)}"
        raise lost or NotApplied(self._session.who, what, "look at its users; update its firmware")

    def _found(self, place: str | None, user: str) -> Resource | None:
        """Where it was seen last, so that sixteen slots are not read again and again; else wherever it is."""
        there = self._session.find(place) if place else None
        return there if there is not None and name_of(there) == user else users_of(self._session).named(user)

    def _look(self, look: Callable[[], Resource | None]) -> Resource | None:
        """A BMC that is away for a while shows nothing yet."""
        try:
            return look()
        except Transient:
            return None
