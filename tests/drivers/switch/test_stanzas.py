"""A running configuration as stanzas, and what of it nobody may see."""

import pytest

from drivers.switch.stanzas import differing, interfaces, stanzas, value, without_secrets

SECRET = "hUsh4711"


@pytest.mark.parametrize(
    "line",
    [
        "enable secret 9 $9$hUsh4711",
        "enable password hUsh4711",
        "username admin privilege 15 secret sha512 $6$hUsh4711",
        "username admin password 5 $5$hUsh4711 role network-admin",
        "snmp-server community hUsh4711 ro",
        "snmp-server user nms network-admin auth md5 0xhUsh4711 priv 0xhUsh4711 localizedkey",
        'radius-server host 10.0.0.1 key 7 "hUsh4711" authentication accounting',
        "tacacs-server key 7 hUsh4711",
        "tacacs-server host 10.0.0.1 key hUsh4711",
        "tacacs server one\n key hUsh4711",
        "radius server one\n key 7 hUsh4711",
        "key chain ospf\n key 1\n  key-string 7 hUsh4711",
        "router bgp 65001\n   neighbor 10.0.0.1 password 7 hUsh4711",
        "ntp authentication-key 1 md5 7 hUsh4711",
        "interface Vlan10\n   ip ospf message-digest-key 1 md5 7 hUsh4711",
        "interface Vlan10\n ip ospf authentication-key hUsh4711",
        "crypto isakmp key hUsh4711 address 10.0.0.1",
        "wpa-psk ascii 0 hUsh4711",
        "   pre-shared-key hUsh4711",
        "aaa group server tacacs+ x\n server-private 10.0.0.1 key 7 hUsh4711",
        "vrrp 1 authentication md5 key-string hUsh4711",
    ],
)
def test_no_secret_is_shown(line):
    shown = without_secrets(f"hostname leaf1\n{line}\ninterface Ethernet1\n   description key to rack 4\n")
    assert SECRET not in shown
    assert "hostname leaf1" in shown
    assert "interface Ethernet1\n   description key to rack 4" in shown


def test_what_a_switch_says_of_its_configuration_is_not_in_it():
    eos = (
        "! Command: show running-config\n! device: leaf1\n!\nhostname leaf1\ninterface Ethernet1\n   mtu 9000\n!\nend\n"
    )
    ios = "Building configuration...\n\nCurrent configuration : 9\nhostname leaf1\ninterface Ethernet1\n mtu 9000\n"
    assert differing(stanzas(eos), stanzas(ios)) == frozenset()
    assert interfaces("eos", stanzas(eos)) == {"Ethernet1": ("mtu 9000",)}


def test_what_differs_is_named_by_its_head():
    one, other = stanzas("a\nb\n x\n"), stanzas("a\nb\n y\nc\n")
    assert differing(one, other) == {"b", "c"}


def test_a_value_is_what_follows_the_whole_word():
    assert value(["mtu-ignore", "mtu 9000"], "mtu") == "9000"
    assert value(["mtu-ignore"], "mtu") is None
