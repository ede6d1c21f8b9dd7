"""Tests of the forms that cases and answers go out in."""
