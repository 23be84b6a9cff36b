"""The composition root of `llm-sidecar injector`: the webhook, and its probes on the admin port."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry

from sidecar.admin.probes import probe_routes
from sidecar.admin.readiness import Readiness
from sidecar.clock import LoopClock
from sidecar.errors import CertificateError, ConfigError
from sidecar.injector.certificate import Certificate
from sidecar.injector.config import InjectorConfig, parse_config
from sidecar.injector.server import Webhook
from sidecar.listening import listen
from sidecar.settings import Settings
from sidecar.telemetry.injections import InjectionObserver, InjectionsCollector
from sidecar.telemetry.logs import Log
from sidecar.version import __version__

_CONFIG, _CERTIFICATE, _KEY = (
    f"SIDECAR_INJECTOR_{name}" for name in ("CONFIG", "CERTIFICATE", "KEY")
)


class Injector:
    """One webhook server. Construct it inside a running loop.

    Raises ConfigError with one line for each file that is not named or of no use.
    """

    def __init__(self, settings: Settings, log: Log) -> None:
        self.settings = settings
        self.log = log
        self.readiness = Readiness()
        config, self.certificate = _files(settings, log)
        observer = InjectionObserver(log)
        registry = CollectorRegistry()
        registry.register(
            InjectionsCollector(observer, lambda: self.certificate.current().not_after)
        )
        admin = web.Application()
        admin.add_routes(probe_routes(registry, self.readiness, self._ailment))
        self.webhook = Webhook(config, observer)
        self._webhook = self.webhook.runner()
        self._admin = web.AppRunner(admin, access_log=None)

    def _ailment(self) -> str:
        until = self.certificate.current().not_after
        return "" if LoopClock.wall() < until else f"the certificate expired at {until.isoformat()}"

    @property
    def port(self) -> int:
        """The webhook's; real also where 0 was asked for."""
        return int(self._webhook.addresses[0][1])

    @property
    def admin_port(self) -> int:
        """The port of metrics and health."""
        return int(self._admin.addresses[0][1])

    async def start(self) -> None:
        """Listen on both ports; raises ListenError naming the one that cannot be had."""
        settings = self.settings
        await listen(self._admin, settings.admin_host, settings.admin_port, "SIDECAR_ADMIN_PORT")
        await listen(
            self._webhook,
            settings.injector_host,
            settings.injector_port,
            "SIDECAR_INJECTOR_PORT",
            tls=self.certificate.context,
        )
        self.readiness.listening = True
        self.log.info(
            "started",
            version=__version__,
            injector=f"{settings.injector_host}:{self.port}",
            admin=f"{settings.admin_host}:{self.admin_port}",
            certificate_until=self.certificate.current().not_after.isoformat(),
        )

    def leave(self) -> None:
        """Say "not ready", and send the API server's next reviews to another pod."""
        self.readiness.draining = True
        self.webhook.leaving = True
        self.log.info("draining")

    async def stop(self) -> None:
        """Finish open reviews and close every socket; the admin port last."""
        await self._webhook.cleanup()
        await self._admin.cleanup()
        self.log.info("stopped")


def _files(settings: Settings, log: Log) -> tuple[InjectorConfig, Certificate]:
    """What the settings name, or one line for all that is wrong with it."""
    named = {
        _CONFIG: settings.injector_config,
        _CERTIFICATE: settings.injector_certificate,
        _KEY: settings.injector_key,
    }
    if problems := [f"{name}: must name a file" for name, path in named.items() if not path]:
        raise ConfigError(problems)
    config = certificate = None
    try:
        config = parse_config(Path(settings.injector_config).read_bytes())
    except OSError as error:
        problems.append(f"{_CONFIG}={settings.injector_config}: cannot be read: {error.strerror}")
    except ConfigError as error:
        problems += [f"{_CONFIG}={settings.injector_config}: {line}" for line in error.problems]
    try:
        certificate = Certificate(
            Path(settings.injector_certificate),
            Path(settings.injector_key),
            lambda why: log.warning("certificate_kept", problem=why),
        )
    except CertificateError as error:
        problems.append(f"{_CERTIFICATE}, {_KEY}: {error}")
    if config is None or certificate is None:
        raise ConfigError(problems)
    return config, certificate


@asynccontextmanager
async def running(settings: Settings, log: Log) -> AsyncIterator[Injector]:
    """A started injector, stopped at the end on every path."""
    injector = Injector(settings, log)
    try:
        await injector.start()
        yield injector
    finally:
        await injector.stop()


async def serve(settings: Settings, log: Log) -> None:
    """Run until SIGTERM or SIGINT, go on while the API server still asks here, then stop.

    A Service needs a moment to forget a pod: `drain_idle` seconds, cut short by a second signal.
    """
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[None] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signals.put_nowait, None)
    async with running(settings, log) as injector:
        await signals.get()
        injector.leave()
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.drain_idle):
                await signals.get()
