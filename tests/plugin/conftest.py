"""The package has tests of its own, which run where it is installed (`test_plugin`), not here."""

collect_ignore = ["package"]
