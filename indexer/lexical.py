"""Lexical search: BM25 over whole documents, by tantivy, with bytes and answers that never vary.

A folder is written once and only read afterwards. Documents go in by batches of a fixed amount of text; each batch is
written by one thread as one tantivy segment, in a working folder of its own, and moved into place under its number. So
nothing is ever merged, memory stays bounded, the same documents give the same bytes, and the place of a document in the
index is its row: offset of its segment + place in it. Statistics (document frequency, average length) are over all
segments, hence the number of segments does not show in a score.

One analyzer serves documents and queries; a query is the bag of its terms, without syntax. Letters and digits part
(`b-6034`, `B6034` and `b 6034` are the same), scripts written without spaces go by characters, accents fold, English
endings are stemmed and 33 English function words dropped. A title counts three times, the simplest BM25F (Robertson et
al. 2004). All was chosen on training and development queries only; the numbers are in docs/lab-log.md.

A score is a sum of 32-bit floats, and tantivy's order of adding depends on its path, so equal documents could change
places under a filter. Here a query is a fixed tree of two-way sums: adding two floats is commutative, so a document has
the same score to the last bit whatever the path.
"""

from __future__ import annotations

import heapq
import json
import shutil
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

import numpy as np
import tantivy
from numpy.typing import NDArray

from indexer.errors import UserError
from indexer.files import canonical_json, write_bytes
from indexer.hits import Hits, empty

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]

TITLE_WEIGHT = 3
MAX_TERMS = 256  # distinct terms of one query; a longer query keeps those that the fewest documents hold
MAX_K = 1_000_000
ASKING = 16  # asking for one given row costs about as much as reading this many rows of a ranking (measured, 100k rows)
FEW_ROWS = 1000  # up to here rows are cheaper to ask for one by one than as a set
BATCH_BYTES = 32 << 20  # text of one segment
_HEAP_BYTES = 1 << 30  # tantivy's limit, not a reservation; a batch stays far below, so it becomes exactly one segment
_CHARACTERS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_TERM = rf"[{_CHARACTERS}]|\p{{N}}+|[\p{{L}}\p{{M}}--[{_CHARACTERS}]]+"
SETTINGS = {
    "format": 1,
    "scoring": "BM25 k1=1.2 b=0.75",
    "title_weight": TITLE_WEIGHT,
    "analyzer": ["NFKC", _TERM, "under 255 bytes", "lowercase", "ascii folding", "stop words en", "stemming en"],
}


def write_lexical(folder: Path, documents: Iterable[tuple[str, str]]) -> None:
    """Index `documents` (title, text), in row order, in `folder`, which must be empty or not exist yet.

    The same documents give the same bytes. tantivy's files are not fsynced: publishing the folder does that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UserError("a lexical index is written into an empty folder", folder, "empty it")
    sizes: list[int] = []
    for batch in _batches(documents):
        _write_segment(folder, len(sizes), sum(sizes), batch)
        sizes.append(len(batch))
    segments = [{"segment_id": str(_name(i)), "max_doc": size, "deletes": None} for i, size in enumerate(sizes)]
    write_bytes(folder / "meta.json", canonical_json(_empty_meta() | {"segments": segments, "opstamp": 0}))
    write_bytes(folder / "settings.json", canonical_json(SETTINGS | {"documents": sum(sizes)}))


class Lexical:
    """A written folder, open for searching. Safe to use from several threads; nothing is ever written to the folder."""

    def __init__(self, folder: Path) -> None:
        """UserError when the folder was written with other settings than this program's, or cannot be opened."""
        self.documents = _checked_settings(folder)
        sizes = [segment["max_doc"] for segment in json.loads((folder / "meta.json").read_bytes())["segments"]]
        self._offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._analyzer, self._schema = _analyzer(), _schema()
        self._searcher = _open(folder)

    def search(self, query: str, k: int, *, among: Rows | None = None) -> Hits:
        """The `k` best rows for the words of `query`, of the rows `among` (sorted, unique; all where None): Hits [1, k].

        Only documents holding one of the words; equal scores by row. Any text is a query; one of which no word is left
        (only function words, signs) finds nothing. UserError for a `k` out of range.
        """
        if not 1 <= k <= MAX_K:
            raise UserError("k is the number of hits wanted", repr(k), f"give a whole number from 1 to {MAX_K:,}")
        hits, scored = empty(1, k), self._bm25(query)
        if scored is None or (among is not None and not among.size):
            return hits
        rows, scores = self._ranked(scored, k) if among is None else self._among(scored, k, among)
        hits.ids[0, : rows.size], hits.scores[0, : rows.size] = rows, scores
        return hits

    def scores(self, query: str, rows: Rows) -> Scores:
        """BM25 of these `rows` [n] (any order), the same bits as in `search`, 0 where no word occurs: float32 [n]."""
        scored, wanted = self._bm25(query), np.unique(rows)
        found = np.zeros(wanted.size, np.float32)
        if scored is not None and wanted.size:
            hits, scores = self._ranked(self._only(scored, wanted), wanted.size)
            found[np.searchsorted(wanted, hits)] = scores
        return found[np.searchsorted(wanted, rows)]

    def terms(self, text: str) -> list[str]:
        """The terms of a text, in order and with repetitions, as they are indexed."""
        return list(self._analyzer.analyze(_plain(text)))

    def frequency(self, term: str) -> int:
        """How many documents hold a term, as `terms` gives it."""
        return int(self._searcher.doc_freq("text", term))

    def _bm25(self, query: str) -> tantivy.Query | None:
        """The query as a tree of two-way sums, or None when no word of it is known.

        Joined like a Huffman tree over document frequencies: frequent terms pass through few sums, and the order depends
        on the words and the collection alone.
        """
        counts = Counter(self.terms(query))
        known = sorted((found, term) for term in counts if (found := self.frequency(term)))
        heap = [(found, i, self._weighted(term, counts[term])) for i, (found, term) in enumerate(known[:MAX_TERMS])]
        for i in range(len(heap), 2 * len(heap) - 1):
            (few, _, one), (more, _, other) = heapq.heappop(heap), heapq.heappop(heap)
            either = [(tantivy.Occur.Should, one), (tantivy.Occur.Should, other)]
            heapq.heappush(heap, (few + more, i, tantivy.Query.boolean_query(either)))
        return heap[0][2] if heap else None

    def _weighted(self, term: str, count: int) -> tantivy.Query:
        return tantivy.Query.boost_query(tantivy.Query.term_query(self._schema, "text", term, "freq"), float(count))

    def _ranked(self, query: tantivy.Query, limit: int) -> tuple[Rows, Scores]:
        """The best `limit` rows and their scores; tantivy puts equal scores in order of address, which is the row's."""
        hits = self._searcher.search(query, min(limit, self.documents), count=False).hits
        places = np.array([(address.segment_ord, address.doc) for _, address in hits], np.int64).reshape(-1, 2)
        return self._offsets[places[:, 0]] + places[:, 1], np.array([score for score, _ in hits], np.float32)

    def _among(self, scored: tantivy.Query, k: int, among: Rows) -> tuple[Rows, Scores]:
        """Few rows allowed: ask for them only. Many: read the ranking until `k` allowed ones are met, or to its end."""
        limit = 64 + 2 * k * self.documents // among.size
        if among.size * ASKING <= limit:
            return self._ranked(self._only(scored, among), k)
        while True:
            rows, scores = self._ranked(scored, limit)
            allowed = np.isin(rows, among)
            if np.count_nonzero(allowed) >= k or rows.size < limit:
                return rows[allowed][:k], scores[allowed][:k]
            limit *= 8

    def _only(self, scored: tantivy.Query, rows: Rows) -> tantivy.Query:
        """`scored` for these rows only; the condition adds 0, which changes no score."""
        if rows.size <= FEW_ROWS:
            each = (tantivy.Query.term_query(self._schema, "row", row, "basic") for row in rows.tolist())
            condition = tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in each])
        else:
            condition = tantivy.Query.term_set_query(self._schema, "row", rows.tolist())
        silent = tantivy.Query.const_score_query(condition, 0.0)
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, silent), (tantivy.Occur.Must, scored)])


def _batches(documents: Iterable[tuple[str, str]]) -> Iterator[list[str]]:
    """Texts to index (the title three times), cut where BATCH_BYTES is reached: a function of the documents alone."""
    batch, held = [], 0
    for title, text in documents:
        batch.append(f"{title}\n" * (TITLE_WEIGHT if title else 0) + text)
        held += len(batch[-1].encode("utf-8", "replace")) + 64  # a document costs more than its text
        if held >= BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _write_segment(folder: Path, ordinal: int, first_row: int, texts: Sequence[str]) -> None:
    """Write one batch as one segment in a folder of its own, then move its files here under the segment's number."""
    with tempfile.TemporaryDirectory(prefix=".segment-", dir=folder) as working:
        index = tantivy.Index(_schema(), working)
        index.register_tokenizer("words", _analyzer())
        writer = index.writer(_HEAP_BYTES, num_threads=1)
        for row, text in enumerate(texts, first_row):
            document = tantivy.Document(text=_plain(text))
            document.add_unsigned("row", row)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        [segment] = json.loads(Path(working, "meta.json").read_bytes())["segments"]
        for path in Path(working).glob(f"{UUID(segment['segment_id']).hex}.*"):
            path.rename(folder / f"{_name(ordinal).hex}{path.suffix}")


def _name(ordinal: int) -> UUID:
    return UUID(int=ordinal + 1)  # tantivy wants segments named by UUIDs


def _empty_meta() -> dict[str, object]:
    """What tantivy itself says of an index of our schema that holds nothing yet."""
    with tempfile.TemporaryDirectory() as working:
        tantivy.Index(_schema(), working)
        return dict(json.loads(Path(working, "meta.json").read_bytes()))


def _checked_settings(folder: Path) -> int:
    """The number of documents, once the settings are known to be this program's."""
    if not (folder / "settings.json").exists():
        raise UserError("there is no lexical index", folder, "build the collection again")
    settings = json.loads((folder / "settings.json").read_bytes())
    documents = int(settings.pop("documents"))
    if settings != SETTINGS:
        different = sorted(key for key in settings.keys() | SETTINGS.keys() if settings.get(key) != SETTINGS.get(key))
        what = f"the lexical index was written with other settings: {', '.join(different)}"
        raise UserError(what, {key: settings.get(key) for key in different}, "build the collection again")
    return documents


def _open(folder: Path) -> tantivy.Searcher:
    """A searcher over the folder, which it leaves untouched.

    tantivy puts a lock file where it opens. Published folders must not change and may be read-only, so it opens links in
    a temporary folder; the searcher maps the files themselves and outlives links and index.
    """
    links = Path(tempfile.mkdtemp())
    try:
        for path in folder.iterdir():
            (links / path.name).symlink_to(path.resolve())
        return tantivy.Index.open(str(links)).searcher()
    except (ValueError, OSError) as error:
        raise UserError(f"the lexical index cannot be opened ({error})", folder, "verify the collection") from error
    finally:
        while links.exists():  # a watching thread that is just ending may still put a lock file there
            shutil.rmtree(links, ignore_errors=True)


def _schema() -> tantivy.Schema:
    text = tantivy.SchemaBuilder().add_text_field("text", tokenizer_name="words", index_option="freq")
    return text.add_unsigned_field("row", indexed=True).build()


def _analyzer() -> tantivy.TextAnalyzer:
    of = tantivy.Filter
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_TERM))
    for step in of.remove_long(255), of.lowercase(), of.ascii_fold(), of.stopword("english"), of.stemmer("english"):
        builder = builder.filter(step)
    return builder.build()


def _plain(text: str) -> str:
    """Compatibility forms made one (full-width letters, ligatures, split accents); a lone surrogate becomes '?'."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode())
