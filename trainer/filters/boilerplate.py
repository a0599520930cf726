"""Web-page furniture in place of an answer: "Cookie settings | Sign in | Subscribe to our newsletter. © All rights reserved."

Such a string need not occur twice to be seen: it is short and made almost wholly of the set phrases that pages have
around their content. We wrote the phrases (papers name none). A text is furniture when at most `max_words` long, at least
`share` of its words belong to set phrases or to the small words that join them, and enough of them to strong phrases:
"how do I sign in to my account?" has one such phrase in a sentence, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from indexer.errors import UserError
from indexer.progress import Watcher
from trainer.filters.verdicts import Verdicts

if TYPE_CHECKING:
    import pyarrow as pa

PHRASES = """
all rights reserved|copyright( \\d{4})?( \\d{4})?|terms( and conditions| of (use|service|sale))?|privacy( policy| notice| statement| settings)?
cookie(s)?( settings| policy| preferences| notice)?|accept( all)?( cookies)?|reject all|manage (preferences|consent|cookies)
(we|this (site|website|page)) uses? cookies( to improve your experience)?|by (continuing|using) (to (use|browse) )?(this|our) (site|website)( you agree( to our)?)?
sign (in|up|out)( now| here| today| for free)?|log (in|out)|login|logout|register( now| here)?|create (an|your) account|my account|forgot( your)? password
subscribe( now| today)?|unsubscribe|newsletter(s)?|(to )?our newsletter|enter your email( address)?|get (the latest )?updates|sign up for (our )?newsletter
follow us( on( facebook| twitter| instagram| youtube| linkedin)?)?|like us on|share (this|on|via)( article| page| post| story)?|tweet( this)?|facebook|twitter|instagram|linkedin|pinterest|youtube|rss( feed)?|email this|print this( page)?|pin it
skip to (main )?(content|navigation)|back to (top|home)|go (back|to (the )?(homepage|home page))|home ?page|site ?map|main menu|menu|navigation|toggle navigation|breadcrumb(s)?|scroll to top
read more|learn more|click here|see more|show (more|less)|view (all|more)|load more|continue reading|more info(rmation)?|next( page| article| post)?|previous( page| article| post)?|older posts|newer posts
contact( us)?|about( us)?|faq(s)?|help( center| centre)?|customer (service|support)|careers|press( room)?|advertise( with us)?|store locator|gift cards|return policy|shipping (info|policy)
add to (cart|basket|bag|wishlist|wish list)|buy now|check ?out|(view )?(your )?(shopping )?(cart|basket)|your cart is empty|free shipping|out of stock|track (my|your) order|compare
please (enable|turn on) (javascript|cookies)( (in your browser|to (continue|view this (page|site))))?|enable javascript|javascript (is )?(disabled|required)|your browser (is (not supported|out of date)|does not support)|upgrade your browser
(error )?404( not found| error)?|page not found|(this|the) page (you requested |you are looking for )?(could not be found|does not exist|has moved|cannot be found)|403 forbidden|access denied|internal server error|bad gateway|service unavailable
loading( please wait)?|please wait|advertisement|sponsored( content)?|related (articles|posts|products|stories)|you (may|might) also like|recommended for you|trending( now)?|most (popular|read)|leave a (comment|reply)|post a comment|no comments( yet)?|comments (are )?(closed|off)|comment(s)?|reply|posted (in|on|by)|filed under|tags|categories|archives|search( this site| results)?
powered by (wordpress|shopify|drupal|wix|blogger)|designed by|download (the|our) app|available on the app store|get it on google play|app store|google play|select (your )?(language|country|region)|english|close|cancel|submit|ok|home|blog|news|shop|products|services|accessibility|disclaimer|legal( notice)?|imprint|do not sell my (personal )?information|change (location|language)|view in browser|view desktop (site|version)|opens in (a )?new (window|tab)|lorem ipsum( dolor sit amet)?
"""
WEAK = frozenset(
    [
        "home",
        "blog",
        "news",
        "shop",
        "products",
        "services",
        "close",
        "cancel",
        "submit",
        "ok",
        "english",
        "search",
        "tags",
        "reply",
        "help",
        "about",
        "contact",
        "menu",
        "next",
        "previous",
        "compare",
        "press",
        "legal",
        "loading",
        "comment",
        "comments",
        "facebook",
        "twitter",
        "instagram",
        "linkedin",
        "youtube",
        "my account",
    ]
)
JOINTS = frozenset(
    [
        "a",
        "an",
        "and",
        "or",
        "the",
        "to",
        "for",
        "of",
        "on",
        "in",
        "at",
        "by",
        "with",
        "our",
        "your",
        "us",
        "this",
        "site",
        "page",
        "website",
        "here",
        "now",
        "you",
        "we",
        "ltd",
        "inc",
        "llc",
        "corp",
        "gmbh",
        "company",
        "please",
        "or",
        "from",
        "via",
        "all",
        "any",
        "it",
        "be",
        "is",
        "are",
    ]
)


@dataclass(frozen=True)
class Boilerplate:
    """Drops a row whose positive (or anchor, with sides) is page furniture."""

    name: ClassVar[str] = "boilerplate"
    reasons: ClassVar[Mapping[str, str]] = {
        "page furniture": "a side is made of the set phrases around a page's content"
    }
    sides: tuple[Literal["anchor", "positive"], ...] = ("positive",)
    share: float = 0.75  # of a side's words in set phrases, from which on it is furniture
    max_words: int = 60  # a longer side is never furniture

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or not self.sides:
            raise UserError("boilerplate: share must lie in (0, 1], sides must name one.", asdict(self), "share = 0.75")

    def settings(self) -> dict[str, Any]:
        """Sides, share, length; and the phrases' own version."""
        return asdict(self) | {"phrases": 1}

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Nothing to learn."""

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """Weigh each text that could be furniture."""
        import pyarrow as pa

        reasons: list[str | None] = [None] * batch.num_rows
        shares: list[float | None] = [None] * batch.num_rows
        for side in self.sides:
            for row, text in self._suspects(batch.column(side)):
                share = furniture(text)
                if share >= self.share and not reasons[row]:
                    reasons[row], shares[row] = "page furniture", round(share, 4)
        return Verdicts(reasons, {"furniture": pa.array(shares, pa.float64())})

    def _suspects(self, texts: pa.Array) -> list[tuple[int, str]]:
        """The short texts: a cheap look first, so that the patterns meet few."""
        from trainer.normal import as_series

        series = as_series(texts)
        rows = (series.str.len_bytes() <= 12 * self.max_words).arg_true()
        plain = series.gather(rows).str.to_lowercase().str.replace_all(r"[^\w©]+", " ").str.strip_chars(" ")
        short = plain.str.count_matches(" ") < self.max_words
        return list(zip(rows.filter(short).to_list(), plain.filter(short).to_list(), strict=True))


def furniture(text: str) -> float:
    """The share of words that belong to set phrases; 0 when less than half of them to strong ones. Lower-case words, spaced."""
    words = text.count(" ") + 1
    covered = strong = 0
    for match in _pattern().finditer(text):
        found = match.group()
        covered += found.count(" ") + 1
        strong += 0 if found in WEAK else found.count(" ") + 1
    if strong < words / 2:
        return 0.0
    rest = _pattern().sub(" ", text).split()
    joints = sum(word in JOINTS or word.isdecimal() or word == "©" for word in rest)
    return min(1.0, (covered + joints) / words)


@cache
def _pattern() -> re.Pattern[str]:
    phrases = [phrase for line in PHRASES.strip().splitlines() for phrase in _alternatives(line)]
    longest = sorted(phrases, key=len, reverse=True)
    return re.compile(r"(?<!\w)(?:" + "|".join(longest) + r")(?!\w)")


def _alternatives(line: str) -> list[str]:
    """Split at the bars that stand outside brackets."""
    parts, depth = [""], 0
    for char in line:
        depth += (char == "(") - (char == ")")
        if char == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return parts
