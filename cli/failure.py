"""How an error ends the command: one line for people, one code for scripts."""

from collections.abc import Mapping
from types import MappingProxyType

from cli.exits import Exit
from drivers import errors as drivers
from inventory import errors as inventory
from orchestrator import errors as orchestrator

# The nearest class of an error's own ancestry decides.
CODES: Mapping[type[Exception], Exit] = MappingProxyType(
    {
        inventory.InventoryError: Exit.BAD_INVENTORY,
        orchestrator.Knot: Exit.BAD_INVENTORY,
        orchestrator.BadRole: Exit.BAD_INVENTORY,
        orchestrator.Impossible: Exit.BAD_INVENTORY,
        orchestrator.ConsentNeeded: Exit.DENIED,
        orchestrator.OrchestratorError: Exit.FAILED,
        drivers.Unreachable: Exit.UNREACHABLE,
        drivers.Denied: Exit.DENIED,
        drivers.DriverError: Exit.FAILED,
        PermissionError: Exit.DENIED,
        OSError: Exit.FAILED,
    }
)


FORESEEN = tuple(CODES)


def ending(error: Exception) -> tuple[str, Exit]:
    """What to say of one of `FORESEEN`, and how to exit."""
    code = next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or error}", code
    return str(error), code
