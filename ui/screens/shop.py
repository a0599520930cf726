"""Shop: search a catalogue by meaning and words, narrow it by its fields, look at one product and at those like it."""

from __future__ import annotations

from collections.abc import Mapping

from indexer.records import Columns, Value
from searchapp.schemas import Hit
from searchapp.usecases import USE_CASES
from searchapp.usecases.facets import Choice
from searchapp.usecases.shop import Listing, Sort
from ui import address
from ui.filters import filters, read_choices
from ui.frame import change_collection, current_collection, guarded, head
from ui.holdings import service
from ui.nodes import Element, Node, h
from ui.parts import counted, empty, facts, pages, said, why
from ui.roles import Roles, roles
from ui.view import Action, Asked, view

CASE = USE_CASES["shop"]
PER_PAGE = 24


@guarded
def page() -> None:
    """The page: one product when the address names one, else the listing."""
    name = current_collection(CASE)
    opened = service().opened(name)
    known = roles(opened.version.columns)
    if item := address.get("item"):
        view("shop", _item_page(name, item, known), ACTIONS)
        return
    chosen = read_choices(address.chosen(), opened.version.columns)
    listing = service().browse(
        name,
        address.get("q"),
        chosen=chosen,
        sort=_sort(address.get("sort")),
        page=address.number("page", least=1),
        per_page=PER_PAGE,
    )
    if listing.exact:
        view(
            "shop", [head(CASE, name), _record(listing.hits[0], known), *_alike(name, listing.hits[0], known)], ACTIONS
        )
        return
    view("shop", [head(CASE, name), _results(listing, chosen, known, opened.version.columns)], ACTIONS)


def _results(listing: Listing, chosen: Mapping[str, Choice], known: Roles, columns: Columns) -> Element:
    shown = [_card(hit, known) for hit in listing.hits]
    right = h(
        "div",
        _bar(listing, columns),
        h("ul", *(h("li", card) for card in shown), class_="cards") if shown else _none(),
        pages(listing.page, listing.pages),
        class_="answer",
    )
    return h("div", filters(listing.facets, chosen), right, class_="split")


def _bar(listing: Listing, columns: Columns) -> Element:
    count = counted(listing.total, "result") if address.get("q") else counted(listing.total, "record")
    about = "Counted over what comes close to your words, at most 1,000." if listing.counted == "candidates" else ""
    return h(
        "div",
        h("div", h("h2", count, id="count", aria_live="polite"), h("small", about) if about else None),
        _sorting(columns),
        class_="bar",
    )


def _sorting(columns: Columns) -> Element:
    first = "Best first" if address.get("q") else "As in the catalogue"
    keys = [key for key, kind in columns.fields.items() if kind in ("integer", "number", "date")]
    choices = [("", first)]
    choices += [
        pair
        for key in keys[:6]
        for pair in ((key, f"{_label(key)}, lowest first"), (f"-{key}", f"{_label(key)}, highest first"))
    ]
    current = address.get("sort")
    options = [h("option", label, value=value, selected=value == current) for value, label in choices]
    select = h("select", *options, name="sort", id="sort", on={"change": ("sort", None)})
    return h("form", h("label", "Sort", for_="sort"), select, class_="choose")


def _card(hit: Hit, known: Roles) -> Element:
    fields = hit.record.fields
    place = address.link({"in": address.get("in"), "item": hit.id})
    link = h("a", h("bdi", hit.record.title or hit.id), href=place, on={"click": ("item", hit.id)})
    return h(
        "article",
        h("div", h("bdi", _named(fields, known.group)), h("bdi", _named(fields, known.brand)), class_="over"),
        h("h3", link),
        h("p", h("bdi", hit.passage.text), class_="text"),
        _small_facts(fields, known),
        h(
            "div",
            _price(fields, known),
            h(
                "button",
                "Similar",
                type="button",
                class_="plain",
                aria_label=f"Similar to {hit.record.title or hit.id}",
                on={"click": ("item", hit.id)},
            ),
            class_="foot",
        ),
        why(hit.stages),
        class_="card",
        data_key=hit.id,
    )


def _small_facts(fields: Mapping[str, Value], known: Roles) -> Element | None:
    parts: list[Node] = []
    if known.rating and isinstance(rating := fields.get(known.rating), int | float):
        parts.append(h("span", "★ ", said(rating), aria_label=f"rated {said(rating)}", role="img"))
    parts += [h("bdi", said(fields[name])) for name in known.plain if fields.get(name) not in (None, "")]
    if known.stock and isinstance(stock := fields.get(known.stock), int | float):
        parts.append(h("span", f"{said(stock)} in stock") if stock > 0 else h("span", "Sold out", class_="out"))
    return h("div", *parts, class_="facts") if parts else None


def _price(fields: Mapping[str, Value], known: Roles) -> Element:
    price = fields.get(known.price) if known.price else None
    return h("span", f"{price:,.2f}" if isinstance(price, int | float) else "", class_="price")


def _named(fields: Mapping[str, Value], name: str | None) -> str:
    return said(fields[name]) if name and fields.get(name) not in (None, "") else ""


def _item_page(name: str, id: str, known: Roles) -> list[Node]:
    hit = service().record(name, id)
    back = h("button", "← Back to the list", type="button", class_="plain", on={"click": ("back", None)})
    return [h("nav", back), _record(hit, known), *_alike(name, hit, known)]


def _record(hit: Hit, known: Roles) -> Element:
    record = hit.record
    return h(
        "article",
        h("div", h("h1", h("bdi", record.title or record.id), id="item", tabindex="-1"), h("small", record.id)),
        h("div", _price(record.fields, known), _small_facts(record.fields, known), class_="line"),
        h("p", h("bdi", record.text), class_="text"),
        facts(record.fields),
        h(
            "div",
            h(
                "button",
                "Copy link",
                type="button",
                on={"click": ("copy", address.link({"in": address.get("in"), "item": record.id}))},
            ),
        ),
        class_="record",
    )


def _alike(name: str, hit: Hit, known: Roles) -> list[Node]:
    others = service().similar(name, hit.id, 6).hits
    if not others:
        return []
    cards = [h("li", _card(other, known)) for other in others]
    return [h("section", h("div", h("h2", "Similar"), class_="bar"), h("ul", *cards, class_="cards"), class_="answer")]


def _none() -> Element:
    if address.chosen():
        clear = h("button", "Clear the filters", type="button", class_="lead", on={"click": ("clear", None)})
        return empty("Nothing passes all of these filters", "Take one away, or all of them.", clear)
    return empty("Nothing found", "Say it in other words, or with fewer of them.")


def _label(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _sort(given: str) -> Sort | None:
    return Sort(given.removeprefix("-"), given.startswith("-")) if given else None


def _search(asked: Asked) -> None:
    address.change(q=asked.field("q").strip(), item=None)


def _choose(asked: Asked) -> None:
    address.choose(str(asked.value), asked.form.get("v", ()))


def _range(asked: Asked) -> None:
    low, high = asked.field("low").strip(), asked.field("high").strip()
    address.choose(str(asked.value), [f"{low}..{high}"] if low or high else [])


ACTIONS: dict[str, Action] = {
    "search": _search,
    "try": lambda asked: address.change(q=str(asked.value), item=None),
    "collection": change_collection,
    "page": lambda asked: address.change(page=int(asked.value)),
    "sort": lambda asked: address.change(sort=asked.field("sort")),
    "choose": _choose,
    "range": _range,
    "clear": lambda asked: address.clear_choices(),
    "item": lambda asked: address.change(item=str(asked.value)),
    "back": lambda asked: address.change(item=None),
}
