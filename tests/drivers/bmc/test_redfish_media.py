"""Virtual media: the slot is emptied, filled in the form that this BMC takes, and believed when it reads back."""

import pytest

from drivers.ability.media import Slot, VirtualMedia
from drivers.errors import Busy, Denied, NotApplied, Refused, UnknownOutcome, Unreachable, Unsupported

ROOT = "/redfish/v1/"
SYSTEM = "/redfish/v1/Systems/1"
MANAGER = "/redfish/v1/Managers/1"
TASK = "/redfish/v1/TaskService/Tasks/1"
URI = "https://10.0.0.9/node/Canary-9b1d/boot.iso"
CUT = {"status": 202, "body": b'{"@odata', "headers": {"Content-Length": "500", "Connection": "close"}}


class Bay:
    """One slot and what it does. `asks` says by which body it was filled."""

    def __init__(self, lab, reply, refusal, path, kinds=("CD", "DVD"), how="action"):
        self.lab, self.reply, self.refusal, self.path = lab, reply, refusal, path
        self.obeys = True
        self.refuses = lambda body: None
        resource = {"@odata.id": path, "MediaTypes": list(kinds), "Image": None, "Inserted": False}
        resource["ConnectedVia"] = "NotConnected"
        if how == "action":
            names = ("InsertMedia", "EjectMedia")
            resource["Actions"] = {f"#VirtualMedia.{name}": {"target": f"{path}/Actions/{name}"} for name in names}
            lab.acts["POST", f"{path}/Actions/InsertMedia"] = self.insert
            lab.acts["POST", f"{path}/Actions/EjectMedia"] = self.eject
        lab.acts["PATCH", path] = self.patch
        lab.resources[path] = resource

    @property
    def resource(self):
        return self.lab.resources[self.path]

    def fill(self, image):
        self.resource.update(Image=image, Inserted=True, ConnectedVia="URI")

    def empty(self):
        self.resource.update(Image=None, Inserted=False, ConnectedVia="NotConnected")

    def insert(self, heard):
        no = self.refuses(heard.json())
        if no:
            return self.reply(400, self.refusal(*no))
        if self.obeys:
            self.fill(heard.json()["Image"])
        return self.reply(204)

    def eject(self, _heard):
        if self.obeys:
            self.empty()
        return self.reply(204)

    def patch(self, heard):
        if heard.json().get("Image"):
            return self.insert(heard)
        return self.eject(heard)

    def asked(self):
        return [heard.json() for heard in self.lab.sent("POST", f"{self.path}/Actions/InsertMedia")]

    def ejects(self):
        return len(self.lab.sent("POST", f"{self.path}/Actions/EjectMedia"))


@pytest.fixture
def bay(lab, new_reply, refusal):
    """Makes a slot under the holder at a path, and links it."""

    def make(name="CD", holder=MANAGER, **how):
        place = f"{holder}/VirtualMedia"
        lab.resources[holder]["VirtualMedia"] = {"@odata.id": place}
        lab.resources.setdefault(place, {"Members": []})["Members"].append({"@odata.id": f"{place}/{name}"})
        return Bay(lab, new_reply, refusal, f"{place}/{name}", **how)

    return make


@pytest.fixture
def machine(lab):
    made = lab.connect()
    assert isinstance(made, VirtualMedia)
    yield made
    made.close()
    assert lab.live == set()


@pytest.fixture
def task(lab, new_reply):
    """A task in a state of the test's choosing, and the 202 that names it."""
    lab.resources[TASK] = {"@odata.type": "#Task.v1_7_0.Task", "TaskState": "Running", "TaskStatus": "OK"}
    return lab.resources[TASK], new_reply(202, {}, {"Location": TASK})


def test_an_image_is_inserted_by_its_address_alone_and_reads_back(machine, bay):
    slot = bay()
    told = machine.insert(URI)
    assert slot.asked() == [{"Image": URI}]
    assert (told.path, told.inserted, told.image, told.how) == (slot.path, True, URI, "action")
    assert slot.ejects() == 0


def test_an_eject_from_empty_sends_nothing(machine, bay):
    slot = bay()
    machine.eject(machine.slots()[0])
    assert slot.ejects() == 0


def test_an_eject_returns_once_it_reads_empty(machine, bay):
    slot = bay()
    slot.fill(URI)
    machine.eject(machine.slots()[0])
    assert slot.ejects() == 1
    assert machine.slots()[0].inserted is False


@pytest.mark.quirk(80)
def test_a_slot_without_actions_is_filled_and_emptied_by_patch(lab, machine, bay):
    slot = bay(how="patch")
    assert machine.slots()[0].how == "patch"
    told = machine.insert(URI)
    assert [heard.json() for heard in lab.sent("PATCH", slot.path)] == [{"Image": URI, "Inserted": True}]
    machine.eject(told)
    assert slot.resource["Inserted"] is False
    assert lab.sent("PATCH", slot.path)[-1].json() == {"Image": None, "Inserted": False}


@pytest.mark.quirk(81)
@pytest.mark.quirk(82)
@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("TransferProtocolType", ("Base.1.5.PropertyMissing", "The property TransferProtocolType is required.")),
        ("TransferMethod", ("GeneralError", "transfer method must be given")),
        ("UserName", ("GeneralError", "bad or missing credentials")),
        ("WriteProtected", ("Base.1.5.GeneralError", "no")),
        ("TransferMethod", ("Base.1.5.GeneralError", "no")),
    ],
)
def test_what_a_refusal_wants_is_added_and_nothing_is_sent_twice(machine, bay, member, words):
    slot = bay()
    slot.refuses = lambda body: None if member in body else words
    machine.insert(URI)
    asked = slot.asked()
    assert asked[0] == {"Image": URI}
    assert member in asked[-1]
    assert all(body not in asked[:place] for place, body in enumerate(asked))
    if member in words[1] or "credentials" in words[1]:
        assert len(asked) == 2


@pytest.mark.quirk(81)
def test_a_member_that_is_refused_by_name_is_left_out_from_then_on(machine, bay):
    slot = bay()

    def picky(body):
        if "Inserted" in body or "WriteProtected" in body:
            return "Base.1.4.ActionParameterNotSupported", "The parameters Inserted and WriteProtected are unknown"
        return None if "TransferProtocolType" in body else ("GeneralError", "no")

    slot.refuses = picky
    machine.insert(URI)
    assert slot.asked()[-1] == {"Image": URI, "TransferProtocolType": "HTTPS"}


@pytest.mark.quirk(82)
def test_what_the_action_says_that_it_requires_is_sent_at_once(lab, machine, bay):
    slot = bay()
    slot.resource["Actions"]["#VirtualMedia.InsertMedia"]["@Redfish.ActionInfo"] = "/info"
    required = [{"Name": "Image", "Required": True}, {"Name": "TransferProtocolType", "Required": True}]
    lab.resources["/info"] = {"Parameters": [*required, {"Name": "TransferMethod", "Required": False}]}
    machine.insert(URI)
    assert slot.asked() == [{"Image": URI, "TransferProtocolType": "HTTPS"}]


@pytest.mark.quirk(82)
def test_a_slot_that_refuses_every_form_ends_in_its_own_words_after_few(machine, bay):
    slot = bay()
    slot.refuses = lambda body: ("Base.1.0.GeneralError", f"cannot mount {body['Image']}")
    with pytest.raises(Refused, match="cannot mount") as failure:
        machine.insert(URI)
    assert 2 <= len(slot.asked()) <= 8
    assert "Canary" not in str(failure.value)


@pytest.mark.quirk(82)
def test_a_slot_that_wants_something_else_each_time_is_left_after_few(machine, bay):
    slot = bay()
    wanted = ["Inserted", "WriteProtected", "TransferProtocolType", "TransferMethod", "UserName"]
    names = iter(wanted + wanted)
    slot.refuses = lambda body: ("Base.1.0.PropertyMissing", f"about {next(names)}")
    with pytest.raises(Refused, match="PropertyMissing"):
        machine.insert(URI)
    assert len(slot.asked()) <= 8


@pytest.mark.quirk(83)
@pytest.mark.parametrize("uri", ["http://10.0.0.9/boot.iso?token=Canary", "http://10.0.0.9/boot"])
def test_an_address_that_a_supermicro_does_not_take_is_refused_before_anything_is_sent(lab, machine, bay, uri):
    slot = bay()
    lab.resources[MANAGER]["Manufacturer"] = "Supermicro"
    with pytest.raises(Refused, match="give a") as failure:
        machine.insert(uri)
    assert slot.asked() == []
    assert "Canary" not in str(failure.value)


@pytest.mark.quirk(83)
def test_a_refused_address_of_a_kind_that_some_do_not_take_is_said_so(machine, bay):
    slot = bay()
    slot.refuses = lambda body: ("Base.1.0.GeneralError", "no")
    with pytest.raises(Refused, match=r"holds = \?"):
        machine.insert("http://10.0.0.9/boot.iso?token=7")


@pytest.mark.quirk(84)
@pytest.mark.fault("F24", "vmedia")
@pytest.mark.parametrize("status", [400, 404, 405])
def test_the_next_slot_is_tried_where_the_first_cannot(lab, machine, bay, new_reply, status):
    first, second = bay("1", SYSTEM), bay("2", MANAGER)
    lab.acts["POST", f"{first.path}/Actions/InsertMedia"] = lambda _heard: new_reply(status)
    assert machine.insert(URI).path == second.path


@pytest.mark.quirk(84)
def test_slots_are_the_fillable_ones_of_system_and_manager_each_once(lab, machine, bay):
    ours, theirs = bay("1", SYSTEM), bay("CD", MANAGER)
    bare = bay("Legacy", MANAGER, how="patch")
    lab.resources[f"{MANAGER}/VirtualMedia"]["Members"].append({"@odata.id": ours.path})
    assert [slot.path for slot in machine.slots()] == [ours.path, theirs.path]
    assert bare.path not in [slot.path for slot in machine.slots()]


@pytest.mark.quirk(80)
@pytest.mark.parametrize("acts", [True, False])
def test_beside_a_slot_with_the_action_one_without_is_told_where_it_says_that_it_takes_patch(
    lab, machine, bay, new_reply, acts
):
    patched, silent = bay("A", how="patch"), bay("B", how="patch")
    first = bay("C", how="action" if acts else "patch")
    lab.next("GET", patched.path, new_reply(200, patched.resource, {"Allow": "GET, PATCH"}))
    told = [slot.path for slot in machine.slots()]
    assert told == ([first.path, patched.path] if acts else [patched.path, silent.path, first.path])


@pytest.mark.quirk(84)
def test_a_cd_goes_into_a_dvd_slot_and_never_into_one_for_sticks(machine, bay):
    stick, dvd = bay("1", kinds=("USBStick", "Floppy")), bay("2", kinds=("DVD",))
    assert machine.insert(URI).path == dvd.path
    assert stick.asked() == []


def test_no_slot_of_the_kind_is_unsupported_and_nothing_is_sent(lab, machine, bay):
    bay(kinds=("Floppy",))
    with pytest.raises(Unsupported, match="no slot for virtual media of the kind CD"):
        machine.insert(URI)
    assert [heard.path for heard in lab.sent("POST")] == ["/redfish/v1/SessionService/Sessions"]


@pytest.mark.quirk(85)
@pytest.mark.fault("F35", "vmedia")
def test_what_is_in_the_slot_is_ejected_first_even_where_it_is_the_same_image(machine, bay):
    slot = bay()
    slot.fill(URI)
    machine.insert(URI)
    assert (slot.ejects(), len(slot.asked())) == (1, 1)


@pytest.mark.quirk(85)
@pytest.mark.parametrize(
    "left", [{"Inserted": True, "ConnectedVia": "NotConnected"}, {"Inserted": False, "Image": URI}]
)
def test_a_slot_that_half_forgets_what_was_ejected_counts_as_empty(lab, machine, bay, new_reply, left):
    slot = bay()
    slot.fill("http://other/old.iso")

    def eject(_heard):
        slot.resource.update(left)
        return new_reply(204)

    lab.acts["POST", f"{slot.path}/Actions/EjectMedia"] = eject
    machine.insert(URI)
    assert slot.resource["Image"] == URI
    assert slot.ejects() == 1


@pytest.mark.quirk(85)
@pytest.mark.fault("F9", "vmedia")
def test_an_insert_that_comes_too_soon_is_asked_again(lab, machine, bay, new_reply):
    slot = bay()
    lab.next("POST", f"{slot.path}/Actions/InsertMedia", new_reply(500), new_reply(503, {}, {"Retry-After": "1"}))
    machine.insert(URI)
    assert slot.asked() == [{"Image": URI}] * 3


@pytest.mark.fault("F12", "vmedia")
def test_one_that_never_gets_ready_is_busy(lab, machine, bay, new_reply, refusal):
    slot = bay()
    no = new_reply(400, refusal("iLO.2.14.UnableToModifyDuringSystemPOST", "wait"))
    lab.acts["POST", f"{slot.path}/Actions/InsertMedia"] = lambda _heard: no
    with pytest.raises(Busy, match="UnableToModifyDuringSystemPOST"):
        machine.insert(URI)


@pytest.mark.fault("F17", "vmedia")
def test_an_insert_that_changes_nothing_is_found_out(machine, bay):
    slot = bay()
    slot.obeys = False
    with pytest.raises(NotApplied, match=r"was accepted, and .* does not show the image"):
        machine.insert(URI)
    assert len(slot.asked()) == 1


@pytest.mark.fault("F17", "vmedia")
def test_an_eject_that_changes_nothing_is_found_out_and_nothing_is_inserted(machine, bay):
    slot = bay()
    slot.fill("http://other/old.iso")
    slot.obeys = False
    with pytest.raises(NotApplied, match="reads as filled"):
        machine.insert(URI)
    assert slot.asked() == []


def test_another_image_than_the_one_that_was_sent_is_not_believed(machine, bay, lab, new_reply):
    slot = bay()

    def wrong(_heard):
        slot.fill("http://other/old.iso")
        return new_reply(204)

    lab.acts["POST", f"{slot.path}/Actions/InsertMedia"] = wrong
    with pytest.raises(NotApplied):
        machine.insert(URI)


@pytest.mark.parametrize(
    "shown", ["boot.iso", "/node/Canary-9b1d/boot.iso", "http://10.9.9.9/node/Canary-9b1d/boot.iso"]
)
def test_an_image_that_is_told_in_other_words_is_known_again(machine, bay, lab, new_reply, shown):
    slot = bay()

    def translate(_heard):
        slot.fill(shown)
        return new_reply(204)

    lab.acts["POST", f"{slot.path}/Actions/InsertMedia"] = translate
    assert machine.insert(URI).image == shown


@pytest.mark.fault("F3", "vmedia")
@pytest.mark.fault("F5", "vmedia")
@pytest.mark.parametrize("way", [{"silent": True}, CUT])
@pytest.mark.parametrize("applied", [True, False])
def test_a_lost_answer_is_settled_by_reading_back(lab, machine, bay, new_reply, applied, way):
    slot = bay()

    def lose(heard):
        if applied:
            slot.insert(heard)
        return new_reply(**way)

    lab.next("POST", f"{slot.path}/Actions/InsertMedia", lose)
    assert machine.insert(URI).inserted
    assert len(slot.asked()) == (1 if applied else 2)


@pytest.mark.fault("F4", "vmedia")
def test_an_answer_that_comes_too_late_is_settled_by_reading_back(lab, machine, bay, new_reply):
    slot = bay()

    def late(heard):
        slot.insert(heard)
        return new_reply(held=True)

    lab.next("POST", f"{slot.path}/Actions/InsertMedia", late)
    assert machine.insert(URI).inserted
    assert len(slot.asked()) == 1


@pytest.mark.fault("F3", "vmedia")
def test_a_lost_answer_and_a_slot_that_cannot_be_read_is_an_unknown_outcome(lab, machine, bay, new_reply):
    slot = bay()

    def lose(_heard):
        lab.acts["GET", slot.path] = lambda _heard: new_reply(503)
        return new_reply(silent=True)

    lab.next("POST", f"{slot.path}/Actions/InsertMedia", lose)
    with pytest.raises(UnknownOutcome, match=r"answer lost, and .* cannot be read"):
        machine.insert(URI)
    assert len(slot.asked()) == 1


@pytest.mark.fault("F1", "vmedia")
def test_a_bmc_that_is_gone_before_the_write_is_unreachable_and_nothing_was_sent(lab, machine, bay, new_reply):
    slot = bay()
    lab.next("GET", slot.path, *[new_reply(silent=True)] * 2)
    with pytest.raises(Unreachable):
        machine.eject(Slot(slot.path, (), "action", inserted=True, image=URI))
    assert slot.ejects() == 0
    assert machine.insert(URI).inserted


@pytest.mark.fault("F7", "vmedia")
def test_a_login_that_is_no_longer_good_is_tried_once(lab, machine, bay, new_reply):
    slot = bay()
    lab.next("POST", f"{slot.path}/Actions/InsertMedia", new_reply(401), new_reply(401))
    with pytest.raises(Denied):
        machine.insert(URI)
    assert (lab.made, len(slot.asked())) == (2, 2)


@pytest.mark.fault("F6", "vmedia")
def test_a_stale_token_costs_one_login(lab, machine, bay):
    slot = bay()
    machine.slots()
    lab.live.clear()
    machine.insert(URI)
    assert (lab.made, len(slot.asked())) == (2, 1)


@pytest.mark.fault("F10", "vmedia")
def test_a_slot_that_wants_an_etag_gets_one(lab, machine, bay, new_reply):
    slot = bay(how="patch")
    slot.resource["@odata.etag"] = 'W/"7"'
    lab.next("PATCH", slot.path, new_reply(412))
    machine.insert(URI)
    assert [heard.headers["if-match"] for heard in lab.sent("PATCH", slot.path)] == ['W/"7"', '"7"']


@pytest.mark.fault("F11", "vmedia")
def test_a_refused_eject_of_what_reads_empty_is_success(lab, machine, bay, new_reply):
    slot = bay()
    slot.fill(URI)

    def gone(_heard):
        slot.empty()
        return new_reply(400)

    lab.next("POST", f"{slot.path}/Actions/EjectMedia", gone)
    machine.eject(machine.slots()[0])
    assert slot.ejects() == 1


@pytest.mark.fault("F13", "vmedia")
def test_a_task_is_waited_for_and_then_the_slot_is_read(lab, machine, bay, task, new_reply):
    slot = bay()
    running, accepted = task

    def finish(_heard):
        running["TaskState"] = "Completed"
        slot.fill(URI)
        return new_reply(200, running)

    lab.next("POST", f"{slot.path}/Actions/InsertMedia", accepted)
    lab.next("GET", TASK, new_reply(200, running), finish)
    assert machine.insert(URI).inserted


@pytest.mark.fault("F14", "vmedia")
@pytest.mark.fault("F15", "vmedia")
@pytest.mark.parametrize("location", [{}, {"Location": "/redfish/v1/TaskService/Tasks/404"}])
def test_a_task_that_cannot_be_followed_is_settled_by_reading_back(lab, machine, bay, new_reply, location):
    slot = bay()

    def accept(heard):
        slot.insert(heard)
        return new_reply(202, {}, location)

    lab.next("POST", f"{slot.path}/Actions/InsertMedia", accept)
    assert machine.insert(URI).inserted


@pytest.mark.fault("F16", "vmedia")
@pytest.mark.fault("F31", "vmedia")
def test_a_task_that_fails_is_told_in_its_own_words_without_the_address(lab, machine, bay, task):
    slot = bay()
    running, accepted = task
    running |= {"TaskState": "Exception", "Messages": [{"Message": f"{URI} answers 404", "Severity": "Critical"}]}
    lab.next("POST", f"{slot.path}/Actions/InsertMedia", accepted)
    with pytest.raises(Refused, match="the image answers 404") as failure:
        machine.insert(URI)
    assert "Canary" not in str(failure.value)


@pytest.mark.fault("F31", "vmedia")
def test_an_image_that_never_connects_is_ejected_again(lab, machine, bay, new_reply):
    slot = bay()

    def stall(_heard):
        slot.resource.update(Image="http://other/old.iso", Inserted=True, ConnectedVia="URI")
        return new_reply(204)

    lab.acts["POST", f"{slot.path}/Actions/InsertMedia"] = stall
    with pytest.raises(NotApplied):
        machine.insert(URI)
    assert slot.ejects() == 1
    assert machine.slots()[0].inserted is False


@pytest.mark.fault("F20", "vmedia")
def test_a_bmc_that_forgets_the_image_as_it_restarts_is_given_it_again(lab, machine, bay, new_reply):
    slot = bay()
    silent = new_reply(silent=True)

    def restart(_heard):
        lab.next("GET", slot.path, silent, silent, new_reply(503))
        return new_reply(204)

    lab.next("POST", f"{slot.path}/Actions/InsertMedia", restart)
    assert machine.insert(URI).inserted
    assert len(slot.asked()) == 2


@pytest.mark.fault("F24", "vmedia")
@pytest.mark.parametrize("wrong", [None, 7, "x", [], {"@odata.id": 3}, [None, {"@odata.id": "/nowhere"}]])
def test_a_tree_of_odd_shape_has_fewer_slots_and_raises_nothing(lab, machine, bay, wrong):
    slot = bay(holder=SYSTEM)
    lab.resources[MANAGER]["VirtualMedia"] = {"@odata.id": f"{MANAGER}/VirtualMedia"}
    lab.resources[f"{MANAGER}/VirtualMedia"] = {"Members": wrong}
    slot.resource.update(MediaTypes=wrong, Inserted=wrong, ConnectedVia=wrong)
    assert [found.path for found in machine.slots()] == [slot.path]
    assert machine.slots()[0].inserted is None


def test_slots_of_another_machines_manager_are_not_ours(lab, machine, bay):
    bay()
    lab.resources["/redfish/v1/Managers"]["Members"].append({"@odata.id": "/redfish/v1/Managers/2"})
    lab.resources["/redfish/v1/Managers/2"] = {"ManagerType": "BMC"}
    assert machine.slots() == ()
    lab.resources[SYSTEM]["Links"] = {"ManagedBy": [{"@odata.id": MANAGER}]}
    assert len(machine.slots()) == 1
