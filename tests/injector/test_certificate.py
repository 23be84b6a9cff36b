"""The certificate that follows its files; handshakes without a network."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from sidecar.errors import CertificateError
from sidecar.injector.certificate import Certificate
from tests.injector.certificates import CA, FAR, Files, put, trusting

SOON = datetime(2090, 1, 1, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path).issue()


def ignore(_: str) -> None:
    raise AssertionError("nothing was to fail")


def presented(by: Certificate, name: str | None = "localhost") -> str:
    """When the certificate ends that a new connection is shown."""
    context = trusting()
    if name is None:
        context.check_hostname = False
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=name)
    server = by.context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = client.getpeercert()
    assert shown
    return str(shown["notAfter"])


@pytest.mark.parametrize("name", ["localhost", None])
def test_a_new_pair_is_used_by_the_next_handshake(files: Files, name: str | None) -> None:
    certificate = Certificate(files.certificate, files.key, ignore)
    assert presented(certificate, name).startswith("Jan  1 00:00:00 2100")

    files.issue(SOON)

    assert presented(certificate, name).startswith("Jan  1 00:00:00 2090")
    assert certificate.current().not_after == SOON


def test_files_that_stay_are_read_once(files: Files) -> None:
    certificate = Certificate(files.certificate, files.key, ignore)

    assert certificate.current() is certificate.current()


def test_half_of_a_new_pair_leaves_the_old_one_and_is_told_once(files: Files) -> None:
    told: list[str] = []
    certificate = Certificate(files.certificate, files.key, told.append)
    before, old_key = certificate.current(), files.key.read_bytes()

    files.issue(SOON)
    new_key = files.key.read_bytes()
    put(files.key, old_key)
    assert certificate.current() is before
    assert presented(certificate).startswith("Jan  1 00:00:00 2100")
    assert told == [f"{files.key} is not the private key of {files.certificate}"]

    put(files.key, new_key)
    assert presented(certificate).startswith("Jan  1 00:00:00 2090")
    assert len(told) == 1


def test_a_second_failure_is_told_again(files: Files) -> None:
    told: list[str] = []
    certificate = Certificate(files.certificate, files.key, told.append)

    files.key.unlink()
    certificate.current()
    certificate.current()
    files.certificate.write_text("nonsense")
    certificate.current()

    assert told == [
        f"{files.key} cannot be read: No such file or directory",
        f"{files.certificate} is not a certificate in PEM",
    ]
    assert certificate.current().not_after == FAR


def no_key(files: Files) -> None:
    files.key.unlink()


def no_certificate(files: Files) -> None:
    files.certificate.unlink()


def nonsense(files: Files) -> None:
    files.certificate.write_bytes(b"\xff")


def empty_key(files: Files) -> None:
    files.key.write_bytes(b"")


def foreign_key(files: Files) -> None:
    put(files.key, CA.issue_cert("localhost").private_key_pem.bytes())


def locked_key(files: Files) -> None:
    """Nobody is there to type the password."""
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    put(
        files.key,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        ),
    )


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (no_certificate, "{crt} cannot be read: No such file or directory"),
        (nonsense, "{crt} is not a certificate in PEM"),
        (no_key, "{key} cannot be read: No such file or directory"),
        (empty_key, "{key} is not the private key of {crt}"),
        (foreign_key, "{key} is not the private key of {crt}"),
        (locked_key, "{key} is not the private key of {crt}"),
    ],
)
def test_without_a_pair_there_is_no_start(
    files: Files, spoil: Callable[[Files], None], why: str
) -> None:
    spoil(files)

    with pytest.raises(CertificateError) as caught:
        Certificate(files.certificate, files.key, ignore)

    assert str(caught.value) == why.format(crt=files.certificate, key=files.key)


def test_old_versions_of_tls_are_refused(files: Files) -> None:
    certificate = Certificate(files.certificate, files.key, ignore)

    for pair in (certificate.context, certificate.current().context):
        assert pair.minimum_version is ssl.TLSVersion.TLSv1_2
