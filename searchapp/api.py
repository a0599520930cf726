"""The HTTP API: what the commands answer with `--json`, for programs on this machine, or elsewhere with a token.

One route a question, each a plain function run in a thread of a small pool. Nothing can be changed through it. Every
refusal is the three-part error of the commands, as `{"error": {"what", "given", "todo"}}`: 404 for what is not there, 503
for a damaged version, 400 for whatever else the caller can mend.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Annotated, Any, TypeAlias

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from indexer.errors import NotFoundError, UserError, shown
from indexer.inspect import describe
from indexer.records import as_json
from indexer.store import DamagedError
from searchapp.api_guard import Guard, answer, refusal
from searchapp.service import SearchService, check_mode
from searchapp.usecases.duplicates import THRESHOLD
from searchapp.usecases.shop import Choice, Range, Sort

THREADS = min(8, (os.cpu_count() or 1) + 1)  # questions worked on at once; the others wait their turn

Json: TypeAlias = dict[str, Any]
Where = Annotated[
    str | dict[str, Any] | None, Field(description="A filter, as text or as an object; null: all records.")
]


class _Asked(BaseModel):
    """What a route is asked: unknown keys and values of other types are refused, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Search(_Asked):
    """A query, and which records may answer it."""

    query: str
    k: int = 10
    mode: str = "hybrid"
    where: Where = None


class Similar(_Asked):
    """A document of the collection."""

    id: str
    k: int = 10
    where: Where = None


class Question(_Asked):
    """A question in whole words."""

    question: str
    k: int = 5
    where: Where = None


class Alike(_Asked):
    """A text that may be there already, in these words or others."""

    text: str
    k: int = 10
    threshold: float = THRESHOLD


class Threshold(_Asked):
    """How sure to be that two records are the same, from 0 to 1."""

    threshold: float = THRESHOLD


class Between(_Asked):
    """Numbers, or dates as in 2024-01-31, both ends included; null leaves an end open."""

    low: float | str | None = None
    high: float | str | None = None


class Order(_Asked):
    """A field, `id` or `title`."""

    key: str
    descending: bool = False


class Browse(_Asked):
    """A page of records: a query, a filter, and what is chosen in each facet."""

    query: str = ""
    where: Where = None
    chosen: dict[str, list[str | bool] | Between] = {}
    facets: list[str] | None = None
    sort: Order | None = None
    page: int = 1
    per_page: int = 24


def make_api(service: SearchService, *, hosts: frozenset[str] | None, token: str | None = None) -> Guard:
    """The application over the collections of one home.

    `hosts`: names by which it may be called (None: any). `token`: what every request must carry as `Authorization: Bearer`.
    """
    api = FastAPI(
        title="searchapp", version="1", docs_url=None, redoc_url=None, lifespan=_few_threads, redirect_slashes=False
    )
    for kind, handler in HANDLERS.items():
        api.add_exception_handler(kind, handler)
    _add_collections(api, service)
    _add_questions(api, service)
    return Guard(api, hosts=hosts, token=token)


def _add_collections(api: FastAPI, service: SearchService) -> None:
    @api.get("/health")
    def health() -> Json:
        """Is it there, and can it read its catalog?"""
        return {"ok": True, "collections": len(service.catalog.collections())}

    @api.get("/collections")
    def collections() -> Json:
        """Every collection at its current version."""
        return {"collections": [row.as_json() for row in service.catalog.collections()]}

    @api.get("/collections/{name}")
    def collection(name: str) -> Json:
        """What a collection holds: fields and their types, model, index, sizes."""
        return describe(service.home, service.catalog.version(name))

    @api.get("/collections/{name}/records/{id:path}")
    def record(name: str, id: str) -> Json:
        """One record by its id."""
        return {"collection": name, "record": as_json(service.record(name, id).record)}


def _add_questions(api: FastAPI, service: SearchService) -> None:
    @api.post("/collections/{name}/search")
    def search(name: str, asked: Search) -> Json:
        """The k best documents for a query."""
        return service.search(name, asked.query, asked.k, check_mode(asked.mode), asked.where).as_json()

    @api.post("/collections/{name}/similar")
    def similar(name: str, asked: Similar) -> Json:
        """The k documents most like one that is there."""
        return service.similar(name, asked.id, asked.k, asked.where).as_json()

    @api.post("/collections/{name}/browse")
    def browse(name: str, asked: Browse) -> Json:
        """A page of records with facets, as the shop shows it."""
        chosen = {key: _choice(choice) for key, choice in asked.chosen.items()}
        sort = Sort(asked.sort.key, asked.sort.descending) if asked.sort else None
        return service.browse(
            name,
            asked.query,
            where=asked.where,
            chosen=chosen,
            facets=asked.facets,
            sort=sort,
            page=asked.page,
            per_page=asked.per_page,
        ).as_json()

    @api.post("/collections/{name}/answer")
    def answer_question(name: str, asked: Question) -> Json:
        """The passages that answer a question; `found` is false where nothing here does."""
        return service.answer(name, asked.question, asked.k, asked.where).as_json()

    @api.post("/collections/{name}/alike")
    def alike(name: str, asked: Alike) -> Json:
        """Records that say the same as a text."""
        found = service.alike(name, asked.text, asked.k, asked.threshold)
        return {"alike": [one.as_json() for one in found]}

    @api.post("/collections/{name}/duplicates")
    def duplicates(name: str, asked: Threshold) -> Json:
        """Groups of records that are the same thing. The first time, all records are compared: minutes for 100 000."""
        return service.duplicates(name, asked.threshold).as_json()


def _choice(choice: list[str | bool] | Between) -> Choice:
    return Range(_end(choice.low), _end(choice.high)) if isinstance(choice, Between) else tuple(choice)


def _end(value: float | str | None) -> float | date | None:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value) if len(value) == len("2024-01-31") else datetime.fromisoformat(value)
    except ValueError:
        raise UserError(
            "that is no date", shown(value), "write it as 2024-01-31 or 2024-01-31T10:00:00+00:00"
        ) from None


@asynccontextmanager
async def _few_threads(_: FastAPI) -> AsyncIterator[None]:
    """Searching keeps a core busy: more threads than cores would only make every answer late."""
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UserError)
    kinds: Mapping[type[UserError], int] = {NotFoundError: 404, DamagedError: 503}
    return answer(next((status for kind, status in kinds.items() if isinstance(error, kind)), 400), error)


async def _unfit(_: Request, error: Exception) -> JSONResponse:
    """The body is not what the route takes: where in it, and what is wrong there."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    told = UserError("the request is not what this route takes", shown(first.get("input")), f"{place}: {first['msg']}")
    return answer(400, told)


async def _no_route(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    given = f"{request.method} {shown(request.url.path)}"
    return answer(error.status_code, UserError(str(error.detail), given, "see /openapi.json for what can be asked"))


async def _broken(request: Request, error: Exception) -> JSONResponse:
    """Ours to mend: the cause goes to the log of the server, and nothing of it to the caller."""
    logging.getLogger("uvicorn.error").error("%s %s failed", request.method, request.url.path, exc_info=error)
    return refusal(500, "something went wrong here", "an error of the server", "see the server's own output")


HANDLERS = {UserError: _refused, RequestValidationError: _unfit, HTTPException: _no_route, Exception: _broken}
