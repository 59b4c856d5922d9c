"""Why a node is not where it should be: the shortest chain of causes, and the next thing to do (pure)."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from orchestrator.fleet import Key

DONE = frozenset({"active"})
_WAIT = "wait: it ends by itself at its deadline; anneal status --watch shows it"
_NEXT = MappingProxyType(
    {
        "active": "nothing: {role} holds on {node}",
        "error": "mend what the error names, then: anneal plan {node} and apply it",
        "gated": "see what its disks hold: anneal plan {node}; to erase them apply it with --confirm-erase {node}",
        "drifted": "anneal plan {node} shows what would bring it back",
        "unplanned": "anneal plan {node}",
        "stale": "anneal verify {node}",
    }
)


@dataclass(frozen=True)
class State:
    """One node role as it stands. `says` holds the error or what is at stake; `waiting_for` the wait with its end."""

    state: str
    says: str = ""
    waiting_for: str = ""


@dataclass(frozen=True)
class Link:
    node: str
    role: str
    state: str
    says: str


@dataclass(frozen=True)
class Because:
    """From the role asked about (first) to the one that all hangs on (last)."""

    chain: tuple[Link, ...]
    next: str


def why(key: Key, needs: Mapping[Key, tuple[Key, ...]], states: Mapping[Key, State]) -> Because:
    """Breadth first along unmet needs to the nearest role that is not merely blocked."""
    came_from: dict[Key, Key | None] = {key: None}
    queue = deque([key])
    while queue:
        at = queue.popleft()
        known = at in states
        unmet = [need for need in needs.get(at, ()) if known and _state(need, states).state not in DONE]
        if not unmet:
            return Because(_chain(at, came_from, states), _next(at, states))
        for need in sorted(unmet, key=lambda one: _urgency(_state(one, states).state)):
            if need not in came_from:
                came_from[need] = at
                queue.append(need)
    return Because(_chain(key, came_from, states), _next(key, states))


def _state(key: Key, states: Mapping[Key, State]) -> State:
    return states.get(key, State("unplanned", "never planned on this node"))


def _urgency(state: str) -> int:
    order = ("error", "gated", "drifted", "waiting", "transition", "todo", "stale", "blocked")
    return order.index(state) if state in order else len(order)


def _chain(last: Key, came_from: Mapping[Key, Key | None], states: Mapping[Key, State]) -> tuple[Link, ...]:
    links: list[Link] = []
    at: Key | None = last
    while at is not None:
        standing = _state(at, states)
        links.append(Link(*at, standing.state, standing.waiting_for or standing.says))
        at = came_from[at]
    return tuple(reversed(links))


def _next(key: Key, states: Mapping[Key, State]) -> str:
    node, role = key
    state = _state(key, states).state
    return _NEXT.get(state, _WAIT).format(node=node, role=role)
