"""Going back port by port, where going back as a whole would undo what somebody else changed meanwhile.

For the families that keep no candidate, but a configuration of before: NX-OS and IOS. `default interface` gives a port
the settings that it has without a line; what it had stands in the configuration of before, in an order that can be
sent again. VLANs that were made are left: somebody else may use them by now.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from drivers.switch.cli_ports import Dialect
from drivers.switch.stanzas import Stanzas, differing, interfaces, value


@dataclass(frozen=True)
class PortWise:
    """`then`: the configuration of before; `now`: what runs; `ports`: those that we changed."""

    dialect: Dialect
    then: Stanzas
    now: Stanzas
    ports: Collection[str]

    def others(self) -> tuple[str, ...]:
        """Heads that somebody else changed, sorted: neither our ports, nor their LAGs, nor a VLAN."""
        ours = {*self.ports, *self._lags()}
        odd = (head for head in differing(self.then, self.now) if not head.startswith("vlan "))
        return tuple(sorted(head for head in odd if not set(interfaces(self.dialect.family, {head: ()})) & ours))

    def lines(self) -> Iterator[str]:
        """What brings our ports back, in order: out of their LAGs, the LAGs themselves, then what the ports had."""
        then = interfaces(self.dialect.family, self.then)
        for port in sorted(self.ports):
            yield f"default interface {port}"
        for lag in self._lags():
            yield from (f"interface {lag}", *then[lag]) if lag in then else (f"no interface {lag}",)
        for port in sorted(self.ports):
            if then.get(port):
                yield from (f"interface {port}", *then[port])

    def unlike(self, now: Stanzas) -> tuple[str, ...]:
        """Our ports that are not as they were, by what runs after."""
        then, after = (interfaces(self.dialect.family, one) for one in (self.then, now))
        return tuple(sorted(port for port in self.ports if set(then.get(port, ())) != set(after.get(port, ()))))

    def _lags(self) -> tuple[str, ...]:
        """Those that our ports are in, or were; and those that came since and hold nobody else's: a line that was
        refused half way leaves its LAG without a member."""
        then, now = (interfaces(self.dialect.family, one) for one in (self.then, self.now))
        ours = {lag for one in (then, now) for port in self.ports if (lag := self._lag(one.get(port, ())))}
        held = {self._lag(lines) for port, lines in now.items() if port not in self.ports}
        came = {name for name in now if name.startswith(self.dialect.lag) and name not in then}
        return tuple(sorted(ours | (came - held)))

    def _lag(self, lines: Sequence[str]) -> str | None:
        number = re.match(r"\d+", value(lines, "channel-group") or "")
        return f"{self.dialect.lag}{number[0]}" if number is not None else None
