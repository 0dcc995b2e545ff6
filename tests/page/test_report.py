"""The HTML: one file, which allows itself nothing but what is in it."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from zlib import decompress

from worker.page.report import render_report
from worker.page.static import INDEX, static_files

DATA, CALLS = b'{"a": "</script>"}', [b"[1]", b"[2]"]


def html() -> str:
    return render_report(static_files(), INDEX, DATA, CALLS)


def test_its_data_are_raw_deflate_that_no_parser_of_html_sees_into() -> None:
    elements = re.findall(
        r'<script type="application/octet-stream" id="([\w-]+)">([\w+/=]*)</script>', html()
    )
    opened = {name: decompress(b64decode(packed), wbits=-15) for name, packed in elements}
    assert opened == {"data": DATA, "calls-0": CALLS[0], "calls-1": CALLS[1]}


def test_its_policy_names_each_of_its_scripts_and_styles_and_nothing_else() -> None:
    page = html()
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert found is not None
    policy = dict(part.strip().split(" ", 1) for part in found[1].split(";"))
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        texts = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digests = [b64encode(sha256(text.encode()).digest()).decode() for text in texts]
        assert policy[name].split() == [f"'sha256-{digest}'" for digest in digests]
        assert len(texts) >= 2
    assert policy["default-src"] == "'none'"
    assert policy["base-uri"] == policy["form-action"] == "'none'"


def test_it_links_to_no_other_file() -> None:
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', html()) == []


def test_equal_inputs_give_equal_bytes() -> None:
    assert html() == html()
