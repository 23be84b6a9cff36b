"""What tests of shared calls have in common."""

from tests.integration.rig import Rig, eventually
from tests.integration.wire import Client, post

BODY = b'{"model":"m","input":"hello"}'


def embed(body: bytes = BODY, *, path: str = "/v1/embeddings", extra: bytes = b"") -> bytes:
    """A call that may be shared."""
    return post(body, path=path, extra=extra)


async def joined(it: Rig, readers: int) -> None:
    """So many requests are being served by flights."""
    await eventually(lambda: it.sidecar.services.shared.readers == readers)


async def askers(it: Rig, count: int, request: bytes | None = None) -> list[Client]:
    """So many apps whose equal requests are being served by a flight, in the order of their coming."""
    before, clients = it.sidecar.services.shared.readers, []
    for number in range(count):
        client = await it.connect()
        client.post(request or embed())
        clients.append(client)
        await joined(it, before + number + 1)
    return clients
