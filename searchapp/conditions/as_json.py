"""The JSON spelling of a filter, for the API and for pages that build filters from controls.

One object per condition: {"all": [...]}, {"any": [...]}, {"not": {...}} or a test {"key": ..., "op": ..., "value": ...}. A list of
one condition is that condition. Nothing is guessed: an unknown name in an object is refused, and every refusal gives
the path to the place, as in `all[1].value`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import NoReturn, cast

from indexer.errors import UserError, shown
from indexer.records import Columns
from searchapp.conditions.limits import (
    MAX_PREDICATES,
    Given,
    check_count,
    check_depth,
    check_length,
    check_total,
    check_values,
)
from searchapp.conditions.literals import read_number
from searchapp.conditions.tokens import caret
from searchapp.conditions.typed import (
    NEGATED,
    OPERATORS,
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

_SPELLINGS = {"==": "=", "<>": "!="}
_OPS = tuple(dict.fromkeys([op for ops in OPERATORS.values() for op in ops] + list(NEGATED)))
_SHAPES = '{"all": [...]}, {"any": [...]}, {"not": {...}} or {"key": "price", "op": "<", "value": 50}'


def from_json(source: object, columns: Columns) -> Condition:
    """Read a filter from parsed JSON (dicts, lists, strings, numbers, booleans); `UserError` for everything that is none."""
    return check_size(_Reader(columns).condition(source, "", 0), _given("", source))


def from_json_text(text: str, columns: Columns) -> Condition:
    """Read a filter from JSON text; its decimals reach whole-number keys undamaged by float64."""
    check_length(text)
    try:
        return from_json(
            json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_not_a_number), columns
        )
    except json.JSONDecodeError as error:
        raise UserError(f"the filter is not JSON: {error.msg}", caret(text, error.pos), f"write {_SHAPES}") from None
    except RecursionError:
        check_depth(len(text), lambda: shown(text))
        raise


def to_json(condition: Condition) -> dict[str, object]:
    """The condition as JSON that reads back as the same condition."""
    match condition:
        case Predicate():
            return _test(condition, condition.op)
        case Not(Predicate(op=op) as test) if op in NEGATED.values():
            return _test(test, next(name for name, positive in NEGATED.items() if positive == op))
        case Not(part):
            return {"not": to_json(part)}
        case And(parts):
            return {"all": [to_json(part) for part in parts]}
        case Or(parts):
            return {"any": [to_json(part) for part in parts]}


class _Reader:
    def __init__(self, columns: Columns) -> None:
        self.keys, self.predicates, self.values, self.characters = keys_of(columns), 0, 0, 0

    def condition(self, source: object, path: str, depth: int) -> Condition:
        check_depth(depth, _given(path, source))
        if not isinstance(source, Mapping):
            raise _refusal("a condition is not a JSON object", path, source, f"write {_SHAPES}")
        names = set(source)
        if names == {"not"}:
            return Not(self.condition(source["not"], _join(path, "not"), depth + 1))
        if names in ({"all"}, {"any"}):
            return self._group("all" if "all" in names else "any", source, path, depth)
        if {"key", "op"} <= names <= {"key", "op", "value"}:
            return self._test(source, path)
        raise _refusal("a condition has the wrong names", path, source, f"write {_SHAPES}")

    def _group(self, name: str, source: Mapping[str, object], path: str, depth: int) -> Condition:
        parts, path = source[name], _join(path, name)
        if not isinstance(parts, list) or not parts:
            raise _refusal(
                f'"{name}" needs a list of conditions', path, parts, "give at least one, or leave the filter out"
            )
        check_count(len(parts), _given(path, parts))
        read = tuple(self.condition(part, f"{path}[{place}]", depth + 1) for place, part in enumerate(parts))
        if len(read) == 1:
            return read[0]
        return And(read) if name == "all" else Or(read)

    def _test(self, source: Mapping[str, object], path: str) -> Condition:
        self.predicates += 1
        check_count(self.predicates, _given(path, f"{MAX_PREDICATES + 1} tests or more"))
        name, op = source["key"], source["op"]
        if not isinstance(name, str):
            raise _refusal("a key is not a text", _join(path, "key"), name, 'write its name, as in "price"')
        key = find_key(name, self.keys, _given(_join(path, "key"), name))
        op = _SPELLINGS.get(op, op) if isinstance(op, str) else None
        if op not in _OPS:
            raise _refusal("the operator is unknown", _join(path, "op"), source["op"], f"use one of: {', '.join(_OPS)}")
        positive = NEGATED.get(op, cast(Op, op))
        check_operator(key, positive, _given(_join(path, "op"), op))
        test = Predicate(key, positive, self._values(key, positive, source, path))
        return test if positive == op else Not(test)

    def _values(self, key: Key, op: Op, source: Mapping[str, object], path: str) -> tuple[Value, ...]:
        if ("value" in source) == (op == "missing"):
            todo = "leave it out" if op == "missing" else 'add it, as in "value": 50'
            raise _refusal(f'"{op}" takes {"no" if op == "missing" else "a"} "value"', path, source, todo)
        if op == "missing":
            return ()
        raw, path = source["value"], _join(path, "value")
        if op not in ("in", "between"):
            return (self._value(key, raw, path),)
        if not isinstance(raw, list) or (op == "between" and len(raw) != 2):
            raise _refusal(
                f'"{op}" needs a list', path, raw, "give [low, high]" if op == "between" else "give [value, ...]"
            )
        self.values += len(raw)
        check_values(self.values, _given(path, raw))
        return tuple(self._value(key, value, f"{path}[{place}]") for place, value in enumerate(raw))

    def _value(self, key: Key, raw: object, path: str) -> Value:
        self.characters += len(raw) if isinstance(raw, str) else 0
        check_total(self.characters, _given(path, raw))
        return typed(key, raw, _given(path, raw))


def _test(test: Predicate, op: str) -> dict[str, object]:
    values = [value.isoformat().replace("+00:00", "Z") if isinstance(value, date) else value for value in test.values]
    named: dict[str, object] = {"key": test.key.name, "op": op}
    if test.op == "missing":
        return named
    return {**named, "value": values if test.op in ("in", "between") else values[0]}


def _number(text: str) -> object:
    return read_number(text, lambda: shown(text))


def _not_a_number(text: str) -> NoReturn:
    raise UserError(f"{text} is not a JSON number", text, "write a number, as in 49.90")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _given(path: str, value: object) -> Given:
    return lambda: f"{path or 'the filter'}: {shown(value)}"


def _refusal(what: str, path: str, value: object, todo: str) -> UserError:
    return UserError(what, _given(path, value)(), todo)
