"""What the card of a preparation says, drawn: figures, composition, lengths and languages, negation data, drops by filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ui.nodes import Element, Node, h
from ui.parts import said

LANGUAGES = 6  # shown by name for a source; the others are counted together


def told(card: Mapping[str, Any]) -> list[Node]:
    """Everything but the filters."""
    parts = (_figures(card), _composition(card), _languages(card), _negation(card))
    return [part for part in parts if part is not None]


def _figures(card: Mapping[str, Any]) -> Element:
    gone = sum(count for reasons in card["dropped"].values() for count in reasons.values())
    figures = (
        (card["kept"]["pairs"], "pairs kept"),
        (card["kept"]["triplets"], "triplets kept"),
        (gone, "rows dropped"),
    )
    return h(
        "div", *(h("div", h("strong", f"{count:,}"), h("small", label)) for count, label in figures), class_="figures"
    )


def _composition(card: Mapping[str, Any]) -> Element:
    """A row per source: what was read and what is left of it."""
    head = h(
        "tr",
        *(
            h("th", name, scope="col")
            for name in ("Source", "Rows", "Pairs", "Triplets", "Weight", "Epochs", "Licence")
        ),
    )
    rows = []
    for name, found in card["sources"].items():
        kept = found["kept"]
        epochs = said(round(found["epochs"], 1)) if found.get("epochs") is not None else "–"
        counts = (f"{found['rows']:,}", f"{kept['pairs']:,}", f"{kept['triplets']:,}")
        cells = (*counts, said(found["weight"]), epochs, str(found["licence"]))
        rows.append(h("tr", h("th", h("bdi", name), scope="row"), *(h("td", cell) for cell in cells)))
    table = h("table", h("thead", head), h("tbody", *rows), class_="history")
    return h(
        "section",
        h("h2", "Composition"),
        h("div", table, class_="scroll", tabindex=0, role="region", aria_label="Composition"),
    )


def _languages(card: Mapping[str, Any]) -> Element | None:
    """The languages that the language filter saw, both sides together, by source."""
    found = {source: _summed(sides) for source, sides in card.get("languages", {}).items()}
    if not found:
        return None
    rows = []
    for source, languages in found.items():
        shown, rest = languages[:LANGUAGES], languages[LANGUAGES:]
        more = [(f"{len(rest)} more", sum(count for _, count in rest))] if rest else []
        rows.append((source, [*shown, *more]))
    return _section("Languages seen", _table(rows))


def _summed(sides: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int]]:
    total: dict[str, int] = {}
    for languages in sides.values():
        for name, count in languages.items():
            total[name] = total.get(name, 0) + count
    return sorted(total.items(), key=lambda entry: (-entry[1], entry[0]))


def _negation(card: Mapping[str, Any]) -> Element | None:
    """What the negation stage made, by rule, and why not more."""
    made = card.get("negation")
    if not made:
        return None
    figures = (
        (made["triplets"], "negation triplets"),
        (made["counterweights"], "copies that mean the same"),
        (sum(made["far_contradictions"].values()), "far-worded contradictions"),
        (made["probes"]["test"], "test probes"),
    )
    boxes = [h("div", h("strong", f"{count:,}"), h("small", label)) for count, label in figures]
    rows = [
        (title, sorted(made[key].items(), key=lambda entry: (-entry[1], entry[0])))
        for title, key in (("Rules", "rules"), ("Copies", "kinds"), ("Abstained", "abstained"))
        if made[key]
    ]
    return _section("Negation data", h("div", *boxes, class_="figures"), _table(rows))


def _table(rows: Sequence[tuple[str, Sequence[tuple[str, int]]]]) -> Element:
    """A row of counts behind each title."""
    lines = [h("tr", h("th", h("bdi", title), scope="row"), h("td", *_listed(counts))) for title, counts in rows]
    return h("table", h("tbody", *lines), class_="history counts")


def _listed(counts: Sequence[tuple[str, int]]) -> list[Node]:
    """ "en 17,800 · de 650", broken between the entries only."""
    parts: list[Node] = []
    for place, (name, count) in enumerate(counts):
        parts += [" · "] * (place > 0)
        parts.append(h("span", h("bdi", name), f" {count:,}"))
    return parts


def _section(title: str, *parts: Node) -> Element:
    return h("section", h("h2", title), h("div", *parts, class_="scroll", tabindex=0, role="region", aria_label=title))


def filters(card: Mapping[str, Any], current: str) -> Element:
    """A bar per filter, as long as its drops; pressing one shows samples of what it dropped."""
    order = ["read", *(step["label"] for step in card["settings"]["filters"])]
    totals = {name: sum(card["dropped"][name].values()) for name in order}
    most = max(totals.values(), default=0) or 1
    bars = [_bar(card, name, total, total / most, name == current) for name, total in totals.items()]
    return h("section", h("h2", "Dropped, by filter"), h("ul", *bars, class_="bars"))


def _estimates(learned: Mapping[str, Any]) -> str:
    """What consistency thinks of each source: which share of its pairs seems mismatched."""
    shares = [f"{source} {found['mismatched']:.0%}" for source, found in learned.items()]
    return f"; seems mismatched: {', '.join(shares)}" if shares else ""


def _bar(card: Mapping[str, Any], name: str, total: int, share: float, chosen: bool) -> Element:
    why = ", ".join(f"{reason} {count:,}" for reason, count in card["dropped"][name].items()) or "nothing"
    why += _estimates(card.get("learned", {}).get(name, {}))
    label = f"Show what {name} dropped"
    button = h(
        "button",
        name,
        type="button",
        class_="chip on" if chosen else "chip",
        aria_label=label,
        aria_pressed=str(chosen).lower(),
        disabled=not total,
        on={"click": ("filter", name)},
    )
    return h(
        "li",
        button,
        h("div", h("span", fill=round(share, 3)), class_="meter", aria_hidden="true"),
        h("span", f"{total:,}", class_="count"),
        h("small", why),
        data_key=name,
    )
