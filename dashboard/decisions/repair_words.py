"""Sentences on damaged decisions and their repair."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from dashboard.decisions.repair import Repair
from dashboard.decisions.repair import repair as repair_file
from dashboard.decisions.rows import Fault
from dashboard.decisions.schema import NotOursError
from dashboard.decisions.store import DecisionStore
from dashboard.words import counted
from model_zoo.core.errors import WorkspaceError
from model_zoo.workspace.command_line import command

MOST_NAMED = 20


def fault_words(store: DecisionStore, folders: Sequence[Path]) -> tuple[str, ...]:
    """One sentence for each decision that is left out and for a damaged file, the remedy last; empty if all is well.

    ``folders`` are those of the workspace.
    """
    bad = store.bad_rows()
    told = [one.sentence for one in bad[:MOST_NAMED]]
    if len(bad) > MOST_NAMED:
        told.append(f"{counted(len(bad) - MOST_NAMED, 'more decision is', 'more decisions are')} left out.")
    if store.file_faults:
        told.append(f"The file of the decisions is damaged; SQLite says: {store.file_faults[0]}.")
    if store.file_faults or any(one.fault is not Fault.NEWER for one in bad):
        typed = command("labels", "repair", folders=folders)
        told.append(
            f"All other decisions work. Stop the dashboard and type `{typed}`: it copies the file, then takes out what "
            "is damaged. If you have a copy from before the damage, put it back instead."
        )
    return tuple(told)


def repair(path: Path, now: datetime) -> Repair | None:
    """Repair the database at ``path``, a copy first; None where nothing is damaged. `WorkspaceError` says why not."""
    try:
        store = DecisionStore(path)
        bad, faults = store.bad_rows(), store.file_faults
        store.close()
    except WorkspaceError as error:
        if isinstance(error, NotOursError) or not path.is_file():
            raise
        bad, faults = (), ("cannot be opened",)
    if not faults and all(one.fault is Fault.NEWER for one in bad):
        return None
    return repair_file(path, bad, now)


def repair_words(done: Repair) -> str:
    """What a repair did, in one sentence for each row that was set aside."""
    told = [f"Repaired: {counted(done.n_kept, 'decision')} kept; the file as it was is {done.copy}."]
    told += [f"Set aside: {one.sentence}" for one in done.set_aside]
    return "\n".join(told)
