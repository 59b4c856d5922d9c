"""Settings that wait for a reset: where they are written, and what makes them more than words.

Source: DSP0266, settings resources; DSP0268, Settings.
"""

from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.wire.https import Json

_SETTINGS = "@Redfish.Settings"
_APPLY = "@Redfish.SettingsApplyTime"


def settings_link(resource: Resource) -> str | None:
    """The link alone tells: the place has another name with each vendor (quirk 67)."""
    return resource.link(_SETTINGS, "SettingsObject")


def settings_of(session: RedfishSession, resource: Resource) -> Resource | None:
    link = settings_link(resource)
    return session.find(link) if link else None


def on_reset(resource: Resource, settings: Resource) -> Json:
    """What to send along so that they are applied at the next reset; nothing where it is not offered (quirk 61)."""
    offered = resource.texts(_SETTINGS, "SupportedApplyTimes")
    offered += settings.texts(_APPLY, "ApplyTime@Redfish.AllowableValues")
    return {_APPLY: {"ApplyTime": "OnReset"}} if "OnReset" in offered else {}


def verdicts(resource: Resource) -> tuple[str, ...]:
    """What the BMC said of the settings that it applied last, but for its successes (quirk 65)."""
    told = []
    for message in resource.objects(_SETTINGS, "Messages"):
        name = (message.text("MessageId") or "").rpartition(".")[2]
        if name == "Success":
            continue
        about = ", ".join(place.rpartition("/")[2] for place in message.texts("RelatedProperties"))
        words = " ".join(text for text in (name, message.text("Message")) if text)
        told.append(f"{words} ({about})" if about else words)
    return tuple(text for text in told if text)
