"""The firmware's settings: as in force, as staged, and what becomes of them at the next POST.

Source: DSP0268, Bios and AttributeRegistry; DSP0266 9.10 (settings resource).
"""

from datetime import UTC, datetime, timedelta
from functools import cached_property

from drivers.virtual.twin import bios_catalogue
from drivers.virtual.twin.bios_catalogue import CUSTOM, PROFILE, RULED
from drivers.virtual.twin.bios_verdict import entries, objection
from drivers.virtual.twin.part import Change, Context, Write, wrong_type
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, read_object
from drivers.virtual.twin.shape import mapping, merged, text
from drivers.virtual.twin.work import Later

_COMMITTED = "Pending configuration values are already committed, unable to perform another set operation."
_MODES = {"Uefi": "UEFI", "UEFI": "UEFI", "Bios": "Legacy", "Legacy": "Legacy", "LegacyBios": "Legacy"}
JOB_LASTS = timedelta(seconds=20)


class BiosPart:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._on = context.on
        self._machine = context.machine
        self._places = context.places
        self._bios = context.machine.settings.bios
        self._manner = context.machine.personality.firmware
        context.machine.heed_post(self._post)

    @cached_property
    def _generic(self) -> bool:
        return not mapping(self._places.read(self._places.bios), "Attributes")

    def show(self, path: str, base: Resource | None) -> Resource | None:
        if path == self._moved():
            base = self._places.read(self._places.bios_settings)
        elif base is None or (path == self._places.bios_settings and self._on(67)):
            return None
        if path == self._places.bios and self._manner.attributes:
            return self._current(base)
        if path in (self._places.bios_settings, self._moved()):
            return self._pending(path, base)
        return base

    def _moved(self) -> str | None:
        """Quirk 67: the settings object is where nobody would guess."""
        bios = self._places.bios
        return f"{bios}/Staged7" if self._on(67) and bios is not None and self._manner.attributes else None

    def _before(self) -> Resource:
        if not self._generic:
            return mapping(self._places.read(self._places.bios), "Attributes")
        machine = self._machine
        mode = "Uefi" if machine.boot_mode == "UEFI" else "Bios"
        return {**bios_catalogue.factory(), "BootMode": mode, "SystemServiceTag": machine.spec.serial}

    def attributes(self) -> Resource:
        """As in force."""
        return {**self._before(), **self._bios.current}

    def _current(self, base: Resource) -> Resource:
        early = {**self._bios.staged, **self._bios.jobless} if self._on(64) else {}
        told: Resource = {"Attributes": {**self.attributes(), **early}}
        moved = self._moved()
        settings: Resource = {"SettingsObject": {"@odata.id": moved}} if moved is not None else {}
        if self._bios.judged_at is not None:
            settings |= {
                "Time": self._bios.judged_at.isoformat(timespec="seconds"),
                "Messages": list(self._bios.messages),
            }
        return {**merged(base, {"@Redfish.Settings": settings}), **told}

    def _pending(self, path: str, base: Resource) -> Resource:
        staged = {**self._bios.jobless, **self._bios.staged}
        shown = {**base, "Attributes": staged}
        if path == self._moved():
            shown["@odata.id"] = path
        if self._manner.pending == "all":
            shown["Attributes"] = {**self.attributes(), **staged}
        elif not staged and (self._manner.pending == "absent" or self._on(72)):
            del shown["Attributes"]
        return shown

    def write(self, method: str, path: str) -> Write | None:
        places = self._places
        if method == "PATCH" and path == (self._moved() or places.bios_settings):
            return Write("bios", self._stage)
        if method == "POST" and path == places.target(places.bios, "Bios.ResetBios"):
            return Write("bios", self._reset, action=True)
        if method == "POST" and path in places.jobs:
            return Write("bios", self._make_job)
        return None

    def _stage(self, call: Call) -> Change:
        told = read_object(call.body)
        wanted = told.get("Attributes", {})
        if not isinstance(wanted, dict):
            raise wrong_type("Attributes")
        when = text(told, "@Redfish.SettingsApplyTime", "ApplyTime")
        if when is not None and self._manner.apply_times and when not in self._manner.apply_times:
            raise Fail(400, "PropertyValueNotInList", f"{when} is not in SupportedApplyTimes.")
        self._judge(wanted)
        if self._on(63) and self._machine.work.open("bios"):
            raise Fail(400, "IDRAC.2.5.SYS011", _COMMITTED)
        if self._manner.jobs:
            return self._stage_for_job(wanted, with_job=when is not None and self._on(62))
        return Change(_said(wanted), lambda: self._bios.staged.update(wanted), reply=lambda: Reply(200))

    def _judge(self, wanted: Resource) -> None:
        known = entries(self.registry())
        objections = [found for name, value in wanted.items() if (found := objection(name, value, known))]
        if objections and not self._on(65):
            raise Fail(400, *objections[0])

    def registry(self) -> Resource:
        if not self._generic:
            return self._places.registry
        return bios_catalogue.registry("", self._manner.registry, self._machine.personality.names.vendor)

    def _stage_for_job(self, wanted: Resource, *, with_job: bool) -> Change:
        """Without a job they stay where they are for ever (quirk 61), or are applied by any POST."""
        if not with_job:
            kept = self._bios.jobless if self._on(61) else self._bios.staged
            return Change(_said(wanted), lambda: kept.update(wanted), reply=lambda: Reply(200))

        def effect() -> None:
            self._bios.staged.update(self._bios.jobless | wanted)
            self._bios.jobless.clear()

        return Change(_said(wanted), effect, self._job(), reply=lambda: Reply(202))

    def _job(self) -> Later:
        return Later(
            "Configure: BIOS.Setup.1-1", "bios", self._settle, JOB_LASTS, at_reset=True, job_type="BIOSConfiguration"
        )

    def _make_job(self, call: Call) -> Change:
        """Dell: a job for what was staged without one."""
        told = read_object(call.body)
        if not text(told, "TargetSettingsURI"):
            raise Fail(400, "PropertyMissing", "The property TargetSettingsURI is required.")
        if self._machine.work.open("bios"):
            raise Fail(400, "IDRAC.2.5.SYS011", _COMMITTED)
        if not self._bios.jobless and not self._bios.staged:
            raise Fail(400, "IDRAC.2.5.SYS053", "No pending data present to create a Configuration job.")

        def effect() -> None:
            self._bios.staged.update(self._bios.jobless)
            self._bios.jobless.clear()

        return Change("BIOS job", effect, self._job(), reply=lambda: Reply(200))

    def _reset(self, _: Call) -> Change:
        def effect() -> None:
            self._bios.reset_to_defaults = True

        return Change("Bios.ResetBios", effect)

    def drop_staged(self) -> None:
        """The job is gone, and with it what it was for (quirk 63)."""
        self._bios.staged.clear()
        self._bios.jobless.clear()

    def _post(self, begun: bool) -> None:  # noqa: FBT001  a hook of Machine.heed_post
        if begun:
            return
        if self._bios.reset_to_defaults:
            self._bios.reset_to_defaults = False
            self._bios.current.clear()
        if not (self._manner.jobs and self._on(61)):
            self._settle()

    def _settle(self) -> None:
        """Put in force what was staged, but for what the firmware will not have."""
        if not self._bios.staged:
            return
        known, messages = entries(self.registry()), []
        staged = dict(self._bios.staged)
        self._bios.staged.clear()
        if self._machine.manners.take("F18", "bios"):
            staged.pop(min(staged))
        profile = staged.get(PROFILE, self.attributes().get(PROFILE, CUSTOM))
        for name, value in staged.items():
            wrong = objection(name, value, known)
            ruled = self._on(66) and profile != CUSTOM and name in RULED
            if wrong is not None:
                messages.append(_message(wrong[0], name, wrong[1]))
            elif not ruled:
                self._bios.current[name] = value
        mode = _MODES.get(str(self._bios.current.get("BootMode")))
        if mode is not None and "BootMode" in staged:
            self._machine.boot_mode = mode
            self._machine.override = self._machine.no_override()
        self._bios.messages = messages or [{"MessageId": "Base.1.18.Success"}]
        self._bios.judged_at = datetime.now(UTC)


def _message(message: str, name: str, says: str) -> Resource:
    return {
        "MessageId": f"Base.1.18.{message}",
        "Message": says,
        "MessageArgs": [name],
        "RelatedProperties": [f"/Attributes/{name}"],
        "Severity": "Warning",
    }


def _said(wanted: Resource) -> str:
    return f"BIOS {', '.join(sorted(wanted))}"
