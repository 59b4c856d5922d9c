"""Logins at a BMC: a password of its own, an account of our own, and everybody else's refused.

A password is written down before the BMC is told, and counts once it logged in (decision 7). What is refused is proven
by trying: few logins, each once, since BMCs lock out whoever fails too often.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pydantic import JsonValue

from drivers.ability.accounts import Accounts
from drivers.ability.machine import Machine
from drivers.errors import Denied
from drivers.facts import Identity
from drivers.passwords import new_password
from drivers.redfish.family import family_of
from drivers.redfish.resource import Resource
from drivers.rotation import MOST_TRIES, Defaults, Rotation, Works, default_dead
from drivers.rotation import rotate as exchange
from inventory.errors import SecretMissing
from inventory.secrets import Login, Secret
from orchestrator.errors import StepFailed
from orchestrator.steps.ability import accounts
from orchestrator.steps.netboot import again
from orchestrator.steps.world import World
from orchestrator.work import Job

Pair = tuple[str, str]  # user and password


def rotate(world: World, job: Job) -> None:
    """One of its own for this BMC. Safe after a crash anywhere: both are kept until one is proven."""
    old = world.bmcs.login(job.node)
    fresh = world.bmcs.passwords.propose(job.node.name, old.user, partial(_new_password, world, job, old.user))

    def tell() -> Rotation:
        return exchange(lambda login: _as_accounts(world, job, login), old, fresh.login.password)

    _exchanged(world, job, old, tell)


def renew(world: World, job: Job) -> None:
    """One of its own for a BMC that wants a new password before all else: nothing of its rules can be read before.

    Safe after a crash anywhere, as `rotate`.
    """
    old = world.bmcs.login(job.node)
    fresh = world.bmcs.passwords.propose(job.node.name, old.user, partial(new_password, old.user))

    def renewing(login: Login, password: Secret) -> None:
        world.bmcs.renew(job.node, login, password)

    def tell() -> Rotation:
        return exchange(lambda login: _as_accounts(world, job, login), old, fresh.login.password, renewing)

    _exchanged(world, job, old, tell)


def _exchanged(world: World, job: Job, old: Login, tell: Callable[[], Rotation]) -> None:
    """Tell the BMC once, and count on what it was told where that logged in."""

    def told() -> JsonValue:
        rotation = tell()
        return [rotation.works.value, rotation.says]

    works, says = _pair(job.once("password", told, again))
    if works == Works.NEW:
        world.bmcs.passwords.prove(job.node.name)
        job.note(f"{old.user} has a password of its own, and it logged in")
        return
    remedy = "nothing is lost: plan it again, and the login that works is found"
    if works == Works.NEITHER:
        where = world.bmcs.passwords.where(job.node.name)
        remedy = f"look at the BMC; the new password stands in {where}, the old one there or in the inventory"
    what = f"its password was to be changed, and {works} works now: {says}"
    raise StepFailed(job.node.name, what, remedy, retryable=works == Works.UNKNOWN)


def move_to(world: World, job: Job, user: str) -> None:
    """An account of our own: made, proven by a login of its own, then counted on."""
    fresh = world.bmcs.passwords.propose(job.node.name, user, partial(_new_password, world, job, user))

    def let_in() -> bool:
        return _let_in(world, job, fresh.login)

    with world.bmcs.open(job.node) as machine:
        users = accounts(machine, job)
        job.once(f"account {user}", lambda: _made(users, fresh.login), let_in)
    if not let_in():
        what = f"its BMC made the account {user}, and does not let it in"
        raise StepFailed(job.node.name, what, "look at the account's privileges at the BMC, then plan it again")
    world.bmcs.passwords.prove(job.node.name)


def shut_out(world: World, job: Job, users: Collection[str]) -> None:
    """Give these users passwords that only the state directory holds: others know the ones that they have."""
    login = world.bmcs.login(job.node)
    for user in dict.fromkeys(users):
        if user == login.user:
            what = f"the login of {user} that it is to keep is one that others know"
            raise StepFailed(job.node.name, what, "say password: rotate in its profile")
        given = world.bmcs.passwords.give(job.node.name, user, partial(_new_password, world, job, user))
        _give(world, job, given.login)


def _give(world: World, job: Job, login: Login) -> None:
    with world.bmcs.open(job.node) as machine:
        users = accounts(machine, job)
        job.once(f"shut out {login.user}", lambda: users.set_password(login.user, login.password), again)


@dataclass(frozen=True)
class Strangers:
    """What became of the logins that others know, by user. `declared`: of the inventory's own."""

    let_in: tuple[str, ...]
    refused: tuple[str, ...]
    absent: tuple[str, ...]  # the BMC has no such user
    declared: Literal["ours", "let in", "refused", "unknown"]


def strangers(
    world: World, job: Job, factory: Sequence[Pair], users: Collection[str] | None, *, all_: bool
) -> Strangers:
    """Try the inventory's login and those that BMCs of this make leave the factory with; `users`: who is on it.

    Without `all_` those of our own user are left out: it has one password, and that is ours. `StepFailed` where one
    could not be tried: that is no proof, and more tries would lock somebody out.
    """
    ours = world.bmcs.login(job.node)
    declared = _declared(world, job)
    known = dict.fromkeys((*([declared] if declared else []), *factory))
    others = [pair for pair in known if _login(pair) != ours and (all_ or pair[0] != ours.user)]
    told = [_tried(world, job, _of(user, others, ours), users) for user in dict(others)]
    alive = [user for one in told for user in one.alive]
    alive += [pair[0] for pair in factory if _login(pair) == ours]
    verdict: Literal["ours", "let in", "refused", "unknown"] = "unknown"
    if declared is not None:
        verdict = "ours" if _login(declared) == ours else "let in" if declared[0] in alive else "refused"
    refused = [user for one in told for user in one.refused]
    return Strangers(tuple(dict.fromkeys(alive)), tuple(refused), tuple(u for one in told for u in one.absent), verdict)


def _of(user: str, pairs: Sequence[Pair], ours: Login) -> Sequence[Pair]:
    """A user's. Of our own as many as it takes no harm from: it has one password, and that is none of these."""
    own = [pair for pair in pairs if pair[0] == user]
    return own[:MOST_TRIES] if user == ours.user else own


def factory_logins(identity: Identity) -> Sequence[Pair]:
    """Those with which BMCs of this make leave the factory."""
    return family_of(Resource("", {"Vendor": identity.vendor}), Resource("", {"Model": identity.bmc_family})).defaults


def _declared(world: World, job: Job) -> Pair | None:
    try:
        declared = world.bmcs.declared(job.node)
    except SecretMissing:
        return None  # nobody needs it any more once the BMC has a password of its own
    return declared.user, declared.password.reveal()


def _login(pair: Pair) -> Login:
    return Login(pair[0], Secret(pair[1]))


def _tried(world: World, job: Job, logins: Sequence[Pair], users: Collection[str] | None) -> Defaults:
    """One user's, after a good login of ours: some BMCs count refusals by whom they come from."""
    with world.bmcs.open(job.node):
        pass
    told = default_dead(lambda login: world.bmcs.connect(job.node, login), logins, users)
    if told.untried:
        what = f"whether {', '.join(told.untried)} is let in is not proven: {told.says or 'two refusals are enough'}"
        raise StepFailed(job.node.name, what, "wait until its BMC has forgotten the refusals, then: anneal verify")
    return told


def _let_in(world: World, job: Job, login: Login) -> bool:
    try:
        world.bmcs.connect(job.node, login).close()
    except Denied:
        return False
    return True


def _pair(told: JsonValue) -> tuple[str, str]:
    match told:
        case [str(works), str(says)]:
            return works, says
        case _:
            return Works.UNKNOWN, "nobody lived to hear it"


def _as_accounts(world: World, job: Job, login: Login) -> "_LoggedIn":
    machine = world.bmcs.connect(job.node, login)
    return _LoggedIn(machine, accounts(machine, job))


@dataclass(frozen=True)
class _LoggedIn:
    """`drivers.rotation.LoggedIn`."""

    machine: Machine
    accounts: Accounts

    def set_password(self, user: str, password: Secret) -> None:
        self.accounts.set_password(user, password)

    def close(self) -> None:
        self.machine.close()


def _new_password(world: World, job: Job, user: str) -> Secret:
    with world.bmcs.open(job.node) as machine:
        rules = accounts(machine, job).password_rules()
    try:
        return new_password(user, rules.shortest, rules.longest)
    except ValueError as error:
        raise StepFailed(job.node.name, str(error), "look at the BMC's password rules") from error


def _made(users: Accounts, login: Login) -> JsonValue:
    users.add_account(login.user, login.password)
    return login.user
