"""The pages: each reads its address, asks the search service, and draws the answer."""
