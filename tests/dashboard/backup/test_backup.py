"""A workspace backed up while it is served, restored after the server was killed; hostile archives are refused."""

import json
import zipfile
from hashlib import sha256

import pytest

from dashboard.backup.backup import CONTENTS, restore_backup, write_backup
from dashboard.decisions.store import DecisionStore
from model_zoo.core.errors import TaxoScopeError
from model_zoo.workspace.workspace import Workspace
from tests.command import Serving, run
from tests.dashboard.histories import decision


@pytest.fixture
def backed_up(fresh_animals, tmp_path):
    return write_backup(fresh_animals, tmp_path / "backup.zip").path


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("decisions.sqlite")
    }


def test_what_was_decided_until_a_backup_survives_a_kill(fresh_animals, tmp_path):
    served = Serving(["--workspace", str(fresh_animals.writable), "--port", "0"], tmp_path)
    try:
        store = DecisionStore(fresh_animals.decisions_path)
        store.append([decision(seq=k) for k in range(1, 6)])
        done = run("backup", "kept.zip", "--workspace", str(fresh_animals.writable), "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["n_files"] > 1
        store.append([decision(seq=6)])
        store.close()
    finally:
        served.process.kill()  # kill -9
        served.stop()
    fresh_animals.decisions_path.write_bytes(b"nothing is left of it")
    done = run("restore", "kept.zip", "again", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    again = Workspace.open(tmp_path / "again")
    store = DecisionStore(again.decisions_path)
    assert [one.seq for one in store.all()] == [1, 2, 3, 4, 5]
    assert store.bad_rows() == ()
    store.close()
    assert files_of(again.writable) == files_of(fresh_animals.writable)


def test_nothing_is_written_over(fresh_animals, backed_up, tmp_path):
    with pytest.raises(TaxoScopeError, match="give a new file"):
        write_backup(fresh_animals, backed_up)
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(TaxoScopeError, match="is not empty"):
        restore_backup(backed_up, folder)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    restore_backup(backed_up, folder, replace=True)
    assert (folder / "workspace.toml").is_file()
    (old,) = tmp_path.glob("there.before-*")
    assert (old / "mine.txt").read_text() == "mine"


def test_links_are_named_and_not_followed(fresh_animals, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    (fresh_animals.writable / "images" / "elsewhere").symlink_to(secret)
    made = write_backup(fresh_animals, tmp_path / "backup.zip")
    assert made.links == (f"images/elsewhere -> {secret}",)
    assert restore_backup(made.path, tmp_path / "again").links == made.links
    assert not (tmp_path / "again" / "images" / "elsewhere").exists()


def archive_of(path, members, **more):
    told = {"format": 1, "links": [], "files": {name: sha256(raw).hexdigest() for name, raw in members.items()}} | more
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in {**members, CONTENTS: json.dumps(told).encode()}.items():
            archive.writestr(name, raw)
    return path


LINK = zipfile.ZipInfo("images/link")
LINK.external_attr = 0o120777 << 16


@pytest.mark.parametrize(
    ("members", "more"),
    [
        ({"../outside": b"x"}, {}),
        ({"/outside": b"x"}, {}),
        ({"a/../../outside": b"x"}, {}),
        ({"workspace.toml": b"x"}, {"format": 2}),
        ({"workspace.toml": b"x"}, {"files": {"workspace.toml": "0" * 64}}),
        ({"workspace.toml": b"x", "more": b"y"}, {"files": {"workspace.toml": sha256(b"x").hexdigest()}}),
        ({"workspace.toml": b"x"}, {"files": {}}),
        ({"workspace.toml": b"x"}, {"files": 3}),
        ({"zeros": bytes(300 * 2**20)}, {}),
    ],
)
def test_a_hostile_archive_leaves_nothing(tmp_path, members, more):
    archive = archive_of(tmp_path / "hostile.zip", members, **more)
    with pytest.raises(TaxoScopeError):
        restore_backup(archive, tmp_path / "again")
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.zip"]


def test_a_link_in_an_archive_is_refused(tmp_path):
    archive = archive_of(tmp_path / "hostile.zip", {"workspace.toml": b"x"})
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(LINK, "/etc")
    with pytest.raises(TaxoScopeError):
        restore_backup(archive, tmp_path / "again")
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.zip"]


def test_a_damaged_backup_is_refused(backed_up, tmp_path):
    raw = bytearray(backed_up.read_bytes())
    raw[len(raw) // 3] ^= 255
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(raw)
    with pytest.raises(TaxoScopeError):
        restore_backup(damaged, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_damaged_database_is_not_backed_up(fresh_animals, tmp_path):
    fresh_animals.decisions_path.write_bytes(b"no database " * 100)
    with pytest.raises(TaxoScopeError, match="cannot be copied"):
        write_backup(fresh_animals, tmp_path / "backup.zip")
    assert not (tmp_path / "backup.zip").exists()
