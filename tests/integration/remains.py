"""What is left in memory and in the kernel once requests are over."""

import asyncio
import gc
from collections import Counter, deque

import psutil


def living() -> Counter[str]:
    """Objects of the sidecar's own types that something still holds, by type."""
    gc.collect()
    types = (type(found) for found in gc.get_objects())
    return Counter(f"{kind.__module__}.{kind.__qualname__}" for kind in types if _is_own(kind))


def grown(before: Counter[str], *, beyond: int = 0) -> dict[str, int]:
    """Of which types there are more than `beyond` more alive than `before`, and how many."""
    more = living()
    more.subtract(before)
    return {kind: count for kind, count in more.items() if count > beyond}


def items() -> int:
    """Entries of all tables, lists and queues that objects of the sidecar's own types hold.

    What is bounded by its making, a deque's `maxlen`, is not counted.
    """
    gc.collect()
    left: list[object] = [found for found in gc.get_objects() if _is_own(type(found))]
    count, seen = 0, {id(found) for found in left}
    while left:
        for held in gc.get_referents(left.pop()):
            if isinstance(held, _CONTAINERS) and id(held) not in seen:
                seen.add(id(held))
                left.append(held)
                bounded = isinstance(held, deque) and held.maxlen is not None
                count += 0 if bounded else len(held)
    return count


_CONTAINERS = (dict, list, set, deque)


def _is_own(kind: type) -> bool:
    return str(kind.__module__).startswith("sidecar.")  # a class may hide it behind a property


def open_descriptors() -> int:
    """Sockets and files of this process, without what earlier tests left to be collected."""
    gc.collect()
    return int(psutil.Process().num_fds())


def connected() -> list[str]:
    """TCP connections of this process that are not merely listening."""
    found = psutil.Process().net_connections("tcp")
    return [f"{c.laddr} {c.raddr} {c.status}" for c in found if c.status != psutil.CONN_LISTEN]


def timers() -> list[asyncio.TimerHandle]:
    """What asyncio's loop is still going to call some day."""
    scheduled: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return [timer for timer in scheduled if not timer.cancelled()]
