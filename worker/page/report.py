"""The page as one self-contained HTML file, with its static files and its data. Pure.

The data is raw deflate in base64, which the browser decompresses. A content security policy names
the digest of each script and style, so that nothing else runs and nothing is fetched.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final
from zlib import Z_BEST_COMPRESSION, compressobj

DATA: Final = "data"
"""The ``id`` of the element with the overview's data; calls in full are in ``calls-0``, etc."""

_STYLE: Final = re.compile(r'<link rel="stylesheet" href="page/([\w.]+)">')
_SCRIPT: Final = re.compile(r'<script src="page/([\w.]+)"></script>')
_POLICY: Final = "<!-- policy -->"
_ELEMENTS: Final = "<!-- data -->"


def render_report(
    static: Mapping[str, str], index: str, data: bytes, calls: Sequence[bytes]
) -> str:
    """Render the HTML. ``data`` and ``calls`` are JSON; ``static`` has the files that ``index``
    links to.
    """
    page = _STYLE.sub(lambda found: f"<style>{static[found[1]]}</style>", static[index])
    page = _SCRIPT.sub(lambda found: f"<script>{static[found[1]]}</script>", page)
    styles = [static[name] for name in _STYLE.findall(static[index])]
    scripts = [static[name] for name in _SCRIPT.findall(static[index])]
    policy = (
        f"default-src 'none'; script-src {_digests(scripts)}; style-src {_digests(styles)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    elements = [_element(DATA, data)]
    elements += [_element(f"calls-{n}", some) for n, some in enumerate(calls)]
    return page.replace(_POLICY, meta).replace(_ELEMENTS, "\n".join(elements))


def _digests(texts: Sequence[str]) -> str:
    return " ".join(
        f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts
    )


def _element(name: str, data: bytes) -> str:
    deflate = compressobj(Z_BEST_COMPRESSION, wbits=-15)
    packed = b64encode(deflate.compress(data) + deflate.flush()).decode()
    return f'<script type="application/octet-stream" id="{name}">{packed}</script>'
