"""From a corpus on disk to published, verified, searchable collections. The ground floor: it imports no other package here."""
