"""What a BMC's services tell of themselves: how it takes firmware, its accounts, its sessions.

Source: DSP0268: UpdateService, AccountService, ManagerAccount, SessionService.
"""

from drivers.ability.firmware import UpdateMethod
from drivers.card import AccountsCard, SessionsCard, UpdateCard
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree


def update_methods(update: Resource) -> tuple[UpdateMethod, ...]:
    """The preferred first: what carries parameters, then what carries only a file, then what fetches it."""
    offered: dict[UpdateMethod, str | None] = {
        "multipart": update.text("MultipartHttpPushUri"),
        "push": update.text("HttpPushUri"),
        "simple": update.text("Actions", "#UpdateService.SimpleUpdate", "target"),
    }
    return tuple(method for method, where in offered.items() if where)


def update_card(tree: Tree, update: Resource) -> UpdateCard:
    methods = update_methods(update)
    if update.flag("ServiceEnabled") is False:
        tree.note("service-disabled", update.path, "its update service is switched off")
    if not methods:
        tree.note("not-told", update.path, "this BMC offers no way to update firmware that we know")
    return UpdateCard(methods)


def accounts_card(tree: Tree, service: Resource) -> AccountsCard:
    """Slots without a name are no accounts (quirk 60). One that cannot be read leaves their number unknown."""
    link = service.link("Accounts")
    names = []
    readable = link is not None
    for account in tree.members(link, "UserName"):
        readable = readable and not tree.failed(account.path)
        names.append(account.text("UserName"))
    readable = readable and not tree.failed(link)
    card = AccountsCard(
        count=sum(name is not None for name in names) if readable else None,
        min_password=service.whole("MinPasswordLength"),
        max_password=service.whole("MaxPasswordLength") or None,
    )
    untold = {"accounts": card.count, "shortest password": card.min_password, "longest password": card.max_password}
    tree.note_untold(service.path, untold)
    return card


def sessions_card(tree: Tree, service: Resource) -> SessionsCard:
    card = SessionsCard(service.whole("SessionTimeout") or None)
    tree.note_untold(service.path, {"session timeout": card.timeout_s})
    return card
