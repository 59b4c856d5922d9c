"""What a BMC's services tell of themselves: how it takes firmware and images, its accounts, its sessions.

Source: DSP0268: UpdateService, VirtualMedia, AccountService, ManagerAccount, SessionService; DSP0266, Allow.
"""

from drivers.card import AccountsCard, SessionsCard, SlotCard, UpdateCard
from drivers.redfish.family import Family
from drivers.redfish.push import ways_of
from drivers.redfish.resource import Resource
from drivers.redfish.slots import filling_of, places_of
from drivers.redfish.tree import Tree
from drivers.redfish.users import name_of, read_users, rules_of


def update_card(tree: Tree, update: Resource) -> UpdateCard:
    """What it offers; a family's driver may know better than to use all of it."""
    methods = ways_of(update)
    if update.flag("ServiceEnabled") is False:
        tree.note("service-disabled", update.path, "its update service is switched off")
    tree.note_untold(update.path, {"way to update firmware that we know": methods})
    return UpdateCard(methods)


def slots_card(tree: Tree, family: Family, *holders: Resource) -> tuple[SlotCard, ...]:
    """Those that can be filled, and not those that are only worth trying (quirks 80, 84)."""
    found = []
    for media in (media for places in places_of(tree, *holders) for media in places):
        how = filling_of(media, family)
        if how is None or how == "perhaps":
            tree.note("slot-not-filled", media.path, "no action inserts media here, and nothing says that PATCH does")
            continue
        kinds = media.labels("MediaTypes")
        if not kinds:
            tree.note("not-told", media.path, "this slot tells no media types")
        found.append(SlotCard(media.path, kinds, how))
    return tuple(found)


def accounts_card(tree: Tree, service: Resource) -> AccountsCard:
    """Slots without a name are no accounts (quirk 60). One that cannot be read leaves their number unknown."""
    place = service.link("Accounts")
    users = read_users(tree, service, place)
    readable = isinstance(tree.at(place).body.get("Members"), list) and not users.unread
    rules = rules_of(users)
    card = AccountsCard(
        count=sum(name_of(one) is not None for one in users.members) if readable else None,
        min_password=rules.shortest or service.whole("MinPasswordLength"),  # which may say 0
        max_password=rules.longest,
    )
    untold = {"accounts": card.count, "shortest password": card.min_password, "longest password": card.max_password}
    tree.note_untold(service.path, untold)
    return card


def sessions_card(tree: Tree, service: Resource) -> SessionsCard:
    card = SessionsCard(service.whole("SessionTimeout") or None)
    tree.note_untold(service.path, {"session timeout": card.timeout_s})
    return card
