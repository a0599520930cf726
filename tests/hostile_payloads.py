"""Names and texts that try to be something else, put together from ingredients: what leads elsewhere, what runs, what is too much.

`NAMES` lead out of a folder, or would on some system, or are no names at all: none may become part of a path. `INJECTIONS`, by
the language they speak, are at the same time texts that a person may search for or keep in a field, so a door may answer
them as well as refuse them; what it may not do is run them, stall, or break. Nothing here is random: the same every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

SECRET = "decoy.txt"  # lies beside the home and in it, where the tests put it; the names try to reach it
LONE = "\ud800"  # half a character: no UTF-8 holds it


def _up(dots: str, separator: str, levels: int) -> str:
    return f"{dots}{separator}" * levels


def _climbing() -> Iterator[str]:
    """Two dots and a separator, each plain and in every disguise that some decoder takes off."""
    dots = (
        "..",
        "%2e%2e",
        "%252e%252e",
        ".%2e",
        "%c0%ae%c0%ae",
        "．．",
        "‥",
        "․․",
        "....",
        "..;",
        ".\u200b.",
        "..\x00",
        "\\..",
    )
    separators = ("/", "\\", "%2f", "%252f", "%5c", "%c0%af", "／", "∕", "⁄", "＼", "//", "/./")
    for dot, separator, levels in product(dots, separators, (1, 8)):
        yield _up(dot, separator, levels) + SECRET


def _absolute() -> Iterator[str]:
    target = f"etc/{SECRET}"
    roots = (
        "/",
        "//",
        "///",
        "\\",
        "\\\\host\\share\\",
        "\\\\?\\",
        "\\\\.\\",
        "C:\\",
        "C:/",
        "c:",
        "~/",
        "~root/",
        "~nobody-there/",
        "$HOME/",
    )
    schemes = (
        "file:",
        "file://",
        "file:///",
        "file://localhost/",
        "jar:file:///",
        "http://example.invalid/",
        "sqlite:///",
        "data:,",
    )
    yield from (root + target for root in (*roots, *schemes, "${HOME}/", "%USERPROFILE%\\", "`pwd`/", "$(pwd)/"))


def _embedded() -> Iterator[str]:
    """An allowed name with something after it, before it or in it."""
    for hidden in (
        "/..",
        "/../..",
        "/.",
        "/",
        "\\",
        "\\..",
        "\x00",
        "\x00.json",
        "\n",
        "\r\n",
        "\t",
        " ",
        ":",
        "::$DATA",
        ":stream",
        "*",
        "?",
        "|",
    ):
        yield from (f"shop{hidden}", f"{hidden}shop", f"sh{hidden}op")
    for hidden in (
        "\u202e",
        "\u200b",
        "\u00ad",
        "\ufeff",
        "\u2028",
        "\x1b[2J",
        "\x7f",
        "\x85",
        LONE,
        "\udfff",
        "é",
        "е",
        "ｓ",
        "İ",
        "🙂",
        "a\u0301",
    ):
        yield from (f"shop{hidden}", f"{hidden}shop")


def _devices() -> Iterator[str]:
    """What Windows or a shell takes for something else, with what makes it no plain name here either."""
    for device, tail in product(("CON", "nul", "aux", "COM1", "lpt9"), (":", ".txt:", "/", " ", "\\")):
        yield device + tail
    yield from (
        "-",
        "--",
        "-rf",
        "--home",
        "--yes",
        ".",
        "..",
        "...",
        ".git",
        ".catalog",
        "..shop",
        " .. ",
        "~",
        "$HOME",
        "",
        " ",
        "\t",
        "\x00",
        "\n",
    )


def _long() -> Iterator[str]:
    yield from (
        "x" * 65,
        "x" * 256,
        "x" * 5_000,
        "x/" * 3_000,
        "../" * 3_000,
        "é" * 64,
        "a" * 64 + "/..",
        "." * 255,
        "🙂" * 300,
        "x" * 10_000_000,
    )


NAMES: tuple[str, ...] = tuple(dict.fromkeys([*_climbing(), *_absolute(), *_embedded(), *_devices(), *_long()]))


def _sql() -> Iterator[str]:
    closers = ("'", '"', "`", "')", '")', "'))", "]", "\\'", "''", "' --", "'/*", "%27")
    attacks = (
        " OR 1=1 --", " OR 'a'='a", "; DROP TABLE collections; --", "; DELETE FROM versions; --", " UNION SELECT name, sha256 FROM versions --",
        "; ATTACH DATABASE '/tmp/decoy.db' AS x; --", " AND load_extension('decoy')", "; PRAGMA writable_schema=1; --", "||(SELECT pg_sleep(9))||",
        "; COPY collections TO PROGRAM 'touch decoy'; --",
    )  # fmt: skip
    yield from (close + attack for close, attack in product(closers, attacks))


def _filters() -> Iterator[str]:
    """The filter language turned on itself, in both spellings, and what other engines take for a filter."""
    tests = ("price < 50", "brand = 'x'", "discontinued", 'name contains "x"')
    joins = (
        " or 1=1",
        " and not",
        " or (",
        ")) or ((",
        " or true",
        "; drop",
        " or `",
        " between",
        " in (",
        " is not",
        " = = 1",
        ", 1",
    )
    yield from (test + join for test, join in product(tests, joins))
    yield from (
        '{"key": "price", "op": "<", "value": {"$gt": ""}}', '{"$where": "sleep(9)"}', '{"all": []}', '{"all": [{}]}', '{"not": null}', "{",
        '{"key": "__class__", "op": "=", "value": 1}', '{"key": "price", "op": "__eq__", "value": 1}', '{"key": "price", "op": "<", "value": NaN}',
        '{"key": "price", "op": "<", "value": Infinity}', '{"key": "price", "op": "<", "value": -1e999}', '{"key": ["price"], "op": "<", "value": 1}',
        '{"key": "price", "op": "in", "value": [[1]]}', '{"key": "price", "op": "<", "value": 1, "key": "id"}', '{"__proto__": {"all": []}}', "[]", "null",
        '{"key": "price\\u0000", "op": "<", "value": 1}', '{"key": "name", "op": "=", "value": "\\ud800"}', "`price\x00` < 5", "name = '\ud800'",
        "name contains '\\ud800'", "price < 9" + "9" * 400, "price < 1e999", "price < -1e-999", "added < 9999-99-99", "added < 0000-00-00", "field.price < 1",
        "price.__class__ = 1", "added < 0001-01-01T00:00:00+23:59", "stock = 1e308", "stock = 0x10", "stock = 1_000", "price < １２", "brand in ()",
        "name starts with", "NOT NOT NOT", "((((((((", "))))))))", "''''''''", "\\", "\x00", "\ufeffprice < 1", "price\u00a0<\u00a01", "price ≤ 5",
    )  # fmt: skip


def _queries() -> Iterator[str]:
    """Query syntax of tantivy, Lucene and SQLite's full text, none of which is spoken here, and factories of FAISS."""
    words = (
        "oak",
        "*",
        "_id",
        "title",
        "/.*/",
        "[a TO z]",
        "{1 TO *}",
        '"a b"~9999',
        "oak^1e999",
        "NEAR(a b, 9)",
        "(((oak",
        "oak)))",
        "\\",
    )
    shapes = ("{0}", "text:{0}", "+{0} -{0}", "{0} AND NOT {0}", "{0}~2", "*:{0}", "title:IN [{0} {0}]")
    yield from (shape.format(word) for shape, word in product(shapes, words))
    yield from (
        "IVF1000000000,Flat", "PCA99999,IVF1,PQ9999", "IDMap2,HNSW999999", "Flat\x00", "IVF16(IVF16(IVF16,Flat),Flat),Flat", "PQ4x4fsr", "OPQ,,,", "IVF-1,Flat",
        "HNSW" * 200, "ITQ,LSHrt", "(?:a+)+$", "(a|a)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "\\p{L}{1000000}",
    )  # fmt: skip


def _shell() -> Iterator[str]:
    commands = ("touch decoy.txt", "rm -rf ~", "curl example.invalid", "id>decoy.txt", "sleep 9")
    shapes = (
        "; {0}",
        "| {0}",
        "&& {0}",
        "$({0})",
        "`{0}`",
        "\n{0}\n",
        "${{IFS}}{0}",
        "<({0})",
        "& {0} &",
        "'; {0}; '",
        "--option=`{0}`",
        "() {{ :;}}; {0}",
    )
    yield from (shape.format(command) for shape, command in product(shapes, commands))


def _templates() -> Iterator[str]:
    inside = (
        "7*7",
        "config",
        "''.__class__.__mro__[1].__subclasses__()",
        "__import__('os').system('touch decoy.txt')",
        "open('decoy.txt','w')",
        "self._home",
    )
    shapes = (
        "{{{{{0}}}}}",
        "{{{0}}}",
        "${{{0}}}",
        "#{{{0}}}",
        "<%= {0} %>",
        "{{% {0} %}}",
        "%({0})s",
        "eval({0})",
        "{{0.{0}}}",
        "@({0})",
    )
    yield from (shape.format(each) for shape, each in product(shapes, inside))
    yield from (
        "%s" * 50,
        "%n%n%n",
        "%999999999d",
        "{:999999999}",
        "{0!r:>999999999}",
        "$x$",
        "\\u0041",
        "\\x00",
        "%00",
        "&#0;",
    )
    yield from (
        "!!python/object/apply:os.system ['touch decoy.txt']",
        "cos\nsystem\n(S'touch decoy.txt'\ntR.",
        "gASVIAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOU",
    )


def _markup() -> Iterator[str]:
    payloads = ("alert(1)", "fetch('//example.invalid')", "document.title='x'")
    shapes = (
        "<script>{0}</script>", "<img src=x onerror={0}>", "\"><svg onload={0}>", "javascript:{0}", "<a href='javascript:{0}'>x</a>", "<style>@import '{0}'</style>",
        "<!--{0}", "]]>{0}<![CDATA[", "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>{0}", "[{0}](javascript:x)", "' onfocus={0} autofocus '",
    )  # fmt: skip
    yield from (shape.format(payload) for shape, payload in product(shapes, payloads))


def _formulas() -> Iterator[str]:
    starts, bodies = (
        ("=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "＝", "＋", "－", "＠"),
        ("1+1", "cmd|' /C calc'!A0", 'HYPERLINK("//example.invalid")'),
    )
    yield from (start + body for start, body in product(starts, bodies))


def _signs() -> Iterator[str]:
    """Single signs that libraries stumble over, alone and inside a word."""
    signs = (
        "\x00", "\x01", "\x1b[31m", "\x7f", "\x80", "\x85", "\u00ad", "\u200b", "\u200d", "\u2028", "\u202e", "\u2066", "\ufeff", "\ufffd", "\uffff",
        LONE, "\udfff", "\ud83d", "\U0010ffff", "\U000e0001", "\ufdfa", "\u0345", "İ", "ß", "ﬃ", "ǆ", "Ω", "\u1e9b\u0323", "𝟘", "٣", "²", "Ⅻ", "\u3000",
    )  # fmt: skip
    yield from signs
    yield from (f"oak{sign}table" for sign in signs)
    yield "a" + "\u0301" * 5_000
    yield "\ufdfa" * 5_000


def _numbers() -> Iterator[str]:
    yield from (
        "NaN", "nan", "inf", "-inf", "Infinity", "1e999", "-0", "-0.0", "0x7fffffff", "1_000", "9" * 400, "-9223372036854775809", "1e-400", "0" * 5_000,
        "1.7976931348623159e308", "2147483648", "١٢٣", "true", "null", "undefined", "None", "[object Object]", "0/0", "1,5", "5..1", "..", "1..x", "nan..inf",
    )  # fmt: skip


def _structures() -> Iterator[str]:
    for opening, closing in (
        ("[", "]"),
        ("(", ")"),
        ('{"not":', "}"),
        ('{"all":[', "]}"),
        ("not ", ""),
        ("<b>", "</b>"),
        ("${", "}"),
        ('"', '"'),
    ):
        yield opening * 10_000
        yield opening * 10_000 + closing * 10_000
    yield from (
        '{"a":' * 2_000 + "1" + "}" * 2_000,
        "\\" * 9_999,
        "'" * 9_999,
        "`" * 9_999,
        " " * 50_000,
        "\n" * 50_000,
        "a," * 20_000,
    )


INJECTIONS: dict[str, tuple[str, ...]] = {
    language: tuple(dict.fromkeys(texts()))
    for language, texts in {
        "sql": _sql, "filter": _filters, "query": _queries, "shell": _shell, "template": _templates, "markup": _markup, "formula": _formulas,
        "sign": _signs, "number": _numbers, "structure": _structures,
    }.items()
}  # fmt: skip

HUGE = "x" * 10_000_000  # characters
HUGE_TEXTS: dict[str, str] = {
    "one word": HUGE,
    "words": "oak table " * 1_000_000,
    "digits": "9" * 10_000_000,
    "spaces": " " * 10_000_000,
    "line ends": "\n" * 10_000_000,
    "null bytes": "\x00" * 10_000_000,
    "accents": "a" + "\u0301" * 4_999_999,
    "ligatures that grow": "\ufdfa" * 3_400_000,
    "emoji": "🙂" * 2_500_000,
    "half characters": LONE * 3_400_000,
    "quotes": "'" * 10_000_000,
    "parentheses": "(" * 10_000_000,
    "an address again and again": "x:1-1" * 2_000_000,
    "a range": ".." * 5_000_000,
}

NOT_NUMBERS: dict[str, object] = {
    "-1": -1, "0": 0, "-10**9": -(10**9), "10**9": 10**9, "2**31": 2**31, "2**63": 2**63, "10**30": 10**30, "10**5000": 10**5000, "-10**5000": -(10**5000),
    "x": "x", "1": "1", "empty": "", "NaN": float("nan"), "inf": float("inf"), "-inf": float("-inf"), "1.0": 1.0, "1.5": 1.5, "True": True, "False": False,
    "None": None, "list": [1], "tuple": (1,), "dict": {}, "bytes": b"1", "complex": 1j,
}  # fmt: skip
