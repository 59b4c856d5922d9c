"""What can be wrong with a simulated machine, by name; switched on and off while it runs."""

from enum import StrEnum


class Fault(StrEnum):
    BMC_UNREACHABLE = "bmc-unreachable"  # nothing listens at the BMC's address
    BMC_LIES = "bmc-lies"  # every write is answered as done, and nothing is done
    BMC_WRONG_PASSWORD = "bmc-wrong-password"  # noqa: S105  a fault's name; every login is refused
    BMC_NEW_CERTIFICATE = "bmc-new-certificate"  # another key and certificate than before
    AGENT_WRONG_TOKEN = "agent-wrong-token"  # noqa: S105  a fault's name; heartbeats bear a token nobody gave
    AGENT_SILENT = "agent-silent"  # the ramdisk boots and its agent never calls
    DISK_FULL = "disk-full"  # a write of an image runs out of space
    OS_NEVER_BOOTS = "os-never-boots"
    PHONE_HOME_WRONG_TOKEN = "phone-home-wrong-token"  # noqa: S105  a fault's name
    POWER_STUCK_OFF = "power-stuck-off"  # power-on is accepted, the power stays off
    SSH_REFUSED = "ssh-refused"
    PING_LOST = "ping-lost"  # echo requests to and from this machine are dropped
    CLOCK_OFF = "clock-off"  # the installed OS never synchronises its clock
