"""How the page of a comparison looks: light and dark, from 390 px up."""

from __future__ import annotations

__all__ = ["STYLE"]

# A grey, then eight colours that stay apart for readers who see few of them.
_LIGHT = "#8a8984 #2a78d6 #eb6834 #1baf7a #eda100 #e87ba4 #008300 #4a3aa7 #e34948"
_DARK = "#8a8984 #3987e5 #d95926 #199e70 #c98500 #d55181 #008300 #9085e9 #e66767"


def _variables(colours: str) -> str:
    return "".join(f"--s{at}:{colour};" for at, colour in enumerate(colours.split()))


_PARTS = [
    ":root{color-scheme:light dark;--page:#fcfcfb;--ink:#0b0b0b;--soft:#52514e;--line:#e3e2dd;",
    _variables(_LIGHT),
    "}@media (prefers-color-scheme:dark){:root{--page:#1a1a19;--ink:#fff;--soft:#c3c2b7;",
    "--line:#3a3936;",
    _variables(_DARK),
    "}}",
    "*{box-sizing:border-box}",
    "body{background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif;",
    "margin:0 auto;padding:1rem;max-width:72rem}",
    "h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:1.8rem 0 .5rem;",
    "overflow-wrap:anywhere}h3{font-size:1rem;margin:1rem 0 .3rem}",
    "p{color:var(--soft);margin:.3rem 0;max-width:44rem}",
    ".table{overflow-x:auto}",
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:14px}",
    "th,td{padding:.25rem .7rem .25rem 0;text-align:right;white-space:nowrap;",
    "border-bottom:1px solid var(--line);vertical-align:top}",
    "th{color:var(--soft);font-weight:500;font-size:13px;vertical-align:bottom;",
    "white-space:normal;max-width:6rem}",
    "th:first-child,td:first-child,td:has(.text),.queries th:last-child{text-align:left}",
    ".text{white-space:normal;display:inline-block;min-width:11rem;max-width:38rem;",
    "overflow-wrap:anywhere}small{color:var(--soft)}",
    ".plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr));",
    "gap:1rem}figure{margin:0;max-width:30rem}svg{width:100%;height:auto;display:block}",
    "svg text{fill:var(--soft);font:11px system-ui,sans-serif;font-variant-numeric:tabular-nums}",
    "svg .label{fill:var(--ink)}svg circle{stroke:var(--page);stroke-width:2}",
    ".grid{stroke:var(--line);stroke-width:1}.zero{stroke:var(--soft);stroke-width:1}",
    ".gain{fill:var(--s1)}.loss{fill:var(--s8)}",
    ".key{display:inline-block;width:.7rem;height:.7rem;border-radius:50%;margin-right:.4rem}",
    *(f".c{at}{{fill:var(--s{at})}}.k{at}{{background:var(--s{at})}}" for at in range(9)),
]
STYLE = "".join(_PARTS)
