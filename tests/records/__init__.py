"""Tests of `rung.records`."""
