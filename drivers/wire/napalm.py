"""NAPALM, which speaks to EOS, NX-OS, Junos and IOS: its only import. Its errors become ours.

What it is used for: the way in, candidates and their difference. Not for its own commits: on EOS it restores the
*startup* configuration as a roll-back and saves with every confirmation, on Junos any commit passes for a confirmation,
on IOS it copies files over and cannot tell its timer from another's, on NX-OS it has none. Nor for most of what it
reads: its getters leave out subtypes of port ids, members' states and a port's VLANs.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from napalm import get_network_driver
from napalm.base import exceptions as napalm
from napalm.nxapi_plumbing import Device, RPCClient
from napalm.nxapi_plumbing.errors import NXAPIError

from drivers.errors import Busy, Denied, Refused, Unreachable, Unsupported
from drivers.plain import plain
from inventory.secrets import Login

NxosDevice, NxapiClient = Device, RPCClient  # for `drivers/wire/nxapi.py`, which judges its TLS
_WORDS = 1000  # characters of what a switch said


class Napalm(Protocol):
    """What all of its drivers can do, as far as we ask for it."""

    def open(self) -> None: ...

    def close(self) -> None: ...

    def load_merge_candidate(self, *, config: str) -> None: ...

    def compare_config(self) -> str: ...

    def discard_config(self) -> None: ...


def built(family: str, host: str, login: Login, timeout_s: float, arguments: Mapping[str, object]) -> object:
    """Its driver of a family, not yet open; the caller's wall knows its shape."""
    kind = get_network_driver(family)
    made: object = kind(host, login.user, login.password.reveal(), timeout=timeout_s, optional_args=dict(arguments))
    return made


@contextmanager
def spoken(who: str) -> Iterator[None]:
    try:
        yield
    except napalm.ConnectAuthError as error:
        raise Denied(who, "log in", "check user and secret") from error
    except napalm.UnsupportedVersion as error:
        raise Unsupported(
            who, f"version {plain(str(error))}", "update it; the page on switches names the oldest"
        ) from error
    except napalm.ConnectionException as error:
        raise Unreachable(who, plain(str(error), _WORDS), "check its power, cable and address") from error
    except (napalm.LockError, napalm.SessionLockedException) as error:
        remedy = "another is changing it; wait until he is done"
        raise Busy(who, f"its configuration is locked: {plain(str(error), _WORDS)}", remedy) from error
    except (napalm.NapalmException, NXAPIError) as error:
        remedy = "compare the port with the switch's running configuration"
        raise Refused(who, plain(str(error), _WORDS), remedy) from error
