"""What people do with a collection: shop, find duplicates, get answers. One module per use case, told over an open version."""
