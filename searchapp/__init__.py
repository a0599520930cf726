"""Answers over collections: as a library, a command and, later, an HTTP API."""
