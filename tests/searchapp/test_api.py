"""The HTTP API by a real server: the same answers as the library's, every refusal in three parts, nobody else let in."""

from __future__ import annotations

import http.client
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.build import build
from indexer.errors import UserError
from indexer.home import Home
from indexer.inspect import describe
from indexer.settings import BuildSettings
from searchapp.api import make_api
from searchapp.api_guard import LARGEST
from searchapp.service import SearchService
from searchapp.serving import serve_api
from searchapp.usecases.shop import Range, Sort
from tests.corpora import product, write_jsonl, write_products
from tests.trials import trials

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
TOKEN = "0123456789abcdef"
QUESTIONS = ("search", "similar", "browse", "answer", "alike", "duplicates")


@dataclass
class Api:
    """A server that answers on a port of this machine."""

    service: SearchService
    port: int

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def get(self, path: str) -> tuple[int, Any]:
        status, body = self.raw("GET", path)
        return status, json.loads(body)

    def post(self, path: str, asked: object) -> tuple[int, Any]:
        return self.post_bytes(path, json.dumps(asked).encode())

    def post_bytes(self, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
        status, told = self.raw("POST", path, body, {"Content-Type": "application/json", **headers})
        return status, json.loads(told)

    def refused(self, answer: tuple[int, Any], status: int) -> dict[str, str]:
        """The three parts of a refusal with this status."""
        assert answer[0] == status, answer
        assert set(answer[1]) == {"error"}
        error: dict[str, str] = answer[1]["error"]
        assert list(error) == ["what", "given", "todo"]
        assert all(error.values())
        return error


def serve(service: SearchService, token: str | None = None) -> Iterator[Api]:
    """The application on a socket of its own, in a thread, until it is stopped."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(make_api(service, hosts=HOSTS, token=token), log_level="critical")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        yield Api(service, listening.getsockname()[1])
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Home:
    folder = tmp_path_factory.mktemp("api")
    home = Home(folder / "home")
    rows = [*(product(number) for number in range(120)), product(5) | {"sku": "a/b c?ü"}]
    build(BuildSettings(source=write_jsonl(folder / "p.jsonl", rows), name="shop", model=str(tiny_model)), home)
    return home


@pytest.fixture(scope="module")
def api(home: Home) -> Iterator[Api]:
    yield from serve(SearchService(home))


def untimed(told: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key != "took_ms"}


def as_sent(value: object) -> Any:
    return json.loads(json.dumps(value))


# --- the same answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [None, "price < 300 and not discontinued", {"not": {"key": "brand", "op": "=", "value": "Acme"}}],
    ids=["all", "text", "object"],
)
@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_search_answers_as_the_library_does(api: Api, mode: str, where: Any) -> None:
    asked = {"query": "a narrow oak table", "k": 7, "mode": mode, "where": where}
    status, told = api.post("/collections/shop/search", asked)
    assert status == 200
    assert 0 < len(told["hits"]) <= 7
    assert untimed(told) == untimed(as_sent(api.service.search("shop", **asked).as_json()))


def test_the_other_questions_answer_as_the_library_does(api: Api) -> None:
    service = api.service
    expected = {
        "similar": ({"id": "SKU-00005", "k": 3}, service.similar("shop", "SKU-00005", 3).as_json()),
        "answer": ({"question": "Which table is narrow?", "k": 2}, service.answer("shop", "Which table is narrow?", 2)),
        "alike": ({"text": "A round vase made of cork.", "threshold": 0.1}, None),
        "duplicates": ({"threshold": 0.6}, service.duplicates("shop", 0.6).as_json()),
    }
    for question, (asked, found) in expected.items():
        status, told = api.post(f"/collections/shop/{question}", asked)
        assert status == 200, told
        if question == "alike":
            alike = service.alike("shop", "A round vase made of cork.", threshold=0.1)
            assert told == as_sent({"alike": [one.as_json() for one in alike]})
        else:
            assert untimed(told) == untimed(as_sent(found.as_json() if hasattr(found, "as_json") else found))
    assert any({"SKU-00005", "a/b c?ü"} <= set(found["ids"]) for found in told["groups"])


def test_browsing_counts_and_orders_as_the_shop_does(api: Api) -> None:
    asked = {
        "where": "stock > 10",
        "chosen": {"brand": ["Acme", "Zen"], "price": {"low": 20, "high": None}, "added": {"low": "2024-02-01"}},
        "sort": {"key": "price", "descending": True},
        "page": 2,
        "per_page": 5,
    }
    status, told = api.post("/collections/shop/browse", asked)
    from datetime import date

    chosen = {"brand": ("Acme", "Zen"), "price": Range(20, None), "added": Range(date(2024, 2, 1), None)}
    listing = api.service.browse(
        "shop", where="stock > 10", chosen=chosen, sort=Sort("price", True), page=2, per_page=5
    )
    assert status == 200
    assert untimed(told) == untimed(as_sent(listing.as_json()))
    assert len(told["hits"]) == 5
    facets = {facet["key"]: facet for facet in told["facets"]}
    assert {value["value"] for value in facets["brand"]["values"] if value["chosen"]} == {"Acme", "Zen"}
    assert facets["price"]["low"] < facets["price"]["high"]
    assert sum(facets["price"]["bins"]) > 0


def test_collections_and_records_by_name(api: Api) -> None:
    assert api.get("/health") == (200, {"ok": True, "collections": 1})
    [row] = api.get("/collections")[1]["collections"]
    assert (row["collection"], row["version"], row["records"]) == ("shop", 1, 121)
    assert row == as_sent(api.service.catalog.version("shop").as_json())
    facts = describe(api.service.home, api.service.catalog.version("shop"))
    assert api.get("/collections/shop") == (200, as_sent(facts))
    for id in ("SKU-00007", "a/b c?ü"):
        status, told = api.get(f"/collections/shop/records/{quote(id, safe='')}")
        assert (status, told["record"]["id"]) == (200, id)


def test_what_is_published_meanwhile_is_answered(tmp_path: Path, tiny_model: Path) -> None:
    home = Home(tmp_path / "home")
    source = write_products(tmp_path / "p.jsonl", range(10))
    build(BuildSettings(source=source, name="shop", model=str(tiny_model)), home)
    for api in serve(SearchService(home)):
        assert api.post("/collections/shop/search", {"query": "lamp"})[1]["version"] == 1
        write_products(source, range(12))
        build(BuildSettings(source=source, name="shop"), home)
        told = api.post("/collections/shop/search", {"query": "lamp", "k": 50})[1]
        assert (told["version"], len(told["hits"])) == (2, 12)


def test_the_description_names_every_route_and_nothing_outside(api: Api) -> None:
    status, told = api.get("/openapi.json")
    assert status == 200
    names = {f"/collections/{{name}}/{question}" for question in QUESTIONS}
    assert names | {"/health", "/collections", "/collections/{name}"} < set(told["paths"])
    assert "http" not in json.dumps(told).replace("HTTPValidationError", "")
    for page in ("/docs", "/redoc"):  # their pages would fetch scripts from elsewhere
        api.refused(api.get(page), 404)


# --- refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "asked", "status", "said"),
    [
        ("/collections/none/search", {"query": "a"}, 404, "there is no such collection"),
        ("/collections/shop/similar", {"id": "none"}, 404, "no document with this id"),
        ("/collections/..%2F..%2Fetc/search", {"query": "a"}, 404, ""),
        ("/collections/%00/search", {"query": "a"}, 400, ""),
        ("/collections/shop/serch", {"query": "a"}, 404, "Not Found"),
        ("/collections/shop/search", {}, 400, "query"),
        ("/collections/shop/search", {"query": " "}, 400, "the query is empty"),
        ("/collections/shop/search", {"query": "a" * 10_001}, 400, "too long"),
        ("/collections/shop/search", {"query": "\ud800"}, 400, "half a character"),
        ("/collections/shop/search", {"query": "a", "k": 0}, 400, "k is not a number of documents"),
        ("/collections/shop/search", {"query": "a", "k": 10**9}, 400, "k is not a number of documents"),
        ("/collections/shop/search", {"query": "a", "k": "5"}, 400, "k: "),
        ("/collections/shop/search", {"query": "a", "k": True}, 400, "k: "),
        ("/collections/shop/search", {"query": "a", "k": math.nan}, 400, "k: "),
        ("/collections/shop/search", {"query": "a", "mode": "best"}, 400, "there is no such mode"),
        ("/collections/shop/search", {"query": "a", "limit": 5}, 400, "limit: "),
        ("/collections/shop/search", {"query": "a", "where": "price <"}, 400, ""),
        ("/collections/shop/search", {"query": "a", "where": "colour = 'red'"}, 400, "colour"),
        ("/collections/shop/search", {"query": "a", "where": ["price"]}, 400, "where"),
        ("/collections/shop/search", [], 400, "the body"),
        ("/collections/shop/browse", {"page": -1}, 400, "page"),
        ("/collections/shop/browse", {"chosen": {"added": {"low": "soon"}}}, 400, "that is no date"),
        ("/collections/shop/browse", {"chosen": {"price": {"low": "2024-01-01"}}}, 400, ""),
        ("/collections/shop/browse", {"sort": {"key": "nothing"}}, 400, "nothing"),
        ("/collections/shop/duplicates", {"threshold": 2}, 400, "that is no threshold"),
        ("/collections/shop/duplicates", {"threshold": math.inf}, 400, "threshold"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_three_parts(
    api: Api, path: str, asked: object, status: int, said: str
) -> None:
    error = api.refused(api.post(path, asked), status)
    assert said in " ".join(error.values())


def test_bodies_that_are_none(api: Api) -> None:
    path = "/collections/shop/search"
    deep = b'{"query": "a", "where": ' + b'{"not": ' * 10_000 + b"{}" + b"}" * 10_001
    for body in (b"", b"{", b"\xff\xfe", b"nonsense", deep):
        api.refused(api.post_bytes(path, body), 400)
    large = json.dumps({"query": "a" * LARGEST}).encode()
    assert "at most" in api.refused(api.post_bytes(path, large), 413)["todo"]
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):  # what a form on any web page can send
        status, told = api.raw("POST", path, b'{"query": "a"}', {"Content-Type": kind})
        api.refused((status, json.loads(told)), 415)
    api.refused(api.get(path), 405)
    assert api.get("/health")[0] == 200


def test_a_large_body_that_does_not_say_how_large_is_not_read_to_its_end(api: Api) -> None:
    with socket.create_connection(("127.0.0.1", api.port), timeout=60) as caller:
        caller.sendall(
            b"POST /collections/shop/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(LARGEST // 50_000 + 1):
            caller.sendall(b"c350\r\n" + b"a" * 50_000 + b"\r\n")
        assert caller.recv(100).startswith(b"HTTP/1.1 413 ")  # the body has not ended


def test_another_name_of_this_machine_is_not_answered(api: Api) -> None:
    for host in ("example.org", "127.0.0.1.example.org", "localhost.example.org:80", ""):
        status, told = api.raw("GET", "/collections", headers={"Host": host})
        assert "known by that name" in api.refused((status, json.loads(told)), 421)["what"]
    for host in ("localhost", "LOCALHOST:8500", "127.0.0.1", "[::1]:8500"):
        assert api.raw("GET", "/collections", headers={"Host": host})[0] == 200


def test_a_page_of_another_site_is_never_told_that_it_may_ask(api: Api) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=60)
    headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    connection.request("OPTIONS", "/collections/shop/search", headers=headers)
    response = connection.getresponse()
    assert response.status == 405
    assert not [name for name, _ in response.getheaders() if name.lower().startswith("access-control")]
    connection.close()


def test_with_a_token_every_request_needs_it(home: Home) -> None:
    for api in serve(SearchService(home), TOKEN):
        for header in ({}, {"Authorization": "Bearer other"}, {"Authorization": f"Basic {TOKEN}"}):
            for path in ("/health", "/openapi.json", "/collections/shop"):
                status, told = api.raw("GET", path, headers=header)
                error = api.refused((status, json.loads(told)), 401)
                assert TOKEN not in json.dumps(error)
        assert api.raw("GET", "/health", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200


def test_a_damaged_version_is_not_searched(tmp_path: Path, tiny_model: Path) -> None:
    home = Home(tmp_path / "home")
    build(BuildSettings(write_products(tmp_path / "p.jsonl", range(10)), name="shop", model=str(tiny_model)), home)
    [file] = (home.root / "collections").rglob("manifest.json")
    file.write_bytes(file.read_bytes()[:-2])
    for api in serve(SearchService(home)):
        assert "damaged" in api.refused(api.post("/collections/shop/search", {"query": "a"}), 503)["what"]


def test_what_breaks_inside_tells_nothing_outside(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret of the server")

    service = SearchService(home)
    monkeypatch.setattr(service, "search", broken)
    for api in serve(service):
        told = api.refused(api.post("/collections/shop/search", {"query": "a"}), 500)
        assert "secret" not in json.dumps(told)
        assert api.get("/health")[0] == 200


KEYS = st.sampled_from(
    ["query", "k", "mode", "where", "id", "question", "text", "threshold", "chosen", "facets", "sort"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["price < 5", "hybrid", "SKU-00001", "brand"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["key", "op", "value", "and", "low"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(max_examples=trials(150, 2_000))
@given(st.sampled_from(QUESTIONS), st.dictionaries(KEYS, VALUES, max_size=4) | VALUES)
def test_whatever_is_asked_is_answered_or_refused(api: Api, question: str, asked: object) -> None:
    answer = api.post(f"/collections/shop/{question}", asked)
    if answer[0] != 200:
        assert answer[0] in (400, 404), (asked, answer)
        api.refused(answer, answer[0])


# --- the command --------------------------------------------------------------------------------------------------------


def test_the_command_answers_until_ctrl_c(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "searchapp.cli", "serve", "--home", str(home.root), "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if name != "SEARCHAPP_TOKEN"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert f"http://127.0.0.1:{port}" in process.stdout.readline()
    api = Api(SearchService(home), port)
    until_it_listens(port)
    assert api.post("/collections/shop/search", {"query": "lamp", "k": 1})[0] == 200
    taken = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert taken.returncode == 2
    assert f"port {port} cannot be used" in taken.stderr
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def until_it_listens(port: int) -> None:
    """The line is printed a moment before the socket is there."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
            threading.Event().wait(0.1)  # polling a process, not waiting for a moment
    pytest.fail("the server does not listen")


@pytest.mark.parametrize("token", [None, "short", "0123456789abcde\n"])
def test_where_others_reach_it_a_token_is_needed(
    home: Home, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    monkeypatch.delenv("SEARCHAPP_TOKEN", raising=False)
    if token:
        monkeypatch.setenv("SEARCHAPP_TOKEN", token)
    with pytest.raises(UserError, match=r"TOKEN|no token"):
        serve_api(home.root, "0.0.0.0", 8500)


def test_an_address_that_is_none(home: Home) -> None:
    with pytest.raises(UserError, match="no IP address"):
        serve_api(home.root, "example.org", 8500)
