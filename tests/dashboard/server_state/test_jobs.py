"""Work on a thread of its own: watched, cancelled, and what came of it."""

from threading import Event

from dashboard.server_state.jobs import Job, Jobs
from model_zoo.core.errors import WorkspaceError


def test_a_job_tells_how_far_it_is_and_gives_its_result():
    half, go_on = Event(), Event()

    def work(tell):
        tell(5, 10, "Reading")
        half.set()
        go_on.wait(10)
        return "made"

    job = Job(work)
    assert half.wait(10)
    assert (job.running, job.done, job.of, job.share, job.doing) == (True, 5, 10, 0.5, "Reading")
    go_on.set()
    assert job.wait(10)
    assert (job.result, job.error) == ("made", "")


def test_cancelled_it_ends_at_its_next_step_and_takes_back_what_it_did():
    there, seen = [], Event()

    def work(tell):
        there.append("half")
        try:
            seen.set()
            while True:
                tell(0, 0)
        finally:
            there.clear()

    job = Job(work)
    assert seen.wait(10)
    job.cancel()
    assert job.wait(10)
    assert (job.result, job.error, there, job.cancelling) == (None, "", [], True)


def test_a_failure_is_a_sentence():
    def refuse(tell):
        raise WorkspaceError("No room.")

    job = Job(refuse)
    assert job.wait(10)
    assert (job.result, job.error) == (None, "No room.")


def test_of_one_name_one_runs_at_a_time():
    jobs, go_on = Jobs(), Event()
    first = jobs.start("look", lambda tell: go_on.wait(10))
    assert jobs.start("look", lambda tell: None) is first is jobs.get("look")
    go_on.set()
    assert first.wait(10)
    assert jobs.start("look", lambda tell: 2) is not first
    assert jobs.get("other") is None
