"""Which upstreams the list of prices is for.

A price is what the provider's own bill says, so an upstream has one where it is known whose it is:

- its dialect says it: nobody but Anthropic bills for what speaks Anthropic's API;
- OpenAI's dialect says nothing, since everybody speaks it: there the name `openai` counts, which a
  gateway before OpenAI may bear, else the URL: OpenAI's own hosts, or those of another provider
  that the list knows by its URL. A server of one's own is none of them, whatever its models are
  called, and costs what the user's own price file says.
"""

from collections.abc import Mapping

from sidecar.dialects import DIALECTS
from sidecar.upstream.routes import Upstream

_OPENAI = DIALECTS["openai"]
_OPENAI_HOSTS = ".openai.com"
"""There is one for each region."""


def price_providers(upstreams: Mapping[str, Upstream]) -> Mapping[str, str | None]:
    """By the upstreams' names, the provider as `listed_prices` wants it: a name or a URL.

    None where only the user's own file can have a price.
    """
    return {name: _provider(upstream) for name, upstream in upstreams.items()}


def _provider(upstream: Upstream) -> str | None:
    dialect = upstream.dialect
    if dialect.name != _OPENAI.name or upstream.name == _OPENAI.name:
        return dialect.price_provider
    if upstream.origin.host.endswith(_OPENAI_HOSTS):
        return _OPENAI.price_provider
    return f"https://{upstream.origin.host}{upstream.base_path.decode('latin-1')}"
