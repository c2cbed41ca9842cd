"""A reader of Perdure repositories, written from docs/FORMAT.md alone."""
