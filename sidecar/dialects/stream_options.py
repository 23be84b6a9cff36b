"""Asks for a stream's usage in a request that does not: `stream_options.include_usage`.

The body is not written anew: providers cache prompts by their beginning, and apps are promised their
own bytes. A few are put in, where only one place is possible; a body that leaves any doubt stays.
"""

import re
from typing import Any

from sidecar.metering.documents import parsed

_SIGN = b'"stream"'
_OPTIONS = re.compile(rb'"stream_options"\s*:\s*\{')
_WHOLE = b'"stream_options":{"include_usage":true},'
_FIELD = b'"include_usage":true'


def asking_for_usage(body: bytes) -> bytes | None:
    """The body of an OpenAI-shaped request, with the question put in.

    None where it asks for no stream, or says itself whether it wants the usage (`false` is a word,
    and so is `null`), or where it is not certain that nothing else would change.
    """
    if _SIGN not in body:
        return None
    document = parsed(body)
    if not isinstance(document, dict) or document.get("stream") is not True:
        return None
    options: Any = document.get("stream_options", {})
    if not isinstance(options, dict) or "include_usage" in options:
        return None
    if "stream_options" not in document:
        place = body.index(b"{") + 1  # JSON that is an object: only white space before it
        asking = body[:place] + _WHOLE + body[place:]
    else:
        places = [found.end() for found in _OPTIONS.finditer(body)]
        if len(places) != 1:
            return None
        asking = body[: places[0]] + _FIELD + (b"," if options else b"") + body[places[0] :]
    wanted = {**document, "stream_options": {**options, "include_usage": True}}
    return asking if _same(parsed(asking), wanted) else None


def _same(one: object, other: object) -> bool:
    try:
        return one == other
    except RecursionError:  # nested deeper than can be compared: nobody's prompt
        return False
