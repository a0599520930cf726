"""Which parts of speech a word can have, before its neighbours have their say.

The closed classes are listed here; open-class words are asked of lemminflect. The tags, apart from the Penn ones for open
classes (NN NNS JJ RB VB VBP VBZ VBD VBN VBG):

    DT DTS DTP   determiner; of a singular ("a", "this"); of a plural ("these", "several")
    PRP PRS PRX  subject pronoun of a plural verb ("they"), of a singular one ("she"), object pronoun ("them")
    PN PNP EX    other pronouns ("someone", "several"), and "there"
    BE HV DO MD  finite auxiliaries; BEN: be, been, being
    IN TO POS NOT CD Q SM CM CC    preposition, to + verb, 's, not, number, other mark, . ; : etc., comma, and/or
    CCN CCJ CCG CCP CCV CCO        "and" after a noun, adjective or adverb, -ing, participle, base form, something else
    RA                             adverb inside a verb group ("has never been")
    SE                             a subordinator without a clause ("when wet", "because of")
    WH WHD SC CV CMV SMV           the words that owe a finite verb: who, whose, because; and/or, a comma, ; between clauses
"""

from __future__ import annotations

from functools import lru_cache

from trainer.negation_forms import tags
from trainer.negation_words import ADVERBS, NUMBERS, PREPOSITIONS, words

FINITE = words("BE HV DO MD VBP VBZ VBD")
OPENERS = words("WH WHD SC CV CMV SMV")
NOMINAL = words("NN NNS PN PNP")
SUBJECT_STARTS = words("DT DTS DTP PRP PRS PN PNP NN NNS CD EX JJ VBG")
OPEN_CLASS = words("NN NNS JJ RB VB VBP VBZ VBD VBN VBG")
INTRANSITIVE = words(
    "agreed ached acted appeared applied apologised apologized argued arrived barked beamed became began behaved belonged "
    "blinked bloomed blossomed bounced bowed braked breathed burst came camped chatted cheered climbed collapsed collided "
    "commented commuted competed complained complied consisted continued cooperated coped corresponded coughed crashed crawled "
    "cried crumbled dashed depended descended deteriorated died dined differed disagreed disappeared dived dreamed drifted "
    "dripped drowned dwindled elapsed emerged emigrated erupted escaped evaporated evolved existed expired faded failed fainted "
    "fared fell flickered flinched floated flocked flourished fluctuated flapped flew fought froze functioned gathered giggled glanced "
    "glared gleamed glided glistened glowed went gossiped graduated grew grinned groaned grumbled happened hesitated hiked "
    "hissed hovered howled hummed hurried immigrated insisted interfered jogged joked jumped knelt lagged landed lapsed lasted "
    "laughed lay leaked leapt lectured limped lingered lived loomed looked mattered meowed merged met migrated moaned mingled mourned "
    "moved nodded occurred originated panicked participated paused peered perished persisted plummeted plunged "
    "pounced prayed prevailed proceeded protested queued quarrelled raced rained ran reacted recovered relapsed relaxed relied remained "
    "replied resided responded resigned resulted retreated returned roamed roared rose rotted rushed rusted sailed sang sank sat "
    "screamed seemed shivered shone shouted shrank shuddered sighed slept slid slipped smelled smiled smoked smouldered "
    "snarled sneezed sniffed snored snowed soared sobbed sounded sparkled specialised specialized spoke squatted squealed staggered stalled stayed "
    "stemmed stood stopped strayed strode strolled struggled stumbled succeeded suffered surged survived swam swarmed "
    "swayed sweated sympathised talked tasted teamed thrived thundered tiptoed toppled trembled tried triumphed trotted trudged tumbled "
    "turned vanished varied voted waited walked waltzed wandered wavered weakened wept whined whispered whistled widened wilted "
    "withered wobbled worked worsened yawned yelled yielded melted increased decreased dropped started ended opened "
    "changed moved played travelled traveled danced come become"
)  # past forms of verbs that hardly stand as participles behind a noun: "the snow melted", not "the snow eaten"

_CLOSED = {
    "a an every": "DTS", "each": "DTS PN RB", "another either neither": "DTS PN",
    "the my your our their its no such his": "DT", "any some none all half enough": "DT PN", "her": "DT PRX",
    "these those many few several most both": "DTP PNP", "this": "DTS PN", "that": "DTS PN WH",
    "i we they": "PRP", "he she": "PRS", "it": "PRS PRX", "you": "PRP PRX",
    "me him us them himself herself itself themselves myself yourself ourselves": "PRX",
    "mine yours ours theirs": "PN", "others": "PNP", "one": "CD PN", "there": "EX RB",
    "somebody someone something anybody anyone anything nobody everybody everyone everything nothing": "PN",
    "who which whom whatever whoever": "WH", "whose": "WHD", "what": "WH DT",
    "although whereas whether wherever why how lest": "SC", "because if when while though unless where whenever": "SC SE",
    "until till as like": "IN SC", "provided": "VBD VBN SC", "than": "IN SC", "since before after once": "IN SC RB",
    "is are was were am 're 'm ai": "BE", "'s": "BE POS", "'": "POS Q", "be been being": "BEN",
    "has had 've": "HV", "have": "HV VB", "do": "DO VB", "does did": "DO",
    "must would could should shall 'll 'd wo ca sha ought cannot": "MD", "can will may might": "MD NN",
    "not n't never": "NOT", "to": "TO IN", "and or but nor yet so plus &": "CC CV",
    ",": "CM CMV", "; : – — . ! ? ( ) - …": "SM SMV", "please only just even now then": "RB", "thanks": "NNS",
    "more less much little": "JJ RB PN", "first last second next long far early late": "JJ RB",
    "own": "JJ VB VBP", "other same": "JJ", "let": "VB VBP VBD", "used": "VBD VBN JJ",
    "home today tomorrow yesterday": "RB NN", "well": "RB", "feed": "NN VB VBP",
    "up down off out back away over in on along through apart together around about across by above "
    "below near nearby behind past": "IN RB", "inside outside": "IN RB NN",
}  # fmt: skip
CLOSED = {word: tuple(found.split()) for group, found in _CLOSED.items() for word in group.split()}


@lru_cache(maxsize=100_000)
def candidates(word: str, capital: bool = False, nominal: bool = False) -> tuple[str, ...]:
    """The tags the lower-case word may have; written with a capital inside a sentence it may be a name besides. The lexicon
    lacks some nouns ("dam"): where one is expected a word it takes for a verb alone may be a noun."""
    found = CLOSED.get(word) or _open(word)
    if nominal and not {*found} & {"NN", "NNS", "JJ"}:
        found = {("VB", "VBP"): ("VB", "VBP", "NN"), ("VBZ",): ("VBZ", "NNS")}.get(found, found)
    return (*found, "NN") if capital and "NN" not in found and found[0] in OPEN_CLASS else found


def _open(word: str) -> tuple[str, ...]:
    if word in PREPOSITIONS:
        return ("IN",)
    if word in NUMBERS or word[:1].isdigit():
        return ("CD",) if word.isdigit() else ("CD", "JJ") if "-" in word else ("CD", "NN")
    if not word[:1].isalpha():
        return ("Q",)
    if word in ADVERBS:
        return ("RB",)
    found = tuple(tag for known in sorted(tags(word)) for tag in ((known, "VBP") if known == "VB" else (known,)))
    return found or ("NN",)
