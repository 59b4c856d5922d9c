"""interfaces(5) is changed stanza by stanza, and each line that is not ours stays to the letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import Refused
from drivers.switch.interfaces_file import Interfaces, is_template, members, ranges, spread, vlans
from tests.drivers.switch.linux.conftest import BESIDE, PATH


def test_an_attribute_changes_where_it_stands_and_all_else_stays(files):
    made = files.changed("swp1", {"bridge-access": "200"}, PATH)
    before, after = files.texts[PATH].split("\n"), made.texts[PATH].split("\n")
    changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    assert changed == [("    bridge-access 100", "    bridge-access 200")]
    assert made.differing(files) == (PATH,)


def test_a_key_with_underscores_is_the_same_key_and_its_indent_is_kept(files):
    made = files.changed("swp2", {"bridge-access": "200"}, PATH)
    assert made.value("swp2", "bridge-access") == "200"
    assert "\tbridge-access 200\n" in made.texts[PATH]


def test_a_value_over_two_lines_is_read_whole_and_written_in_one(files):
    told = members(files, files.value("bridge", "bridge-ports"))
    assert told == ("swp1", "swp2", "swp3", "swp5", "swp6")
    made = files.changed("bridge", {"bridge-ports": "swp1 swp2"}, PATH)
    assert "    bridge-ports swp1 swp2\n    bridge-vlan-aware yes\n" in made.texts[PATH]


def test_a_new_stanza_is_brought_up_by_itself_and_stands_where_it_is_told_to(files):
    made = files.changed("swp4", {"bridge-access": "200", "mtu": None}, BESIDE)
    assert made.texts[BESIDE].endswith("\n\nauto swp4\niface swp4\n    bridge-access 200\n")
    assert made.texts[PATH] == files.texts[PATH]


def test_a_stanza_that_is_not_brought_up_by_itself_is_from_now_on():
    files = Interfaces("sw1", {PATH: "iface swp1\n    mtu 1500\n"})
    assert files.changed("swp1", {"mtu": "9000"}, PATH).texts[PATH] == "auto swp1\niface swp1\n    mtu 9000\n"


def test_what_says_the_same_in_other_words_stays_as_it_is_written(files):
    assert files.changed("bridge", {"bridge-vids": "100 300 301 302"}, PATH) == files


def test_a_stanza_goes_with_its_name_on_the_lines_that_bring_it_up(files):
    text = "auto lo swp1\n\niface swp1\n    mtu 1500\n\nauto lo\niface lo\n"
    assert Interfaces("sw1", {PATH: text}).without("swp1").texts[PATH] == "auto lo\n\nauto lo\niface lo\n"
    assert files.without("swp99") == files


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("auto swp[1-2]\niface swp[1-2]\n    mtu 1500\n", "shares the stanza swp\\[1-2\\] with others"),
        ("iface swp1\niface swp1\n", "has 2 stanzas"),
        ("iface swp1 inherits base\n", "takes after another stanza"),
        ("% for one in (1, 2):\niface swp${one}\n% endfor\n", "is a template"),
    ],
)
def test_what_cannot_be_changed_by_itself_is_refused(text, says):
    with pytest.raises(Refused, match=says):
        Interfaces("sw1", {PATH: text}).changed("swp1", {"mtu": "9000"}, PATH)


def test_ports_by_a_glob_are_written_out_and_by_a_regular_expression_refused(files):
    assert members(files, "glob swp1-3 swp9") == ("swp1", "swp2", "swp3", "swp9")
    assert members(files, "glob swp[1-2]s[0-1]") == ("swp1s0", "swp1s1", "swp2s0", "swp2s1")
    with pytest.raises(Refused, match="regular expression"):
        members(files, "regex swp.*")


def test_a_percent_sign_alone_makes_no_template():
    assert not is_template("iface swp1\n    alias 100% used\n")
    assert not is_template("iface swp1\n    alias ${name}\n"), "ifupdown2 renders no file without one"
    assert is_template("iface swp1\n    alias ${name} 100%\n")
    assert is_template("% for one in ports:\n")


@given(st.frozensets(st.integers(1, 4094), max_size=40))
def test_vlans_read_back_as_they_were_written(ids):
    assert vlans(ranges(ids)) == ids


@given(st.text(alphabet="abswp123[]-. \t\n\\#%$", max_size=120))
def test_any_text_at_all_is_read_and_stays_where_nothing_is_wanted(text):
    files = Interfaces("sw1", {PATH: text})
    for stanza in list(files.stanzas()):
        spread(stanza.name)
        try:
            made = files.changed(stanza.name, {}, PATH)
        except Refused:
            continue
        assert made.texts[PATH].replace(f"auto {stanza.name}\n", "") == text.replace(f"auto {stanza.name}\n", "")


@given(
    st.dictionaries(st.sampled_from(["mtu", "alias", "bridge-access", "bond-mode"]), st.none() | st.just("7")),
    st.sampled_from(["swp1", "swp2", "bridge", "swp4"]),
)
def test_a_change_reads_back_and_made_twice_is_made_once(wanted, name):
    from tests.drivers.switch.linux.conftest import MAIN, OTHER  # noqa: PLC0415  hypothesis wants no fixture of a function

    files = Interfaces("sw1", {PATH: MAIN, BESIDE: OTHER})
    made = files.changed(name, wanted, PATH)
    assert {key: made.value(name, key) for key in wanted} == dict(wanted)
    assert made.changed(name, wanted, PATH) == made
    assert made.texts[BESIDE] == OTHER
