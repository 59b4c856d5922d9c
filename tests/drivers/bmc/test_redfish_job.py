"""Operations that go on after the answer: found by whatever the BMC tells, judged by all that it says."""

from datetime import UTC, datetime, timedelta

import pytest

from drivers.ability.progress import Handle, Phase, handle_from
from drivers.errors import Busy, Denied, Garbled
from drivers.redfish.job import RedfishFollow, begun, judged, look, looked
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.trust import Trust
from inventory.secrets import Login, Secret

ROOT = "/redfish/v1/"
ACTION = "/redfish/v1/Do"
TASKS = "/redfish/v1/TaskService/Tasks"
JOBS = "/redfish/v1/JobService/Jobs"
TASK = f"{TASKS}/7"


@pytest.fixture
def session(lab, quick):
    lab.resources[ROOT] |= {
        "Tasks": {"@odata.id": "/redfish/v1/TaskService"},
        "JobService": {"@odata.id": "/redfish/v1/JobService"},
    }
    lab.resources["/redfish/v1/TaskService"] = {"Tasks": {"@odata.id": TASKS}}
    lab.resources["/redfish/v1/JobService"] = {"Jobs": {"@odata.id": JOBS}}
    lab.resources[TASKS] = {"Members": []}
    lab.resources[JOBS] = {"Members": []}
    made = RedfishSession.open(lab.bmc, Login("admin", Secret("Canary-7f3a")), Trust(lab), quick)
    yield made
    made.close()
    assert lab.live == set()


@pytest.fixture
def answered(lab, session, new_reply):
    """The handle that an answer leads to."""

    def ask(status, body=None, location=None, before=None):
        lab.next("POST", ACTION, new_reply(status, body, {"Location": location} if location else {}))
        return begun(session, session.post(ACTION, {}), "do it", before)

    return ask


def handle(path=TASK, age=timedelta()):
    return Handle("do it", path, datetime.now(UTC) - age)


def task(state, status="OK", messages=(), **more):
    return {
        "@odata.type": "#Task.v1_7_0.Task",
        "TaskState": state,
        "TaskStatus": status,
        "Messages": [*messages],
    } | more


def phase(**body):
    return judged(Resource(TASK, body)).phase


def add(lab, place, path, body=None):
    lab.resources[place]["Members"].append({"@odata.id": path})
    lab.resources[path] = body or task("Running")


@pytest.mark.fault("F13", "bios")
def test_the_location_of_an_answer_is_followed(answered):
    assert answered(202, location=TASK).path == TASK
    assert answered(200, location="https://10.0.0.7/redfish/v1/JobService/Jobs/J1?x=1").path == f"{JOBS}/J1?x=1"


def test_a_location_without_its_first_slash_is_a_path_all_the_same(answered):
    assert answered(202, location="redfish/v1/TaskService/Tasks/7").path == TASK


@pytest.mark.parametrize("body", [{"@odata.id": TASK}, {"TaskMonitor": TASK}])
def test_without_a_location_the_body_of_a_202_is_followed(answered, body):
    assert answered(202, body).path == TASK


@pytest.mark.parametrize("status", [200, 201])
def test_what_was_made_or_changed_is_followed_only_where_it_is_a_job(lab, answered, status):
    lab.resources["/redfish/v1/Volumes/1"] = {"@odata.type": "#Volume.v1_0_0.Volume"}
    assert answered(status, location="/redfish/v1/Volumes/1").path is None
    lab.resources[f"{JOBS}/J1"] = {"JobState": "New"}
    assert answered(status, location=f"{JOBS}/J1").path == f"{JOBS}/J1"


@pytest.mark.fault("F14", "bios")
def test_a_202_that_names_nothing_is_found_in_the_list(lab, session, answered):
    add(lab, TASKS, f"{TASKS}/6")
    before = looked(session)
    lab.resources[TASKS]["Members"].append({"@odata.id": TASK})
    assert answered(202, before=before).path == TASK


def test_one_job_in_two_collections_is_one_job_and_its_own_queue_comes_first(lab, session):
    queue = "/redfish/v1/Managers/1/Jobs"
    lab.resources[queue] = {"Members": []}
    before = looked(session, queue)
    for place in (TASKS, JOBS, queue):
        add(lab, place, f"{place}/JID_1")
    assert begun(session, None, "do it", before).path == f"{queue}/JID_1"


def test_two_new_tasks_are_not_guessed_between(lab, session):
    before = looked(session)
    add(lab, TASKS, f"{TASKS}/1")
    add(lab, TASKS, f"{TASKS}/2")
    assert begun(session, None, "do it", before).path is None


def test_the_list_of_tasks_ends_where_its_pages_loop(lab, session):
    lab.resources[TASKS] = {"Members": [{"@odata.id": TASK}], "Members@odata.nextLink": f"{TASKS}?page=2"}
    lab.resources[f"{TASKS}?page=2"] = {"Members": None, "Members@odata.nextLink": TASKS}
    assert looked(session).members == {TASK}


@pytest.mark.fault("F14", "boot")
def test_an_answer_that_leads_nowhere_leaves_only_reading_back(answered, session):
    left = answered(202, before=looked(session))
    assert left.path is None
    assert look(session, left).phase is Phase.GONE
    assert RedfishFollow(session).follow(left).phase is Phase.GONE


def test_a_handle_survives_as_json(answered):
    left = answered(202, location=TASK)
    assert handle_from(left.as_json()) == left


@pytest.mark.quirk(88)
@pytest.mark.parametrize("word", ["New", "Starting", "Running", "Suspended", "Interrupted", "Stopping", "Validating"])
def test_a_task_that_is_under_way_runs(word):
    assert phase(TaskState=word) is Phase.RUNNING


@pytest.mark.quirk(88)
@pytest.mark.parametrize("word", ["Frobnicating", "", None, 7, {}])
def test_a_state_that_nobody_knows_is_in_progress(word):
    assert phase(TaskState=word) is Phase.RUNNING


@pytest.mark.quirk(91)
@pytest.mark.parametrize("word", ["Pending", "UserIntervention"])
def test_a_pause_waits_for_a_reset(word):
    assert phase(TaskState=word) is Phase.SCHEDULED


@pytest.mark.parametrize("word", ["Scheduled", "RebootPending", "Pending Activation"])
def test_a_job_in_the_queue_of_an_idrac_waits_for_a_reset(word):
    assert phase(JobState=word) is Phase.SCHEDULED


@pytest.mark.parametrize("word", ["Exception", "Killed", "Cancelled", "Failed", "RebootFailed"])
def test_a_task_that_ended_badly_failed(word):
    assert phase(TaskState=word, TaskStatus="OK") is Phase.FAILED


@pytest.mark.quirk(69)
@pytest.mark.fault("F16", "bios")
@pytest.mark.parametrize("word", ["CompletedWithErrors", "Completed with Errors"])
def test_completed_with_errors_failed(word):
    assert phase(JobState=word) is Phase.FAILED


@pytest.mark.quirk(78)
@pytest.mark.fault("F16", "boot")
def test_completed_is_believed_only_with_its_status_and_its_messages():
    assert phase(**task("Completed")) is Phase.DONE
    assert phase(**task("Completed", "Critical")) is Phase.FAILED
    assert phase(**task("Completed", "Warning", [{"MessageId": "Base.1.0.X", "Severity": "Warning"}])) is Phase.DONE
    assert phase(**task("Completed", "OK", [{"Message": "no", "MessageSeverity": "Critical"}])) is Phase.FAILED
    assert phase(**task("Completed", "OK", [{"MessageId": "Update.1.0.ApplyFailed"}])) is Phase.FAILED


def test_a_critical_word_on_the_way_is_not_the_end():
    assert phase(**task("Running", "Critical")) is Phase.RUNNING


def test_the_makers_own_state_is_nearer_the_truth_than_the_standard_one():
    def dell(state):
        return {"Oem": {"Dell": {"JobState": state}, "Other": None}}

    assert phase(**task("Starting"), **dell("Scheduled")) is Phase.SCHEDULED
    assert phase(**task("Completed"), **dell("CompletedWithErrors")) is Phase.FAILED
    assert phase(**task("Completed"), **dell("Running")) is Phase.RUNNING
    assert phase(**task("Completed"), **dell("Frobnicated")) is Phase.DONE


def test_the_words_of_the_bmc_are_told_the_bad_ones_first_and_bounded():
    messages = [{"Message": "fine"}, {"Message": "burnt", "Severity": "Critical"}, {"Message": "x" * 999}]
    says = judged(Resource(TASK, task("Exception", "Critical", messages))).says
    assert says.startswith("Exception: burnt; fine; xxx")
    assert len(says) <= 300


@pytest.mark.parametrize(("told", "shown"), [(40, 40), (100, 100), (101, None), (-1, None), ("40", None), (None, None)])
def test_percent_is_told_where_it_can_be_one(told, shown):
    assert judged(Resource(TASK, task("Running", PercentComplete=told))).percent == shown


SHAPES = [
    {"Messages": None},
    {"Messages": "x"},
    {"Messages": [None, 3, {"MessageId": 4, "Message": None, "Severity": []}]},
    {"Oem": []},
    {"Oem": {"A": [], "B": {"JobState": 3}}},
    {"error": 3},
    {"error": {"@Message.ExtendedInfo": {"MessageId": "NoRegistry"}}},
]


@pytest.mark.fault("F24", "bios")
@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_of_a_task_breaks_its_reader(shape):
    assert phase(**(task("Running") | shape)) is Phase.RUNNING


@pytest.mark.quirk(68)
@pytest.mark.fault("F15", "bios")
def test_a_new_job_that_is_not_there_yet_is_waited_for(session):
    assert look(session, handle(age=timedelta(seconds=5))).phase is Phase.RUNNING


@pytest.mark.quirk(89)
@pytest.mark.fault("F15", "boot")
@pytest.mark.parametrize("age", [timedelta(seconds=31), timedelta(hours=-1)])
def test_a_job_that_is_not_there_later_is_gone_and_not_done(session, age):
    assert look(session, handle(age=age)).phase is Phase.GONE


@pytest.mark.quirk(89)
def test_a_job_that_was_there_and_is_no_more_is_gone_at_once(lab, session):
    follow = RedfishFollow(session).follow
    add(lab, TASKS, TASK)
    assert follow(handle()).phase is Phase.RUNNING
    del lab.resources[TASK]
    assert follow(handle()).phase is Phase.GONE


def test_one_look_is_one_request(lab, session):
    add(lab, TASKS, TASK)
    before = len(lab.heard)
    look(session, handle())
    assert len(lab.heard) == before + 1


@pytest.mark.quirk(94)
def test_a_task_that_became_a_job_is_followed_to_the_job(lab, session, answered):
    note = {"MessageId": "Base.1.16.OperationTransitionedToJob", "MessageArgs": [f"{JOBS}/J1"]}
    add(lab, TASKS, TASK, task("Completed", messages=[note]))
    add(lab, JOBS, f"{JOBS}/J1", {"JobState": "Running", "PercentComplete": 20})
    follow = RedfishFollow(session).follow
    assert follow(handle()) == look(session, handle())
    assert (follow(handle()).phase, follow(handle()).percent) == (Phase.RUNNING, 20)
    del lab.resources[TASK]
    lab.resources[f"{JOBS}/J1"]["JobState"] = "Completed"
    assert follow(handle()).phase is Phase.DONE
    assert answered(202, {"error": {"@Message.ExtendedInfo": note}}, location=TASK).path == f"{JOBS}/J1"


@pytest.mark.quirk(94)
def test_tasks_that_point_at_each_other_end(lab, session):
    def to(path):
        return task("Running", messages=[{"MessageId": "OperationTransitionedToJob", "MessageArgs": [path]}])

    add(lab, TASKS, TASK, to(f"{TASKS}/8"))
    add(lab, TASKS, f"{TASKS}/8", to(TASK))
    before = len(lab.heard)
    assert look(session, handle()).phase is Phase.RUNNING
    assert len(lab.heard) - before <= 3


def monitored(lab, session, reply):
    lab.next("GET", TASK, reply)
    return look(session, handle()).phase


@pytest.mark.fault("F13", "boot")
def test_a_task_monitor_tells_by_its_status(lab, session, new_reply, refusal):
    assert monitored(lab, session, new_reply(202)) is Phase.RUNNING
    assert monitored(lab, session, new_reply(202, task("Running"))) is Phase.RUNNING
    assert monitored(lab, session, new_reply(204)) is Phase.DONE
    assert monitored(lab, session, new_reply(200, b"")) is Phase.DONE
    assert monitored(lab, session, new_reply(200, refusal("Base.1.0.Success", "done"))) is Phase.DONE
    assert monitored(lab, session, new_reply(200, refusal("Base.1.0.InternalError", "no"))) is Phase.FAILED
    assert monitored(lab, session, new_reply(400, refusal("Base.1.0.PropertyValueNotInList", "no"))) is Phase.FAILED


@pytest.mark.fault("F9", "bios")
@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_bmc_that_cannot_tell_now_says_nothing_of_the_operation(lab, session, new_reply, status):
    with pytest.raises(Busy):
        monitored(lab, session, new_reply(status))


@pytest.mark.fault("F7", "bios")
def test_a_login_that_is_refused_is_not_a_failed_operation(lab, session, new_reply):
    lab.next("GET", TASK, new_reply(401), new_reply(401))
    with pytest.raises(Denied):
        look(session, handle())


def test_a_task_that_is_no_json_is_neither_done_nor_failed(lab, session, new_reply):
    with pytest.raises(Garbled):
        monitored(lab, session, new_reply(200, b'{"TaskState": "Comp'))


MONITOR = "/redfish/v1/TaskService/TaskMonitors/7"


@pytest.mark.fault("F16", "firmware")
@pytest.mark.parametrize(
    ("state", "phase"), [("Exception", Phase.FAILED), ("Completed", Phase.DONE), ("Running", Phase.RUNNING)]
)
def test_what_a_monitors_500_is_about_is_told_by_the_task_that_names_it(lab, session, new_reply, state, phase):
    add(lab, TASKS, f"{TASKS}/70", task("Completed", TaskMonitor=f"{MONITOR}0"))
    add(lab, TASKS, TASK, task(state, TaskMonitor=f"https://bmc.invalid{MONITOR}"))
    lab.next("GET", MONITOR, new_reply(500, b"<html></html>"))
    assert look(session, handle(MONITOR)).phase is phase
    assert not lab.sent("GET", f"{TASKS}/70")


def test_a_monitors_500_that_no_task_explains_says_nothing_of_the_operation(lab, session, new_reply):
    add(lab, TASKS, TASK, task("Exception", TaskMonitor="/redfish/v1/another"))
    lab.next("GET", MONITOR, new_reply(500, b""))
    with pytest.raises(Busy):
        look(session, handle(MONITOR))
