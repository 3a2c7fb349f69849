"""What `taxoscope doctor` finds: packages that shadow ours, folders that cannot be written to, ports that are taken."""

import json
import socket
import sys

from dashboard.doctor.checks import check_installation
from tests.command import run


def found(folder, host="127.0.0.1", port=0):
    return {one.name: one for one in check_installation(folder, host, port)}


def test_another_package_that_shadows_ours_is_a_fault(tmp_path, monkeypatch):
    for name in ("dashboard", "model_zoo"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    assert not found(tmp_path)["package dashboard"].is_fault
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    beside = found(tmp_path)["package dashboard"]
    assert (beside.is_fault, str(tmp_path / "dashboard") in beside.told) == (False, True)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    shadowed = found(tmp_path)
    assert [name for name, one in shadowed.items() if one.is_fault] == ["package dashboard", "package model_zoo"]


def test_a_folder_that_is_gone_is_a_fault_and_a_taken_port_is_not(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        checks = found(tmp_path / "gone", port=taken.getsockname()[1])
    assert checks["write access"].is_fault
    assert not checks["port"].is_fault
    assert "another port will be taken" in checks["port"].told
    assert "is free" in found(tmp_path)["port"].told


def test_it_prints_json(animals, tmp_path):
    done = run("doctor", "--workspace", str(animals.writable), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    checks = {one["name"]: one["told"] for one in json.loads(done.stdout)}
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in checks["versions"]
    assert checks["extra dicom"] == "installed"
