"""Keys of databases that keep keys, one at a time: typed, in pages, with optimistic changes."""
