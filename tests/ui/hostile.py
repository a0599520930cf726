"""A hundred texts that try to be something else than text: markup, formulas, addresses, directions, lengths."""

from __future__ import annotations

_RUN = "window.hurt=(window.hurt||0)+1"
_MARKUP = (
    "<script>{run}</script>", "<img src=x onerror='{run}'>", "<svg onload={run}>", "<iframe srcdoc='<script>parent.{run}</script>'>",
    "<a href=\"javascript:{run}\">press</a>", "<body onload={run}>", "<details open ontoggle={run}>x</details>",
    "<input autofocus onfocus={run}>", "<style>*{{display:none}}</style>", "<link rel=stylesheet href=//example.invalid/x.css>",
    "<meta http-equiv=refresh content='0;url=//example.invalid'>", "</div></article><h1>outside</h1>", "<!-- a comment",
    "<plaintext>", "<math><mi xlink:href=\"data:x,{run}\">", "<object data=//example.invalid></object>", "<base href=//example.invalid/>",
    "<form action=//example.invalid><button>send</button></form>", "\"><script>{run}</script>", "'-{run}-'", "`${{{run}}}`",
    "{{{{{run}}}}}", "${{{run}}}", "<%= {run} %>", "&lt;script&gt;{run}&lt;/script&gt;", "&#60;script&#62;{run}&#60;/script&#62;",
    "%3Cscript%3E{run}%3C/script%3E", "\\u003cscript\\u003e{run}\\u003c/script\\u003e", "<scr<script>ipt>{run}</script>",
    "<IMG SRC=JaVaScRiPt:{run}>", "<video><source onerror={run}></video>", "<marquee onstart={run}>x</marquee>",
    "<template><script>{run}</script></template>", "<noscript><p title=\"</noscript><img src=x onerror={run}>\">", "javascript:{run}",
    "data:text/html,<script>{run}</script>", "vbscript:{run}", "<x contenteditable onblur={run} autofocus tabindex=1>",
)  # fmt: skip
_MARKDOWN = (
    "# a heading", "**bold** and *slanted*", "[press](javascript:alert(1))", "![image](//example.invalid/x.png)", "`code`",
    "```\ncode\n```", "| a | b |\n|---|---|\n| 1 | 2 |", "> quoted", "- [ ] a task", "$$\\int_0^1 x$$", "$x^2$", ":smile: :red[text]",
    ":material/home: icon", "<https://example.invalid>", "https://example.invalid/track?me", "www.example.invalid", "~~gone~~",
    "<span style='position:fixed;inset:0;background:red'>cover</span>", "![x][1]\n\n[1]: //example.invalid/x.png", "***",
)  # fmt: skip
_FORMULAS = (
    "=HYPERLINK(\"http://example.invalid\",\"x\")", "=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1+1", "\r=1+1",
    "＝1+1", "=IMPORTXML(\"//example.invalid\",\"//a\")", "-12.5", "+4e2", " =1", "%0A=1", "\"=1+1\"",
)  # fmt: skip
_LETTERS = (
    "שלום עולם", "مرحبا بالعالم", "\u202eturned round\u202c", "\u2067isolated\u2069", "abc \u202d def", "עברית and English",
    "I\u0307stanbul", "ﬀ ligature", "é́́́́", "Z̷̢a̵l̷g̶o̴", "👩‍👩‍👧‍👦 family", "🏴‍☠️", "日本語のテキスト", "ไทยไม่มีช่องว่าง",
    "zero\u200bwidth", "null\x00byte", "bell\x07", "soft\u00adhyphen", "nb\u00a0space", "\ufefffirst",
)  # fmt: skip
_CODES = (
    "'; DROP TABLE collections; --", "1 OR 1=1", "../../../../etc/passwd", "..\\..\\windows", "file:///etc/passwd", "{{7*7}}",
    "$(touch /tmp/x)", "`id`", "|| ls", "__import__('os').system('id')", "%s%n%x", "NaN", "-0", "1e999", "true", "null", "[object Object]",
)  # fmt: skip
_LONG = ("w" * 3_000, "word " * 2_000, "🙂" * 500, "a\n" * 300, "(" * 500, "9" * 400, "<b>" * 400)

TEXTS: tuple[str, ...] = (
    *(text.format(run=_RUN) for text in _MARKUP), *_MARKDOWN, *_FORMULAS, *_LETTERS, *_CODES, *_LONG,
)  # fmt: skip
