"""structlog without rich, which it loads where it is installed, for tracebacks that are never printed
here: 3 MB in every pod."""

import sys

__all__ = ["structlog"]

_loaded = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "rich"}
for _name in _loaded:
    del sys.modules[_name]
sys.modules["rich"] = None  # type: ignore[assignment]  # importing it fails, as if it were not there
try:
    import structlog
finally:
    del sys.modules["rich"]
    sys.modules.update(_loaded)
