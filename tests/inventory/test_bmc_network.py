"""What may be said of a BMC's own network."""

import pytest
from pydantic import ValidationError

from inventory.model import Bmc, Node

BMC = {"address": "10.0.0.9", "user": "root", "password": "env:P"}


def bmc(**network):
    return Bmc.model_validate({**BMC, "network": network})


@pytest.mark.parametrize(
    ("network", "says"),
    [
        ({"dhcp": True, "prefix": 24}, "told twice"),
        ({"gateway": "10.0.0.1"}, "goes with a static address"),
        ({"met_at": "10.0.0.240"}, "nothing says how"),
        ({"prefix": 33}, "less than or equal to 32"),
        ({"prefix": 24, "gateway": "fd00::1"}, "must be an IPv4 address"),
        ({"hostname": "bmc.example.net"}, "pattern"),
    ],
)
def test_what_contradicts_itself_is_refused(network, says):
    with pytest.raises(ValidationError, match=says):
        bmc(**network)


def test_a_static_address_is_no_host_name_and_is_set_by_redfish():
    with pytest.raises(ValidationError, match="must be an IPv4 address"):
        Bmc.model_validate({**BMC, "address": "bmc1.example.net", "network": {"prefix": 24}})
    with pytest.raises(ValidationError, match="by redfish alone"):
        Bmc.model_validate({**BMC, "protocol": "ipmi", "network": {"prefix": 24}})


def test_it_may_answer_where_it_is_met_and_where_it_is_to_be():
    assert [str(one) for one in bmc(prefix=24, met_at="10.0.0.240").places] == ["10.0.0.9", "10.0.0.240"]
    assert [str(one) for one in bmc(prefix=24, met_at="10.0.0.9").places] == ["10.0.0.9"]


def test_the_name_of_a_bmc_follows_its_nodes_and_fits_a_label():
    def node(name, pattern):
        told = {"name": name, "rack": "r1", "unit": 1, "bmc": {**BMC, "network": {"hostname": pattern}}}
        nics = [{"name": "eth0", "mac": "52:54:00:00:00:01"}]
        return Node.model_validate({**told, "nics": nics, "groups": ["g"], "image": "os"})

    assert node("n1", "{node}-bmc").bmc_hostname == "n1-bmc"
    with pytest.raises(ValidationError, match="63 at most"):
        node("n" * 63, "{node}-bmc")
    with pytest.raises(ValidationError, match="letters, digits"):
        node("n1", "{node}-")
