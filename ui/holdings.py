"""What the pages of one process share: the search service, opened once, and which collections there are.

Streamlit runs a page's script again at every interaction; what lies here is made once per process, so the model and the
indexes are in memory once, however many pages are open.
"""

from __future__ import annotations

import streamlit as st

from indexer.catalog import Catalog, VersionRow
from indexer.home import Home
from searchapp.service import SearchService


@st.cache_resource(show_spinner="Opening the collections …")
def service() -> SearchService:
    """The one service of this process."""
    home = Home.find(None)
    Catalog.open(home, create=True)
    return SearchService(home)


def collections() -> list[VersionRow]:
    """The current version of every collection, by name."""
    return service().catalog.collections()
