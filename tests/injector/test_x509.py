"""How long a certificate holds, compared with a library that reads all of it."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
import trustme
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from sidecar.injector.x509 import not_after

CA = trustme.CA()


@pytest.mark.parametrize(
    "until",
    [
        datetime(2026, 11, 28, 19, 3, 5, tzinfo=UTC),
        datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),  # the last that is written with two digits
        datetime(2050, 1, 1, tzinfo=UTC),
        datetime(3000, 1, 1, tzinfo=UTC),
    ],
)
def test_the_end_of_the_first_certificate_counts(until: datetime) -> None:
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    issued = CA.issue_cert("localhost", "a.example", not_before=begin, not_after=until)
    chain = [pem.bytes() for pem in (*issued.cert_chain_pems, CA.cert_pem)]

    assert x509.load_pem_x509_certificate(chain[0]).not_valid_after_utc == until
    assert not_after("Subject: whoever\n" + b"".join(chain).decode()) == until


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n",
        CA.private_key_pem.bytes().decode(),
        CA.cert_pem.bytes().decode()[:200],
    ],
)
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a certificate"):
        not_after(text)


@given(st.data())
def test_a_damaged_certificate_is_refused_or_read(data: st.DataObject) -> None:
    pem = CA.cert_pem.bytes().decode()
    at = data.draw(st.integers(0, len(pem) - 1))
    damaged = pem[:at] + data.draw(st.characters(codec="ascii")) + pem[at + 1 :]

    with suppress(ValueError):
        not_after(damaged)
