"""`python -m ui`: serve the pages on this machine, and nowhere else.

Checks what can be checked first (the home, the port), then becomes the Streamlit server: one process holds the model and
the indexes for every open page, and Ctrl-C ends all of it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from indexer.command import run
from indexer.home import Home
from searchapp.serving import ADDRESS, PORT, check_servable

# No usage statistics, no file watcher, no browser opened, no e-mail asked for; uploads up to 500 MB. Every message is sent
# whole: Streamlit sends only the name of a large one that the browser is believed to have, but a busy browser may have
# thrown it away meanwhile, and then loses the page. On one machine nothing is saved by that.
_FLAGS = {
    "server.address": ADDRESS,
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "500",
    "server.showEmailPrompt": "false",
    "global.minCachedMessageSize": "1e12",
    "browser.gatherUsageStats": "false",
    "browser.serverAddress": ADDRESS,
    "runner.magicEnabled": "false",
    "logger.level": "warning",
    "logger.hideWelcomeMessage": "true",
}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def serve(
    home: Annotated[
        Path | None, typer.Option("--home", metavar="DIR", help="Where collections live [$SEARCHAPP_HOME, or ./home].")
    ] = None,
    port: Annotated[int, typer.Option(help="Where to listen on 127.0.0.1.", min=1, max=65535)] = PORT,
) -> None:
    """Open the pages in a browser: shop, duplicates, answers, collections, training data, models.

    Example: searchapp ui --port 8501
    """
    found = Home.find(home)
    check_servable(port)
    os.environ["SEARCHAPP_HOME"] = str(found.root.resolve())
    flags = [part for name, value in _FLAGS.items() for part in (f"--{name}", value)]
    script = str(Path(__file__).with_name("app.py"))
    print(f"Open http://{ADDRESS}:{port} in a browser; Ctrl-C here ends it.", flush=True)
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port), *flags]
    os.execv(sys.executable, command)  # noqa: S606


if __name__ == "__main__":
    run(app)
