"""The application: its pages over the collections of one home. Streamlit runs this script for every visit."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.screens import answers, collections, duplicates, models, shop, training

_ICON = Path(__file__).parent / "web" / "icon.png"  # a local file: Streamlit's own icons come from outside


def main() -> None:
    """Set the frame, then draw the page the address names."""
    st.set_page_config(
        page_title="searchapp",
        page_icon=str(_ICON),
        layout="wide",
        initial_sidebar_state="collapsed",
        menu_items={"Get help": None, "Report a bug": None, "About": None},
    )
    pages = [
        st.Page(shop.page, title="Shop", url_path="shop", default=True),
        st.Page(duplicates.page, title="Duplicates", url_path="duplicates"),
        st.Page(answers.page, title="Answers", url_path="answers"),
        st.Page(collections.page, title="Collections", url_path="collections"),
        st.Page(training.page, title="Training data", url_path="training"),
        st.Page(models.page, title="Models", url_path="models"),
    ]
    st.navigation(pages, position="top").run()


main()
