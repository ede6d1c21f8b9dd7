"""The store that ships: LanceDB, in a folder or on object storage."""
