"""The rule negator says the opposite, changes nothing else, and abstains with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.negation import negate, negations, say
from trainer.negation_forms import rewrite, tokenise
from trainer.negation_tagging import tagged

RIGHT = [
    ("The lamp comes with a bulb.", "The lamp does not come with a bulb."),
    ("She went home.", "She did not go home."),
    ("The rug cost more than the sofa.", "The rug did not cost more than the sofa."),
    ("I saw somebody.", "I did not see anybody."),
    ("They can swim.", "They cannot swim."),
    ("You'd better leave.", "You'd better not leave."),
    ("He used to smoke.", "He did not use to smoke."),
    ("There are some towels here.", "There are no towels here."),
    ("There has been an accident.", "There has not been an accident."),
    ("All the guests ate.", "Not all the guests ate."),
    ("Someone broke the window.", "No one broke the window."),
    ("Nobody has told us anything.", "Somebody has told us something."),
    ("Neither of the rooms has a window.", "Both of the rooms have a window."),
    ("The paint has already dried.", "The paint has not yet dried."),
    ("They still live here.", "They no longer live here."),
    ("He speaks Dutch too.", "He does not speak Dutch either."),
    ("If it rains, the match is cancelled.", "If it rains, the match is not cancelled."),
    ("The man who fell got up again.", "The man who fell did not get up again."),
    ("The campsite we stayed at, which was cheap, offered lessons.",
     "The campsite we stayed at, which was cheap, did not offer lessons."),
    ("The gym is open and the pool is heated.", "The gym is not open and the pool is not heated."),
    ("Does it come with batteries?", "Doesn't it come with batteries?"),
    ("What do penguins eat?", "What don't penguins eat?"),
    ("Which planets have rings?", "Which planets do not have rings?"),
    ("Isn't it too late?", "Is it too late?"),
    ("Please wait here.", "Please do not wait here."),
    ("Do not touch the screen.", "Touch the screen."),
    ("Let's go.", "Let's not go."),
    ("a coat without a hood", "a coat with a hood"),
    ("batteries included", "batteries not included"),
    ("suitable for children", "not suitable for children"),
    ("How to Prune Roses", "How Not to Prune Roses"),
    ("Police Arrest Suspect in Bank Robbery", "Police Do Not Arrest Suspect in Bank Robbery"),
    ("It doesn’t fit.", "It fits."),
    ("The hotel has no pool.", "The hotel has a pool."),
    # which word is the verb
    ("The light switches in the hall were replaced last week.", "The light switches in the hall were not replaced last week."),
    ("Parcels collected after six reach most villages the next morning.",
     "Parcels collected after six do not reach most villages the next morning."),
    ("The tool you borrowed from the shed belongs to the neighbour who lives across the road.",
     "The tool you borrowed from the shed does not belong to the neighbour who lives across the road."),
    ("The fact that he apologised means a great deal to us.", "The fact that he apologised does not mean a great deal to us."),
    ("What the inspectors found in the cellar led to the closure.",
     "What the inspectors found in the cellar did not lead to the closure."),
    ("The report shows sales are rising.", "The report does not show sales are rising."),
    ("Walking to school makes children independent and keeps them fit.",
     "Walking to school does not make children independent and does not keep them fit."),
    ("Students who cannot attend receive a link.", "Students who cannot attend do not receive a link."),
    ("The committee, which met twice, approved the budget.", "The committee, which met twice, did not approve the budget."),
    ("If surfaces are dirty, clean them with soap.", "If surfaces are dirty, do not clean them with soap."),
    ("Check whether the fuse is properly fitted.", "Do not check whether the fuse is properly fitted."),
    # captions, headlines, fragments
    ("Boys in striped shirts kicking a ball.", "Boys in striped shirts not kicking a ball."),
    ("Workers wearing orange vests repairing a road.", "Workers wearing orange vests not repairing a road."),
    ("A plate topped with grilled fish.", "A plate not topped with grilled fish."),
    ("A crowd of fans wave flags.", "A crowd of fans do not wave flags."),
    ("Two Missing Climbers Found Alive", "Two Missing Climbers Not Found Alive"),
    ("Teacher Who Wrote to Kafka", "Teacher Who Did Not Write to Kafka"),
    ("Vaccine Effective Against New Strain", "Vaccine Not Effective Against New Strain"),
    ("Charger included: yes", "Charger included: no"),
    ("no sugar added", "sugar added"),
    ("currently in stock", "not currently in stock"),
    ("doesnt fit my bike", "fits my bike"),
    # questions without their mark, or behind a colon
    ("why does my dog bark at night", "why doesn't my dog bark at night"),
    ("Stomach ulcers: is surgery needed?", "Stomach ulcers: isn't surgery needed?"),
    # time, not a subject
    ("Every evening after dinner my uncle takes the same path.",
     "Every evening after dinner my uncle does not take the same path."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), RIGHT, ids=[text for text, _ in RIGHT])
def test_says_the_opposite(text: str, expected: str) -> None:
    assert negate(text).text == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("The Art of War", "no finite verb"),
        ("", "no words"),
        ("...", "no words"),
        ("It is not only cheap but also good.", "not only … but also"),
        ("Everyone came, didn't they?", "a tag question"),
        ("word " * 200, "longer than 120 words"),
        ("Never had she been so tired.", "a negation at the beginning inverts the clause"),
        ("Pay by card, not by cheque.", "not … but"),
        ("He eats nothing but rice.", "nothing but"),
        ("The older it gets, the dearer it becomes.", "the more … the more"),
        ("How far is it to Graz?", "a question of degree"),
    ],
)
def test_abstains_and_says_why(text: str, why: str) -> None:
    found = negate(text)
    assert (found.text, found.why) == (None, why)
    assert say(text) == f"abstains: {why}"


def test_knows_several_ways_and_draws_one_by_the_text() -> None:
    ways = {way.rule: way.text for way in negations("The lamp comes with a bulb.")}
    assert ways["contracted n't"] == "The lamp doesn't come with a bulb."
    assert ways["without"] == "The lamp comes without a bulb."
    assert negate("The lamp comes with a bulb.", prefer="without").text == "The lamp comes without a bulb."
    assert {way.rule for way in negations("The door is open.")} >= {"auxiliary not", "antonym"}


def test_says_its_rule() -> None:
    assert say("The lamp comes with a bulb.") == "The lamp does not come with a bulb.\nrule: do-support (does)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the dogs run .", "DT NNS VBP SM"),
        ("the runs were short .", "DT NNS BE JJ SM"),
        ("they say it works .", "PRP VBP PRS VBZ SM"),
        ("can you run ?", "MD PRP VB SM"),
    ],
)
def test_tags_agree_with_the_verbs_a_clause_owes(text: str, expected: str) -> None:
    assert " ".join(word.tag for word in tagged(tuple(tokenise(text)))) == expected


@given(st.text(max_size=80))
def test_any_text_is_negated_or_not_but_never_fails(text: str) -> None:
    found = negate(text)
    assert (found.text is None) == bool(found.why)
    assert found == negate(text)
    negations(text)


@given(st.text(alphabet=st.sampled_from("abc 'n't.,\"’-12é\n"), max_size=60))
def test_tokens_join_to_the_text_again(text: str) -> None:
    assert rewrite(tokenise(text), {}) == text.strip()
