"""The text spelling of a filter: a scanner, a small recursive-descent reader, and the writer that undoes both.

    either    = both ("or" both)*                     key   = word | `words`
    both      = unary ("and" unary)*                  value = "text" | 'text' | number | date | true | false
    unary     = "not" unary | "(" either ")" | test
    test      = key [compare value | ["not"] "in" "(" values ")" | ["not"] ("contains" | "starts" "with") value
                     | ["not"] "between" value "and" value | "is" ["not"] "missing"]

The scanner hands out one token at a time and the reader refuses the 65th level, so a text of ten thousand parentheses
costs no more than sixty-five. A key is a word wherever a test begins, so keys called `in` or `missing` need no backquotes to be
read; they are written with them. Every refusal shows the place with a caret.
"""

from __future__ import annotations

from typing import cast

from indexer.errors import UserError, shown
from indexer.records import Columns
from searchapp.conditions.limits import Given, check_count, check_depth, check_length, check_values
from searchapp.conditions.tokens import (
    Token,
    place,
    read_amount,
    read_key,
    read_text,
    scan,
    write_key,
    write_value,
)
from searchapp.conditions.typed import (
    NEGATED,
    And,
    Condition,
    Key,
    Not,
    Op,
    Or,
    Predicate,
    Value,
    check_operator,
    check_size,
    find_key,
    keys_of,
    typed,
)

_COMPARE = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_OPERATORS = "= != < <= > >=, in (...), contains, starts with, between ... and ..., is missing"


def from_text(text: str, columns: Columns) -> Condition:
    """Read a filter written as text; `UserError` with a caret for everything that is none."""
    check_length(text)
    return _Reader(text, columns).condition()


def to_text(condition: Condition) -> str:
    """The condition as text that reads back as the same condition, with no more parentheses than that needs."""
    match condition:
        case Predicate():
            return _test(condition, "")
        case Not(Predicate(op=op) as test) if op in NEGATED.values():
            return _test(test, "not ")
        case Not(part):
            return f"not {_inside(part, (And, Or))}"
        case And(parts):
            return " and ".join(_inside(part, (And, Or)) for part in parts)
        case Or(parts):
            return " or ".join(_inside(part, (Or,)) for part in parts)


class _Reader:
    def __init__(self, text: str, columns: Columns) -> None:
        self.text, self.keys, self.predicates, self.values = text, keys_of(columns), 0, 0
        self.tokens = scan(text)
        self.token = next(self.tokens)

    def condition(self) -> Condition:
        if self.token.kind == "end":
            todo = "write a test, as in price < 50, or leave the filter out"
            raise UserError("the filter is empty", shown(self.text), todo)
        condition = self._either(0)
        if self.token.kind != "end":
            raise self._refusal(
                f"{shown(self.token.text)} cannot follow here", "join tests by and, or; open groups by ("
            )
        return check_size(condition, place(self.text, 0))

    def _either(self, depth: int) -> Condition:
        parts = [self._both(depth)]
        while self._take("or"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self, depth: int) -> Condition:
        parts = [self._unary(depth)]
        while self._take("and"):
            parts.append(self._unary(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _unary(self, depth: int) -> Condition:
        check_depth(depth, self._here())
        if self._take("not"):
            return Not(self._unary(depth + 1))
        if not self._take("("):
            return self._test()
        condition = self._either(depth + 1)
        self._need(")", "a group in parentheses is not closed")
        return condition

    def _test(self) -> Condition:
        start = self._here()
        key = self._key(start)
        if self.token.kind == "end" or self.token.says("and", "or", ")"):
            return _alone(key, start)
        given = self._here()
        op = self._operator(key)
        positive = NEGATED.get(op, cast(Op, op))
        check_operator(key, positive, given)
        test = Predicate(key, positive, self._values(key, positive))
        return test if positive == op else Not(test)

    def _key(self, given: Given) -> Key:
        if self.token.kind not in ("word", "quoted") or self.token.says("and", "or"):
            raise self._refusal(f"{self._found()} where a test should begin", "begin with a key, as in price < 50")
        self.predicates += 1
        check_count(self.predicates, given)
        return find_key(read_key(self._next()), self.keys, given)

    def _operator(self, key: Key) -> str:
        if self.token.text in _COMPARE:
            return _COMPARE[self._next().text]
        verb = self._take("is")
        negation = "not " if self._take("not") else ""
        for word in ("missing",) if verb else ("in", "contains", "between"):
            if self._take(word):
                return negation + word
        if not verb and self._take("starts"):
            self._need("with", '"starts" stands without "with"')
            return negation + "starts with"
        what = f"{self._found()} where an operator for {shown(key.name)} should be"
        raise self._refusal(what, f"use one of: {_OPERATORS}")

    def _values(self, key: Key, op: Op) -> tuple[Value, ...]:
        match op:
            case "missing":
                return ()
            case "between":
                low = self._value(key)
                self._need("and", '"between" stands without "and"')
                return low, self._value(key)
            case "in":
                return self._list(key)
            case _:
                return (self._value(key),)

    def _list(self, key: Key) -> tuple[Value, ...]:
        self._need("(", '"in" stands without a list')
        if self._take(")"):
            return ()
        values = [self._listed(key)]
        while self._take(","):
            values.append(self._listed(key))
        self._need(")", "the list of values is not closed")
        return tuple(values)

    def _listed(self, key: Key) -> Value:
        self.values += 1
        check_values(self.values, self._here())
        return self._value(key)

    def _value(self, key: Key) -> Value:
        given = self._here()
        raw = self._raw(given)
        self._next()
        return typed(key, raw, given)

    def _raw(self, given: Given) -> object:
        if self.token.kind == "text":
            return read_text(self.token, given)
        if self.token.kind == "amount":
            return read_amount(self.token, given)
        if self.token.says("true", "false"):
            return self.token.says("true")
        if self.token.kind == "word":
            todo = f'put text in quotes, as in "{self.token.text[:60]}"'
            raise self._refusal(f"{shown(self.token.text)} is not a value", todo)
        todo = 'write "text", a number, a date, true or false'
        raise self._refusal(f"{self._found()} where a value should be", todo)

    def _next(self) -> Token:
        token, self.token = self.token, next(self.tokens)
        return token

    def _take(self, word: str) -> bool:
        return self.token.says(word) and bool(self._next())

    def _need(self, word: str, what: str) -> None:
        if not self._take(word):
            raise self._refusal(what, f"write {shown(word)} here")

    def _found(self) -> str:
        return "the filter ends" if self.token.kind == "end" else f"{shown(self.token.text)} stands"

    def _here(self) -> Given:
        return place(self.text, self.token.start)

    def _refusal(self, what: str, todo: str) -> UserError:
        return UserError(what, self._here()(), todo)


def _alone(key: Key, given: Given) -> Condition:
    if key.type != "boolean":
        what = f"{shown(key.name)} is not true or false and cannot stand alone"
        raise UserError(what, given(), f"compare it by one of: {_OPERATORS}")
    return Predicate(key, "=", (True,))


def _inside(part: Condition, loose: tuple[type, ...]) -> str:
    return f"({to_text(part)})" if isinstance(part, loose) else to_text(part)


def _test(test: Predicate, negation: str) -> str:
    key, values = write_key(test.key.name), [write_value(value) for value in test.values]
    match test.op:
        case "=" if test.values == (True,) and test.key.type == "boolean":
            return f"{negation}{key}"
        case "=" if negation:
            return f"{key} != {values[0]}"
        case "missing":
            return f"{key} is {negation}missing"
        case "in":
            return f"{key} {negation}in ({', '.join(values)})"
        case op:
            return f"{key} {negation}{op} {' and '.join(values)}"
