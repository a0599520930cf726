"""Captions and headlines: a subject and what is said of it without a finite verb ("a man riding a horse", "lid missing")."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_affirm import affirm_verb
from trainer.negation_clauses import Main, opens, plural_subject
from trainer.negation_forms import Token, tags
from trainer.negation_lexicon import FINITE, INTRANSITIVE
from trainer.negation_places import is_caption, is_titled
from trainer.negation_subjects import flip_subject
from trainer.negation_tables import tag_words, unprefixed
from trainer.negation_tagging import Tagged, tagged
from trainer.negation_verbs import Edits, negate_verb
from trainer.negation_words import DETERMINERS, PREPOSITIONS, words

ASLEEP = words("asleep awake alone afraid alive aware unaware ajar aboard")
WORN = words("wearing holding carrying dressed clad seated covered")
FOR_GOODS = words(
    "running walking hiking swimming cycling climbing cooking baking frying drinking dining sleeping fishing camping gardening "
    "sewing knitting writing shaving cleaning washing mixing measuring cutting chopping carving serving racing riding skiing "
    "boxing dancing parking reading dressing changing rocking folding training working driving gaming packing wrapping"
)  # "running shoes": what goods are for, not what anyone is doing
OFFERED = words("available included required possible needed allowed")
FIT = words("safe friendly proof resistant washable free")
NOMINAL = ("NN", "NNS", "PN", "PNP", "PRX")


def flip_caption(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """The edits that deny what a caption says of its subject, or None if it says nothing of it."""
    read = tagged(tuple(tokens))
    place = _said(tokens, read, end)
    if place is not None and (tokens[place].low, "adj") in unprefixed():
        return {place: _like(tokens[place].text, unprefixed()[tokens[place].low, "adj"])}, "prefix"
    if place is not None:
        return {**_insert(tokens, place), **_joined(tokens, read, place, end)}, "participle not"
    return _relative(tokens, read, end)


def is_passive(tokens: Sequence[Token], verb: int) -> bool:
    """ "A plate topped with fish", "Woman Arrested Over Tickets": a participle where a transitive verb has no object."""
    read, low = tagged(tuple(tokens)), tokens[verb].low
    if read[verb].tag != "VBD" or "VBN" not in tags(low) or low in INTRANSITIVE:
        return False
    first, after = tokens[0].low, tokens[verb + 1].low if verb + 1 < len(tokens) else ""
    if (
        is_titled(tokens)
        and after == "to"
        and low in ("set", "forced", "told", "urged", "ordered", "asked", "expected")
    ):
        return True
    of = len(tokens) > 1 and tokens[1].low == "of"
    bare = (not of and first in ("a", "an", "several", "two", "three", "four")) or tokens[-1].low not in ".!?"
    if (
        not bare
        or first in DETERMINERS - {"a", "an", "some", "several", "no"}
        or any(t.low == "," for t in tokens[:verb])
    ):
        return False
    before = read[verb - 1].tag if verb else ""
    seen = tag_words().get(low, {})
    least = 0.4 if tokens[-1].low == "." or first in ("a", "an") else 0.2
    mostly = sum(seen.values()) < 4 or seen.get("VBN", 0) >= least * sum(seen.values())
    no_object = (
        not after
        or after in PREPOSITIONS | ASLEEP | {".", ":", "!"}
        or tags(after) == {"RB"}
        or after in ("easy", "due", "safe", "dead", "guilty")
    )
    return mostly and no_object and before in ("NN", "NNS", "RB", "VBG", "JJ", "CD")


def _said(tokens: Sequence[Token], read: Sequence[Tagged], end: int) -> int | None:
    """Where the participle, adjective or place stands that is said of the subject."""
    found = []
    for number in range(1, end):
        tag, low, before = read[number].tag, tokens[number].low, read[number - 1].tag
        if tag in ("WH", "WHD", "SC") or (tag in FINITE and not is_passive(tokens, number)):
            break
        if low in ("(", ":", "including", "following", "regarding", "according", "concerning"):
            break
        behind = (
            before in NOMINAL
            or (before == "RB" and read[number - 2].tag in NOMINAL)
            or _behind_comma(tokens, read, number)
        )
        bare = before == "CD" or ("JJ" not in tags(tokens[0].low) and bool(tags(tokens[0].low) & {"NN", "NNS"}))
        behind = behind or (number == 1 and bare)
        participle = tag in ("VBG", "VBN", "VBD") or (tag == "BEN" and low == "being")
        if behind and (
            (participle and _is_said(tokens, read, number, end))
            or low in ASLEEP
            or _predicative(tokens, read, number, end)
        ):
            found.append(number)
    if not found:
        return None
    place = next((number for number in found if tokens[number].low not in WORN), found[0])
    if tokens[place].low in FIT and read[place - 1].tag == "NN" and "," in {token.low for token in tokens[: place - 1]}:
        return place - 1  # "mug, microwave safe"
    manner = tokens[place - 1].low.endswith("ly") or tokens[place - 1].low in ("well", "badly")
    return place - 1 if read[place - 1].tag == "RB" and manner else place


def _behind_comma(tokens: Sequence[Token], read: Sequence[Tagged], number: int) -> bool:
    """ "coffee, lightly roasted"."""
    start = number - (read[number - 1].tag == "RB")
    return start > 0 and tokens[start - 1].low == ","


def _is_said(tokens: Sequence[Token], read: Sequence[Tagged], number: int, end: int) -> bool:
    """A participle of the subject: not the first part of a noun ("swimming pool") nor a title's gerund ("Cooking Rice")."""
    after = read[number + 1].tag if number + 1 < end else ""
    if _behind_comma(tokens, read, number):
        last = read[number].tag == "VBN" and number + 1 == end and not any(t.low == "," for t in tokens[: number - 3])
        return last or (read[number].tag == "VBG" and after not in ("NN", "NNS"))
    if is_titled(tokens) and read[number].tag == "VBG":
        return False
    plain = after in ("NN", "NNS") and read[0].tag in ("JJ", "NN") and read[number - 1].tag == "NN"
    if plain and tokens[number].low in FOR_GOODS:
        return False  # "mens trail running shoes"
    if read[number].tag == "VBG" and number + 1 < end and tokens[number + 1].low in OFFERED:
        return False  # "gift wrapping available"
    if number == 2 and read[0].tag in ("JJ", "DTS") and number + 2 >= end - 1 and after == "NN" and read[1].tag == "NN":
        return False  # "a risk taking juggler"
    if number == 2 and read[0].tag == "JJ" and read[1].tag == "NN" and after == "NN":
        return False  # "sweet drinking chocolate"
    if number == 1 and read[number].tag == "VBG" and after in ("NN", "NNS") and read[0].tag != "NNS":
        return False  # "insulated drinking bottle"
    return not (read[number].tag != "VBG" and after in ("NN", "NNS"))


def _predicative(tokens: Sequence[Token], read: Sequence[Tagged], number: int, end: int) -> bool:
    """ "battery low", "vaccine effective against …", "wages up by …": an adjective behind its noun."""
    low, after = tokens[number].low, tokens[number + 1].low if number + 1 < end else ""
    if (
        tokens[number - 1].low == ","
        or (read[number - 1].tag not in ("NN", "NNS") and number > 1)
        or any(token.low in PREPOSITIONS for token in tokens[:number])
    ):
        return False
    last = not after or after in PREPOSITIONS | {"than", "to", "today", "again", "."}
    possible = tags(low)
    adjective = ("JJ" in possible and not possible & {"NN", "NNS", "VBG"}) or low in (
        "low",
        "safe",
        "absent",
        "free",
        "present",
    )
    return last and (adjective or (low in ("up", "down", "off", "on") and after in PREPOSITIONS | {"", "."}))


def _insert(tokens: Sequence[Token], number: int) -> Edits:
    return {number: f"{'Not' if is_titled(tokens) else 'not'} {tokens[number].text}"}


def _joined(tokens: Sequence[Token], read: Sequence[Tagged], place: int, end: int) -> Edits:
    """The participle after "and": "sitting on a bench and feeding pigeons"."""
    for number in range(place + 1, end - 1):
        if tokens[number].low == "and" and read[place].tag == read[number + 1].tag == "VBG":
            return _insert(tokens, number + 1)
    return {}


def _relative(tokens: Sequence[Token], read: Sequence[Tagged], end: int) -> tuple[Edits, str] | None:
    """ "The Queen Who Refused to Marry", "a promise he kept": the only verb there is stands in a relative clause."""
    clause = next((number for number in range(1, end) if _opens_relative(tokens, read, number)), None)
    verb = next((number for number in range(clause or end, end) if read[number].tag in FINITE), None)
    if clause is None or verb is None:
        return None
    plural = plural_subject(read, verb) if verb > clause + 1 else read[clause - 1].tag == "NNS"
    main = Main(verb, clause + (read[clause].tag in ("WH", "SC")), plural)
    return flip_subject(tokens, main, end) or affirm_verb(tokens, main) or negate_verb(tokens, main)


def _opens_relative(tokens: Sequence[Token], read: Sequence[Tagged], number: int) -> bool:
    bare = read[number].tag in ("PRP", "PRS") and opens(read, number)
    return bare or read[number].tag == "WH" or (read[number].tag == "SC" and tokens[number].low in ("where", "when"))


def _like(pattern: str, text: str) -> str:
    return text.capitalize() if pattern[:1].isupper() else text


def flip_sure_caption(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """ "A man feeding ducks by a pond": where "ducks" might be the verb, but what begins as captions do has a participle."""
    verb = next(
        (n for n in range(2, end) if "VBG" in tags(tokens[n].low) and tags(tokens[n - 1].low) & {"NN", "NNS"}), None
    )
    if verb is None or not is_caption(tokens) or tokens[verb - 1].low in PREPOSITIONS:
        return None
    return {verb: f"not {tokens[verb].text}"}, "participle not"
