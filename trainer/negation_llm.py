"""The LLM negator: texts in, their negations out, written by a model behind any OpenAI-compatible address and then checked.

Each text is sent, one request a text, to the address the user names, this machine's or a remote one: do not name a remote
one for texts that may not leave. Every answer is kept in a file, so it is paid for once; requests go at a stated pace and
stop at a stated number of tokens. An answer is only ever checked (`trainer.negation_check`) and stored as a text: one that
is not the negation of its text, or changes more, is not used, and the negator abstains with the reason.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from urllib.parse import urlsplit

from indexer.errors import UserError
from indexer.files import digest
from indexer.progress import Watcher, unwatched
from trainer.negation import Negation
from trainer.negation_check import check
from trainer.negation_llm_cache import Answer, adding, read_answers
from trainer.negation_llm_endpoint import PROMPT, Endpoint, NoAnswerError

RULE = "llm"
LONGEST = 1000  # characters of a text that is sent
IN_A_ROW = 3  # texts without an answer, one after the other, after which the server is given up
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """Who is asked and what it may cost. `cache`: the file of answers; `budget_tokens`: prompt and completion, over all
    answers in that file; the last one may go beyond it, and what a request without an answer cost nobody tells us.
    `key_variable` names an environment variable, "" for none; the key itself is nowhere here."""

    url: str  # an OpenAI-compatible address
    model: str  # the name the server knows
    cache: Path
    key_variable: str = "OPENAI_API_KEY"
    requests_per_minute: int = 60  # at most
    budget_tokens: int = 100_000
    timeout_s: float = 30.0  # seconds until an answer is given up
    retries: int = 2  # after a failed request
    answer_tokens: int = 300  # at which the model is stopped; one that thinks before it answers needs thousands
    temperature: float = 0.0  # 0: as repeatable as the server allows
    seed: int = 0  # sent along with each request

    def __post_init__(self) -> None:
        """Raise UserError for the first setting that cannot work."""
        _check_url(self.url)
        if not self.model.strip():
            raise UserError("The LLM negator needs a model.", repr(self.model), "give the name the server knows")
        if self.key_variable and not VARIABLE.fullmatch(self.key_variable):
            # not repeated: somebody may have put the key itself here
            todo = 'give a name such as "OPENAI_API_KEY" and put the key into that variable; "" for no key'
            raise UserError("key_variable is no name of an environment variable.", "something else", todo)
        for name in ("requests_per_minute", "timeout_s", "answer_tokens"):
            _at_least(name, getattr(self, name), above=True)
        for name in ("budget_tokens", "retries", "temperature"):
            _at_least(name, getattr(self, name), above=False)


@dataclass(slots=True)
class LlmReport:
    """What it took: requests sent, tokens of the answers that came, answers found in the file, texts by what became of
    them ("negated", or why the negator abstained)."""

    requests: int = 0
    tokens: int = 0
    cached: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


class LlmNegator:
    """Negates texts by asking a model. `report` counts over all calls; `clock` and `sleep` are the machine's own."""

    def __init__(
        self,
        settings: LlmSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings, self.report = settings, LlmReport()
        self._clock, self._sleep = clock, sleep

    def negate(self, texts: Sequence[str], watch: Watcher = unwatched) -> list[Negation]:
        """One negation per text, in their order; `text` None and `why` where there is none.

        Answers in the file are used as they are: a call that finds all of them sends nothing and needs neither server nor
        openai. Raises UserError where nothing works: no openai, a refused key, an unknown model, a server that is not
        there or answers nothing IN_A_ROW times. What was answered until then is in the file.
        """
        known = read_answers(self.settings.cache)
        fit = [text for text in dict.fromkeys(texts) if _unfit(text) is None]
        wanted = [text for text in fit if self._key(text) not in known]
        self.report.cached += len(fit) - len(wanted)
        without: dict[str, str] = {}
        if wanted:
            with adding(self.settings.cache) as add:
                known = read_answers(self.settings.cache)  # another process may have added some until now
                without = self._ask(wanted, known, add, watch)
        found = [self._negation(text, known, without) for text in texts]
        self.report.outcomes.update(way.why or "negated" for way in found)
        return found

    def _ask(
        self, texts: Sequence[str], known: dict[str, Answer], add: Callable[[Answer], None], watch: Watcher
    ) -> dict[str, str]:
        """Ask for each text that is not known and keep the answers; the texts that got none, with why."""
        without: dict[str, str] = {}
        spent, answered, in_a_row = sum(answer.tokens for answer in known.values()), 0, 0
        endpoint: Endpoint | None = None
        try:
            for done, text in enumerate(texts):
                watch("asking the model", done, len(texts))
                if self._key(text) in known:
                    continue
                if spent >= self.settings.budget_tokens:
                    without[text] = f"the budget of {self.settings.budget_tokens} tokens is spent"
                    continue
                endpoint = endpoint or Endpoint(self.settings, self._clock, self._sleep)
                try:
                    reply = endpoint.ask(text)
                except NoAnswerError as none:
                    without[text], in_a_row = f"no answer: {none.why}", in_a_row + 1
                    if (none.hopeless and not answered) or in_a_row == IN_A_ROW:
                        raise self._given_up(none, answered) from None
                    continue
                answer = Answer(self._key(text), reply.answer, reply.finish, reply.tokens)
                add(answer)
                known[answer.key] = answer
                spent, answered, in_a_row = spent + reply.tokens, answered + 1, 0
                self.report.tokens += reply.tokens
            if in_a_row and not answered:
                raise self._given_up(NoAnswerError(next(reversed(without.values()))), answered)
        finally:
            if endpoint:
                self.report.requests += endpoint.requests
                endpoint.close()
        watch("asking the model", len(texts), len(texts))
        return without

    def _key(self, text: str) -> str:
        """Digest of all that shapes an answer; the address is not in it: the same model may move."""
        asked = self.settings
        return digest((asked.model, PROMPT, asked.answer_tokens, asked.temperature, asked.seed, text))

    def _negation(self, text: str, known: Mapping[str, Answer], without: Mapping[str, str]) -> Negation:
        why = _unfit(text) or without.get(text)
        if why:
            return Negation(None, "", why)
        answer = known[self._key(text)]
        if answer.finish in ("refusal", "content_filter"):
            return Negation(None, "", "the model declined")
        if answer.finish == "length":
            return Negation(None, "", "the answer is too long")
        negated = trimmed(text, answer.answer)
        reason = check(text, negated)
        return Negation(negated, RULE) if reason is None else Negation(None, "", f"the answer is refused: {reason}")

    def _given_up(self, none: NoAnswerError, answered: int) -> UserError:
        kept = f"; {answered} answers are kept in {self.settings.cache}" if answered else ""
        given = f"{self.settings.url}, model {self.settings.model!r}: {none.why}{kept}"
        return UserError("The LLM server does not answer.", given, _todo(none.why, self.settings.key_variable))


def trimmed(text: str, answer: str) -> str:
    """The answer without white space around it and without a full stop that the text does not have either."""
    answer = answer.strip()
    bare = answer.endswith(".") and text.rstrip()[-1:].isalnum() and answer[-2:-1].isalnum()
    return answer[:-1] if bare else answer


def _unfit(text: str) -> str | None:
    if not any(letter.isalpha() for letter in text):
        return "no words"
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return "not valid Unicode"
    if len(text.strip().splitlines()) != 1:
        return "more than one line"
    return f"longer than {LONGEST} characters" if len(text) > LONGEST else None


def _todo(why: str, variable: str) -> str:
    if "HTTP 401" in why or "HTTP 403" in why:
        return f"put a valid key into the environment variable {variable}" if variable else "set key_variable"
    if "HTTP 404" in why:
        return "check url (it usually ends in /v1) and model"
    if "HTTP 3" in why:
        return "give the address that it redirects to as url"
    return "check that the server runs and speaks chat completions at url, then run again: answers so far are kept"


def _check_url(url: str) -> None:
    todo = 'give an address such as "http://127.0.0.1:8080/v1"'
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError as error:
        raise UserError("The address of the LLM server is no URL.", "something else", todo) from error
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        # not repeated: what stands there may be a secret
        todo = "leave out the user, password, query and fragment; a key goes into the environment variable"
        raise UserError("The address of the LLM server has more than an address.", parts.hostname, todo)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not port_is_fine
        or not url.isascii()
        or " " in url
    ):
        raise UserError("The LLM server needs an http or https address.", repr(url), todo)


def _at_least(name: str, value: float, *, above: bool) -> None:
    if not isfinite(value) or value < 0 or (above and value == 0):
        raise UserError(f"{name} must be {'above' if above else 'at least'} zero.", value, f"give another {name}")
