"""A permit ends once, however it is left."""

from collections.abc import Iterable

import pytest

from sidecar.admission.permit import Permit
from sidecar.control.allowance import Allowance, Unit
from sidecar.control.law import IGNORED, SUCCESS, LatencyKind, Ticket, Verdict
from sidecar.outcomes import Priority

TICKET = Ticket(0, 1.0, 1, 0.0)


class Lender:
    """Hears what comes of its permits."""

    def __init__(self, *, listens: bool = True) -> None:
        self.listens = listens
        self.heard: list[object] = []

    def measure(self, ticket: Ticket, latency: float, kind: LatencyKind) -> None:
        self.heard.append((ticket, latency, kind))

    def told(self, ticket: Ticket, allowances: Iterable[Allowance]) -> None:
        self.heard.append((ticket, list(allowances)))

    def settle(self, permit: Permit, verdict: Verdict, used_tokens: int | None) -> None:
        self.heard.append((verdict, used_tokens))

    def refund(self, permit: Permit) -> None:
        self.heard.append("refund")


def lent(lender: Lender) -> Permit:
    return Permit(lender, TICKET, None, Priority.NORMAL)


def test_the_first_ending_counts() -> None:
    lender = Lender()
    with lent(lender) as permit:
        permit.settle(SUCCESS, used_tokens=7)
        permit.settle(IGNORED)
        permit.refund()

    assert lender.heard == [(SUCCESS, 7)]


def test_what_is_left_unsettled_tells_nothing() -> None:
    lender = Lender()
    with pytest.raises(ZeroDivisionError), lent(lender):
        raise ZeroDivisionError

    assert lender.heard == [(IGNORED, None)]


def test_what_is_given_back_unused_is_not_settled_as_well() -> None:
    lender = Lender()
    with lent(lender) as permit:
        permit.refund()
        permit.refund()

    assert lender.heard == ["refund"]


def test_what_it_reports_goes_to_its_lender_with_its_ticket() -> None:
    lender, allowance = Lender(), Allowance(Unit.REQUESTS, 60.0, 59.0, 1.0)
    permit = lent(lender)
    permit.measure(0.5, LatencyKind.FIRST_BYTE)
    permit.told([allowance])

    assert lender.heard == [(TICKET, 0.5, LatencyKind.FIRST_BYTE), (TICKET, [allowance])]


@pytest.mark.parametrize("listens", [True, False])
def test_its_lender_knows_whether_headers_are_of_use(listens: bool) -> None:
    assert lent(Lender(listens=listens)).listens is listens
