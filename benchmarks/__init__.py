"""One file per question asked of this project's speed and memory; each prints one JSON line (`make bench`)."""
