"""The host's power, boot override, boot order and Secure Boot, as its BMC takes them.

Source: DSP0268, ComputerSystem.Boot and Reset, SecureBoot.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.part import Change, Context, Write, wrong_type
from drivers.virtual.twin.part_override import Wanted, order_as_told, overridden
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, read_object
from drivers.virtual.twin.shape import at, items, mapping, merged, text
from drivers.virtual.twin.states import Lasts, Power

_RESETS: Mapping[str, Callable[[Machine], None]] = MappingProxyType(
    {
        "On": Machine.turn_on,
        "ForceOn": Machine.turn_on,
        "ForceOff": Machine.turn_off,
        "GracefulShutdown": Machine.shut_down,
        "GracefulRestart": Machine.restart,
        "ForceRestart": Machine.restart,
        "PowerCycle": Machine.cycle,
    }
)
_FOR_EVER: Mapping[str, str | None] = MappingProxyType(
    {"unknown": "Unknown", "poweringon": "PoweringOn", "null": None, "": None}
)


class HostPart:
    def __init__(self, context: Context) -> None:
        self._on = context.on
        self._context = context
        self._machine = context.machine
        self._places = context.places
        self._system = context.places.system
        context.machine.heed_post(self._post)

    @property
    def _settings(self) -> str:
        return f"{self._system}/{'settings' if self._machine.personality.caseless else 'Settings'}"

    def _apart(self) -> bool:
        """Whether Boot is written at a settings object."""
        return self._on(5) or self._on(6)

    def show(self, path: str, base: Resource | None) -> Resource | None:
        if path == self._system and base is not None:
            return self._shown(base)
        if path == self._settings and base is None and self._apart():
            spelt = f"{text(self._places.read(self._system), '@odata.id') or self._system}/Settings"
            boot = {**self._boot(), **self._allowed()}
            return {
                "@odata.id": spelt,
                "@odata.type": "#ComputerSystem.v1_22_0.ComputerSystem",
                "Id": "Settings",
                "Boot": boot,
            }
        if path == self._places.secure_boot and base is not None:
            return self._secure(base)
        return base

    def _shown(self, base: Resource) -> Resource:
        told: Resource = {"PowerState": self._power_state(), "Boot": self._boot()}
        generic = "PowerState" not in base
        if generic and not self._on(6):
            told["Boot"] = {**self._boot(), **self._allowed()}
        if self._apart():
            told["@Redfish.Settings"] = {"SettingsObject": {"@odata.id": f"{base['@odata.id']}/Settings"}}
        if "BiosVersion" in base and "BIOS" in self._machine.settings.versions:
            told["BiosVersion"] = self._machine.settings.versions["BIOS"]
        if self._machine.undiscovered:
            told["BootProgress"] = {"LastState": "MemoryInitializationStarted"}
        if self._machine.personality.name == "ilo":
            told["Oem"] = {"Hpe": {"PostState": self._machine.post_state, "PowerOnDelay": "Minimum"}}
        shown = merged(base, told)
        if self._on(9):
            shown["Boot"] = {key: value for key, value in mapping(shown, "Boot").items() if "OverrideMode" not in key}
        return shown

    def _power_state(self) -> str | None:
        machine = self._machine
        for_ever = machine.manners.shape("F23")
        if for_ever is not None:
            return _FOR_EVER[for_ever.word]
        if self._on(23) and machine.power in (Power.POWERING_ON, Power.POWERING_OFF):
            since = time.monotonic() - machine.powered_at
            return (None, "Unknown", machine.power.value)[min(2, int(3 * since / max(0.001, self._context.soon(3, 0))))]
        return machine.power.value

    def _boot(self) -> Resource:
        override, settings = self._machine.valid_override(), self._machine.settings
        told: Resource = {
            "BootSourceOverrideEnabled": override.lasts.value,
            "BootSourceOverrideTarget": override.target.value,
            "BootSourceOverrideMode": override.mode,
        }
        order = self._order()
        if order:
            told["BootOrder"] = [f"{name}: entry" for name in order] if self._on(17) else order
        if settings.http_uri is not None or "UefiHttp" in self.targets():
            told["HttpBootUri"] = settings.http_uri
        return told

    def _order(self) -> list[str]:
        """As it was captured until it is set."""
        settings = self._machine.settings
        captured = [str(one) for one in items(self._places.read(self._system), "Boot", "BootOrder")]
        return captured if captured and not settings.order_changed else list(settings.order)

    def _allowed(self) -> Resource:
        lasting = [lasts.value for lasts in Lasts if lasts is not Lasts.CONTINUOUS or not self._on(2)]
        return {
            "BootSourceOverrideTarget@Redfish.AllowableValues": list(self.targets()),
            "BootSourceOverrideEnabled@Redfish.AllowableValues": lasting,
            "BootSourceOverrideMode@Redfish.AllowableValues": ["UEFI", "Legacy"],
        }

    def targets(self) -> tuple[str, ...]:
        """What can be booted once: what the tree lists, or the personality's own."""
        captured = items(self._places.read(self._system), "Boot", "BootSourceOverrideTarget@Redfish.AllowableValues")
        listed = tuple(str(one) for one in captured) or self._machine.personality.targets
        if not self._on(10):
            return listed
        return tuple("UsbCd" if one == "Cd" else one for one in listed if one != "UsbCd")

    def resets(self) -> list[str]:
        action = at(self._places.read(self._system), "Actions", "#ComputerSystem.Reset")
        listed = items(action, "ResetType@Redfish.AllowableValues")
        info = text(action, "@Redfish.ActionInfo")
        if not listed and info is not None:
            parameters = items(self._context.tree.read(self._context.tree.key(info)), "Parameters")
            listed = [
                value for one in parameters if at(one, "Name") == "ResetType" for value in items(one, "AllowableValues")
            ]
        return [str(value) for value in listed] or list(self._machine.personality.resets)

    def write(self, method: str, path: str) -> Write | None:
        target = (
            self._places.target(self._system, "ComputerSystem.Reset") or f"{self._system}/Actions/ComputerSystem.Reset"
        )
        if method == "POST" and path == target:
            return Write("power", self._reset, action=True)
        if method == "PATCH" and path in (self._system, self._settings):
            return Write("boot", self._patch if (path == self._settings) is self._apart() else _not_here)
        if method == "PATCH" and path == self._places.secure_boot:
            return Write("boot", self._patch_secure)
        return None

    def _reset(self, call: Call) -> Change:
        wanted = read_object(call.body).get("ResetType")
        if wanted is None:
            raise Fail(400, "ActionParameterMissing", "The action Reset requires the parameter ResetType.")
        if wanted not in self.resets():
            says = f"The value {wanted!r} for the parameter ResetType of the action Reset is not in its list."
            raise Fail(400, "ActionParameterValueNotInList", says)
        word = str(wanted)
        idle = self._refuse_power(word)
        reset = _RESETS.get(word)
        if word == "PushPowerButton":
            reset = Machine.turn_on if self._machine.is_off else Machine.shut_down
        return Change(f"Reset {word}", None if reset is None or idle else lambda: reset(self._machine))

    def _refuse_power(self, word: str) -> bool:
        """`Fail` where it is refused now; True where it is taken and means nothing."""
        machine, since = self._machine, time.monotonic() - self._machine.powered_at
        if self._on(20) and since < self._context.soon(10, 0.3):
            raise Fail(
                400, "InvalidOperationForSystemState", "The operation is invalid for the current state of the system."
            )
        if (
            self._on(19)
            and word == "On"
            and machine.is_off
            and machine.power_actions
            and since < self._context.soon(15, 0.4)
        ):
            raise Fail(
                409, "ActionParameterValueConflict", "The value On of ResetType conflicts with the present state."
            )
        if self._on(21) and word == "GracefulRestart":
            raise Fail(400, "ActionParameterNotSupported", "GracefulRestart is not supported by this system.")
        there = (
            machine.is_off
            if word in ("ForceOff", "GracefulShutdown")
            else not machine.is_off and word in ("On", "ForceOn")
        )
        if there and self._on(18) and machine.personality.already != 204:
            says = f"The server is already powered {'OFF' if machine.is_off else 'ON'}."
            raise Fail(
                machine.personality.already,
                "ResourceInUse" if machine.personality.already == 409 else "InvalidOperation",
                says,
            )
        return there

    def _patch(self, call: Call) -> Change:
        told = read_object(call.body)
        unknown = set(told) - {"Boot"} - {key for key in told if key.startswith("@")}
        if unknown:
            raise Fail(400, "PropertyNotWritable", f"The property {min(unknown)} is read-only or unknown.")
        boot = told.get("Boot")
        if not isinstance(boot, dict):
            raise wrong_type("Boot")
        wanted = Wanted.read(boot, self.targets(), self._context.on, self._machine.valid_override())
        order = order_as_told(boot, self._order())
        return Change(
            f"Boot {json.dumps(boot, sort_keys=True)}", lambda: self._set(wanted, order, boot), reply=lambda: Reply(200)
        )

    def _set(self, wanted: Wanted, order: list[str] | None, boot: Resource) -> None:
        machine, settings = self._machine, self._machine.settings
        mode = machine.override.mode
        machine.override = overridden(machine.valid_override(), wanted, self._context.on)
        if wanted.mode is not None and self._on(12):
            settings.wanted_mode = wanted.mode
            machine.override = replace(machine.override, mode=mode)
        elif wanted.mode is not None:
            machine.boot_mode = wanted.mode
        if order is not None:
            settings.order, settings.order_changed = order, True
        if "HttpBootUri" in boot:
            settings.http_uri = text(boot, "HttpBootUri")
        machine.note("The boot settings were changed.")

    def _patch_secure(self, call: Call) -> Change:
        told = read_object(call.body)
        enabled = told.get("SecureBootEnable")
        if set(told) != {"SecureBootEnable"} or not isinstance(enabled, bool):
            raise wrong_type("SecureBootEnable")

        def effect() -> None:
            self._machine.settings.secure_enabled = enabled

        return Change(f"SecureBootEnable {enabled}", effect, reply=lambda: Reply(200))

    def _secure(self, base: Resource) -> Resource:
        settings = self._machine.settings
        if self._on(12) and settings.secure_enabled != settings.secure_active:
            raise Fail(500, "InternalError", "Secure Boot is being changed.")
        current = "Enabled" if settings.secure_active else "Disabled"
        return {**base, "SecureBootEnable": settings.secure_enabled, "SecureBootCurrentBoot": current}

    def _post(self, begun: bool) -> None:  # noqa: FBT001  a hook of Machine.heed_post
        settings, machine = self._machine.settings, self._machine
        if begun:
            return
        settings.secure_active = settings.secure_enabled
        if settings.wanted_mode is not None:
            machine.boot_mode, settings.wanted_mode = settings.wanted_mode, None
            machine.override = replace(machine.override, mode=machine.boot_mode)


def _not_here(_: Call) -> Change:
    raise Fail(400, "PropertyNotWritable", "The property Boot is read-only here; see @Redfish.Settings.")
