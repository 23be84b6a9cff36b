"""A Secret's volume: the files are links, and the kubelet exchanges the folder they lead to."""

from datetime import UTC, datetime
from pathlib import Path

from sidecar.injector.certificate import Certificate
from tests.injector.certificates import FAR, Files
from tests.injector.test_certificate import presented

SOON = datetime(2090, 1, 1, tzinfo=UTC)


def publish(volume: Path, name: str, until: datetime) -> None:
    folder = volume / name
    folder.mkdir()
    Files(folder).issue(until)
    new = volume / "..data_tmp"
    new.symlink_to(name)
    new.replace(volume / "..data")


def test_a_secrets_exchanged_folder_is_seen(tmp_path: Path) -> None:
    publish(tmp_path, "..1", FAR)
    files = Files(tmp_path)
    for file in (files.certificate, files.key):
        file.symlink_to(f"..data/{file.name}")
    certificate = Certificate(files.certificate, files.key, lambda why: None)

    publish(tmp_path, "..2", SOON)

    assert presented(certificate).startswith("Jan  1 00:00:00 2090")
