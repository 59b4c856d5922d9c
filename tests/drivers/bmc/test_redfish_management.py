"""The BMC itself by Redfish: its clock, network, time servers, certificate and restart."""

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from drivers.ability.progress import handle_from
from drivers.catalog import offers
from drivers.errors import Garbled, IdentityChanged, NotApplied, Refused, Unsupported
from drivers.redfish.driver import Redfish

ROOT = "/redfish/v1/"
SYSTEM = "/redfish/v1/Systems/1"
MANAGER = "/redfish/v1/Managers/1"
PROTOCOLS = "/redfish/v1/Managers/1/NetworkProtocol"
NICS = "/redfish/v1/Managers/1/EthernetInterfaces"
RESET = "/redfish/v1/Managers/1/Actions/Manager.Reset"
SERVICE = "/redfish/v1/CertificateService"
CERTIFICATES = "/redfish/v1/Managers/1/NetworkProtocol/HTTPS/Certificates"
GENERATE = f"{SERVICE}/Actions/CertificateService.GenerateCSR"
REPLACE = f"{SERVICE}/Actions/CertificateService.ReplaceCertificate"


def link(path):
    return {"@odata.id": path}


def now(**more):
    return (datetime.now(UTC) + timedelta(**more)).isoformat(timespec="seconds")


@pytest.fixture
def managed(lab):
    lab.resources[MANAGER] |= {
        "@odata.id": MANAGER,
        "DateTime": now(),
        "NetworkProtocol": link(PROTOCOLS),
        "EthernetInterfaces": link(NICS),
        "Actions": {"#Manager.Reset": {"target": RESET}},
    }
    lab.resources[PROTOCOLS] = {
        "HostName": "bmc-7",
        "NTP": {"ProtocolEnabled": False, "NTPServers": []},
        "IPMI": {"ProtocolEnabled": True, "Port": 623},
        "HTTPS": {"Certificates": link(CERTIFICATES)},
    }
    lab.resources[NICS] = {"Members": [link(f"{NICS}/ToHost"), link(f"{NICS}/1")]}
    lab.resources[f"{NICS}/ToHost"] = {
        "MACAddress": "52:54:00:00:00:99",
        "IPv4Addresses": [{"Address": "169.254.3.254", "AddressOrigin": "Static"}],
        "Links": {"HostInterface": link("/redfish/v1/Managers/1/HostInterfaces/1")},
    }
    lab.resources[f"{NICS}/1"] = {
        "MACAddress": "52:54:00:00:00:01",
        "DHCPv4": {"DHCPEnabled": True},
        "IPv4Addresses": [{"Address": "10.0.0.7", "AddressOrigin": "DHCP"}, {"Address": "0.0.0.0"}],
        "IPv6Addresses": [{"Address": "::"}, {"Address": "FE80::1", "AddressOrigin": "LinkLocal"}],
    }
    return lab


def test_a_redfish_driver_offers_management():
    assert "management" in offers(Redfish)


def test_the_bmc_tells_its_clock_network_and_time_servers(managed):
    state = managed.connect().bmc_state()
    assert abs(state.clock - datetime.now(UTC)) < timedelta(minutes=1)
    assert (state.ntp_enabled, state.ntp_servers, state.hostname, state.ipmi_enabled) == (False, (), "bmc-7", True)
    assert (state.mac, state.addresses, state.dhcp) == ("52:54:00:00:00:01", ("10.0.0.7", "fe80::1"), True)
    assert state.findings == ()


def test_the_interface_that_has_our_address_is_the_bmcs_own(managed):
    managed.resources[f"{NICS}/ToHost"]["IPv4Addresses"] = [{"Address": "127.0.0.1"}]
    assert managed.connect().bmc_state().mac == "52:54:00:00:00:99"


@pytest.mark.fault("F24", "accounts")
def test_where_no_manager_is_known_to_be_the_hosts_nothing_is_told_of_it_and_nothing_sent(managed):
    managed.resources["/redfish/v1/Managers"] = {"Members": [link(MANAGER), link("/redfish/v1/Managers/2")]}
    managed.resources["/redfish/v1/Managers/2"] = {"Model": "Other"}
    machine = managed.connect()
    state = machine.bmc_state()
    assert (state.clock, state.mac, [finding.code for finding in state.findings]) == (None, None, ["no-manager"])
    for doing in (machine.reset_bmc, lambda: machine.set_ntp(["10.0.0.1"])):
        with pytest.raises(Unsupported, match="no manager"):
            doing()
    assert machine.log() == ()


@pytest.mark.quirk(106)
def test_a_bmc_whose_ipmi_over_lan_is_off_says_so_by_redfish(managed):
    managed.resources[PROTOCOLS]["IPMI"]["ProtocolEnabled"] = False
    assert managed.connect().bmc_state().ipmi_enabled is False


@pytest.mark.fault("F24", "accounts")
def test_a_bmc_that_tells_nothing_or_nonsense_is_unknown(managed):
    managed.resources[MANAGER] |= {"DateTime": "0000-00-00T00:00:00Z"}
    managed.resources[PROTOCOLS] = {"NTP": [], "IPMI": {"ProtocolEnabled": "yes"}, "HostName": 7}
    managed.resources[NICS] = {"Members": None}
    state = managed.connect().bmc_state()
    assert (state.clock, state.ntp_enabled, state.ntp_servers, state.hostname) == (None, None, None, None)
    assert (state.mac, state.addresses, state.dhcp, state.ipmi_enabled) == (None, (), None, None)
    assert {finding.code for finding in state.findings} == {"wrong-type"}


@pytest.mark.quirk(47)
@pytest.mark.fault("F29", "discover")
@pytest.mark.parametrize("clock", ["1970-01-01T00:12:00Z", "2031-05-04T03:02:01+09:00"])
def test_a_clock_that_is_years_off_is_a_finding(managed, clock):
    managed.resources[MANAGER]["DateTime"] = clock
    state = managed.connect().bmc_state()
    assert state.clock == datetime.fromisoformat(clock)
    assert [finding.code for finding in state.findings] == ["clock-off"]


@pytest.mark.quirk(47)
def test_a_clock_without_an_offset_is_read_with_the_offset_beside_it(managed):
    told = datetime.now(UTC) + timedelta(hours=9)
    managed.resources[MANAGER] |= {
        "DateTime": told.replace(tzinfo=None).isoformat(timespec="seconds"),
        "DateTimeLocalOffset": "+09:00",
    }
    assert abs(managed.connect().bmc_state().clock - datetime.now(UTC)) < timedelta(minutes=1)


def ntp(lab):
    return [one.json() for one in lab.sent("PATCH")]


def test_time_servers_are_set_and_switched_on_in_one_write(managed):
    managed.connect().set_ntp(["ntp1.example.net", "10.0.0.1"])
    assert ntp(managed) == [{"NTP": {"NTPServers": ["ntp1.example.net", "10.0.0.1"], "ProtocolEnabled": True}}]


@pytest.mark.quirk(47)
def test_of_time_servers_only_what_differs_is_sent(managed):
    managed.resources[PROTOCOLS]["NTP"] = {"ProtocolEnabled": False, "NTPServers": ["10.0.0.1"]}
    machine = managed.connect()
    machine.set_ntp(["10.0.0.1"])
    machine.set_ntp(["10.0.0.1"])
    assert ntp(managed) == [{"NTP": {"ProtocolEnabled": True}}]


def test_unused_places_of_a_fixed_list_are_emptied_as_the_bmc_empties_them(managed):
    managed.resources[PROTOCOLS]["NTP"] = {"ProtocolEnabled": True, "NTPServers": ["old.example.net", "", "0.0.0.0"]}
    managed.connect().set_ntp(["10.0.0.1"])
    assert ntp(managed) == [{"NTP": {"NTPServers": ["10.0.0.1", "", ""]}}]


def test_a_bmc_that_keeps_what_a_shorter_list_does_not_name_is_told_to_empty_it(managed, new_reply):
    held = {"ProtocolEnabled": True, "NTPServers": ["old1", "old2"]}
    managed.resources[PROTOCOLS]["NTP"] = held

    def keeps(heard):
        told = heard.json()["NTP"]["NTPServers"]
        held["NTPServers"] = told + held["NTPServers"][len(told) :]
        return new_reply(204)

    managed.acts["PATCH", PROTOCOLS] = keeps
    managed.connect().set_ntp(["10.0.0.1"])
    assert held["NTPServers"] == ["10.0.0.1", ""]


def test_where_one_write_is_refused_servers_go_before_the_switch(managed, new_reply, refusal):
    managed.next("PATCH", PROTOCOLS, new_reply(400, refusal("Base.1.0.PropertyValueConflict", "one at a time")))
    managed.connect().set_ntp(["10.0.0.1"])
    assert ntp(managed)[1:] == [{"NTP": {"NTPServers": ["10.0.0.1"]}}, {"NTP": {"ProtocolEnabled": True}}]


def test_an_ilo_keeps_its_time_servers_elsewhere(managed):
    place = f"{MANAGER}/DateTime"
    del managed.resources[PROTOCOLS]["NTP"]
    managed.resources[MANAGER]["Oem"] = {"Hpe": {"Links": {"DateTimeService": link(place)}}}
    managed.resources[place] = {"StaticNTPServers": ["0.0.0.0", "0.0.0.0"], "NTPServers": ["", ""]}
    machine = managed.connect()
    machine.set_ntp(["10.0.0.1"])
    assert ntp(managed) == [{"StaticNTPServers": ["10.0.0.1", "0.0.0.0"]}]
    assert machine.bmc_state().ntp_servers == ("10.0.0.1",)


@pytest.mark.fault("F17", "accounts")
def test_time_servers_that_do_not_stick_are_not_applied(managed):
    managed.obeys = False
    with pytest.raises(NotApplied, match=r"took 10\.0\.0\.1 as time servers .* reads back none, enabled False"):
        managed.connect().set_ntp(["10.0.0.1"])


def test_a_bmc_without_time_servers_says_so(managed):
    del managed.resources[PROTOCOLS]["NTP"]
    with pytest.raises(Unsupported, match="no time servers"):
        managed.connect().set_ntp(["10.0.0.1"])


@pytest.mark.fault("F3", "accounts")
def test_a_lost_answer_is_settled_by_reading_back(managed, new_reply):
    def lost(heard):
        managed.resources[PROTOCOLS]["NTP"] = {"ProtocolEnabled": True, "NTPServers": ["10.0.0.1"]}
        return new_reply(silent=True)

    managed.acts["PATCH", PROTOCOLS] = lost
    managed.connect().set_ntp(["10.0.0.1"])
    assert len(ntp(managed)) == 1


def resets(lab):
    return [one.json() for one in lab.sent("POST", RESET)]


@pytest.mark.quirk(26)
@pytest.mark.parametrize(
    ("allowed", "kind"),
    [
        (["ForceRestart", "GracefulRestart"], "GracefulRestart"),
        (["GracefulRestart"], "GracefulRestart"),
        (["ForceRestart"], "ForceRestart"),
    ],
)
def test_a_bmc_is_restarted_as_gracefully_as_it_says_it_can(managed, new_reply, allowed, kind):
    managed.resources[MANAGER]["Actions"]["#Manager.Reset"]["ResetType@Redfish.AllowableValues"] = allowed
    managed.acts["POST", RESET] = lambda _: new_reply(204)
    handle = managed.connect().reset_bmc()
    assert resets(managed) == [{"ResetType": kind}]
    assert handle_from(handle.as_json()) == handle
    assert (handle.what, handle.path) == (f"restart of the BMC ({kind})", None)


@pytest.mark.quirk(26)
def test_what_is_allowed_may_stand_in_a_resource_of_its_own(managed, new_reply):
    info = f"{MANAGER}/ResetActionInfo"
    managed.resources[MANAGER]["Actions"]["#Manager.Reset"]["@Redfish.ActionInfo"] = info
    managed.resources[info] = {"Parameters": [{"Name": "ResetType", "AllowableValues": ["ForceRestart"]}]}
    managed.acts["POST", RESET] = lambda _: new_reply(204)
    managed.connect().reset_bmc()
    assert resets(managed) == [{"ResetType": "ForceRestart"}]


@pytest.mark.quirk(26)
def test_a_bmc_that_lists_nothing_gets_graceful_and_after_a_refusal_forced(managed, new_reply, refusal):
    refused = new_reply(400, refusal("Base.1.0.ActionParameterNotSupported", "no"))
    managed.next("POST", RESET, refused, new_reply(204))
    managed.connect().reset_bmc()
    assert [sent["ResetType"] for sent in resets(managed)] == ["GracefulRestart", "ForceRestart"]


@pytest.mark.quirk(26)
def test_an_idrac_that_lists_nothing_gets_graceful_alone(managed, new_reply, refusal):
    managed.resources[ROOT]["Vendor"] = "Dell"
    managed.next("POST", RESET, new_reply(400, refusal("Base.1.0.ActionParameterNotSupported", "no")))
    with pytest.raises(Refused):
        managed.connect().reset_bmc()
    assert len(resets(managed)) == 1


def test_a_bmc_that_cannot_be_restarted_says_so(managed):
    managed.resources[MANAGER]["Actions"]["#Manager.Reset"]["ResetType@Redfish.AllowableValues"] = ["ResetAll"]
    with pytest.raises(Unsupported, match="reset types: ResetAll"):
        managed.connect().reset_bmc()
    assert resets(managed) == []


@pytest.mark.fault("F3", "accounts")
def test_a_restart_whose_answer_is_lost_is_sent_once_and_counts_as_begun(managed, new_reply):
    managed.next("POST", RESET, new_reply(silent=True))
    assert "its answer lost" in managed.connect().reset_bmc().what
    assert len(resets(managed)) == 1


@pytest.mark.quirk(45)
@pytest.mark.fault("F20", "accounts")
@pytest.mark.parametrize("keeps", [True, False], ids=["sessions are kept", "sessions are gone"])
def test_after_a_restart_the_login_goes_on_whether_its_session_was_kept_or_not(managed, new_reply, keeps):
    def restart(_heard):
        if not keeps:
            managed.live.clear()
        return new_reply(204)

    managed.acts["POST", RESET] = restart
    machine = managed.connect()
    machine.reset_bmc()
    assert machine.bmc_state().hostname == "bmc-7"
    assert managed.made == (1 if keeps else 2)
    machine.close()
    assert managed.live == set()


def signed(name="bmc-7"):
    """A certificate with its key, and as a request."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem).decode(), secret.decode(), request.public_bytes(pem).decode()


@pytest.fixture
def certified(managed, new_reply, tmp_path):
    managed.resources[ROOT]["CertificateService"] = link(SERVICE)
    managed.resources[SERVICE] = {
        "Actions": {
            "#CertificateService.GenerateCSR": {"target": GENERATE},
            "#CertificateService.ReplaceCertificate": {"target": REPLACE},
        }
    }
    managed.resources[CERTIFICATES] = {"Members": [link(f"{CERTIFICATES}/1")]}
    chain, key, request = signed()
    managed.chain = chain

    def shows(_heard):
        (tmp_path / "new.pem").write_text(chain + key)
        managed.context.load_cert_chain(tmp_path / "new.pem")
        return new_reply(204)

    managed.acts["POST", REPLACE] = shows
    managed.acts["POST", GENERATE] = lambda _: new_reply(200, {"CSRString": request})
    managed.request = request
    return managed


def test_a_certificate_request_is_made_by_the_bmc_for_its_web_server(certified):
    assert certified.connect().certificate_request("bmc-7.example.net") == certified.request.strip()
    (sent,) = certified.sent("POST", GENERATE)
    assert sent.json()["CommonName"] == "bmc-7.example.net"
    assert sent.json()["CertificateCollection"] == link(CERTIFICATES)


@pytest.mark.parametrize("told", [{}, {"CSRString": "-----BEGIN CERTIFICATE REQUEST-----\nno\n"}, {"CSRString": 7}])
def test_what_is_no_certificate_request_is_garbled(certified, new_reply, told):
    certified.acts["POST", GENERATE] = lambda _: new_reply(200, told)
    with pytest.raises(Garbled, match="with none"):
        certified.connect().certificate_request("bmc-7")


def test_a_replaced_certificate_is_believed_when_a_handshake_shows_it_and_the_session_ends_over_it(certified):
    machine = certified.connect()
    machine.replace_certificate(certified.chain)
    (sent,) = certified.sent("POST", REPLACE)
    assert sent.json() == {
        "CertificateString": certified.chain,
        "CertificateType": "PEM",
        "CertificateUri": link(f"{CERTIFICATES}/1"),
    }
    machine._session._wire._origin.close()  # as a BMC does that restarts its web server
    machine.close()
    assert certified.live == set()


@pytest.mark.fault("F27", "accounts")
def test_the_pin_is_not_moved_by_the_driver(certified):
    before = dict(certified.known)
    machine = certified.connect()
    machine.replace_certificate(certified.chain)
    machine.close()
    with pytest.raises(IdentityChanged):
        certified.connect()
    shown = ssl.PEM_cert_to_DER_cert(certified.chain)
    assert hashlib.sha256(shown).hexdigest() not in certified.known.values()
    assert before == {}


@pytest.mark.fault("F27", "accounts")
def test_where_the_certificate_changed_since_nothing_at_all_is_sent(certified, tmp_path):
    certified.connect().close()
    chain, key, _ = signed("stranger")
    (tmp_path / "stranger.pem").write_text(chain + key)
    certified.context.load_cert_chain(tmp_path / "stranger.pem")
    heard = len(certified.heard)
    with pytest.raises(IdentityChanged):
        certified.connect()
    assert len(certified.heard) == heard


@pytest.mark.fault("F17", "accounts")
def test_a_certificate_that_was_taken_and_is_not_shown_is_not_applied(certified, new_reply):
    certified.acts["POST", REPLACE] = lambda _: new_reply(204)
    with pytest.raises(NotApplied, match="shows another"):
        certified.connect().replace_certificate(certified.chain)


def test_what_is_no_certificate_is_never_sent(certified):
    with pytest.raises(Refused, match="no certificate in PEM"):
        certified.connect().replace_certificate("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    assert certified.sent("POST", REPLACE) == []


def test_a_bmc_without_a_certificate_service_says_so(managed):
    with pytest.raises(Unsupported, match="no certificate service"):
        managed.connect().certificate_request("bmc-7")


@pytest.fixture
def ilo(certified, new_reply):
    security, own = f"{MANAGER}/SecurityService", f"{MANAGER}/SecurityService/HttpsCert"
    certified.resources[MANAGER]["Oem"] = {"Hpe": {"Links": {"SecurityService": link(security)}}}
    certified.resources[security] = {"Links": {"HttpsCert": link(own)}}
    certified.resources[own] = {
        "CertificateSigningRequest": signed()[2],
        "Actions": {
            "#HpeHttpsCert.GenerateCSR": {"target": f"{own}/Generate"},
            "#HpeHttpsCert.ImportCertificate": {"target": f"{own}/Import"},
        },
    }

    def generates(_heard):
        before = dict(certified.resources[own])
        certified.resources[own]["CertificateSigningRequest"] = certified.request
        certified.next("GET", own, new_reply(200, before), new_reply(200, {**before, "CertificateSigningRequest": ""}))
        return new_reply(200, {})

    certified.acts["POST", f"{own}/Generate"] = generates
    certified.acts["POST", f"{own}/Import"] = certified.acts["POST", REPLACE]
    certified.own = own
    return certified


def test_an_ilo_shows_its_new_request_after_a_while_and_the_one_before_is_not_taken_for_it(ilo):
    assert ilo.connect().certificate_request("bmc-7.example.net") == ilo.request.strip()
    (sent,) = ilo.sent("POST", f"{ilo.own}/Generate")
    assert (sent.json()["CommonName"], sent.json()["OrgName"]) == ("bmc-7.example.net", "Anneal")


def test_an_ilo_takes_its_certificate_in_its_own_place(ilo):
    machine = ilo.connect()
    machine.replace_certificate(ilo.chain)
    assert [one.json() for one in ilo.sent("POST", f"{ilo.own}/Import")] == [{"Certificate": ilo.chain}]
    assert ilo.sent("POST", REPLACE) == []
    machine.close()
    assert ilo.live == set()
