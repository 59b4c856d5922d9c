"""Which kernel modules a list keeps."""

from orchestrator.image.modules import chosen

NEEDS = {
    "kernel/drivers/net/ethernet/intel/ixgbe.ko": ("kernel/drivers/dca/dca.ko", "kernel/lib/mdio.ko"),
    "kernel/drivers/net/wireless/ath.ko": (),
    "kernel/drivers/dca/dca.ko": ("kernel/drivers/dca/deep.ko",),
    "kernel/drivers/dca/deep.ko": (),
    "kernel/lib/mdio.ko": (),
    "kernel/sound/snd.ko": (),
}


def test_a_wanted_module_brings_what_it_needs_and_what_that_needs():
    assert chosen(NEEDS, ["kernel/drivers/net/ethernet"]) == {
        "kernel/drivers/net/ethernet/intel/ixgbe.ko",
        "kernel/drivers/dca/dca.ko",
        "kernel/drivers/dca/deep.ko",
        "kernel/lib/mdio.ko",
    }


def test_the_longest_prefix_decides_whatever_the_order():
    lines = ["- kernel/drivers/net/wireless", "kernel/drivers/net"]
    for listed in (lines, lines[::-1]):
        assert "kernel/drivers/net/wireless/ath.ko" not in chosen(NEEDS, listed)


def test_a_module_left_out_comes_back_where_another_needs_it():
    assert "kernel/lib/mdio.ko" in chosen(NEEDS, ["kernel/drivers/net/ethernet", "- kernel/lib"])


def test_nothing_is_kept_unasked():
    assert chosen(NEEDS, []) == frozenset()
