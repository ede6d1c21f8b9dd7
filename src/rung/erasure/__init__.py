"""Erasing a text, a document, an answer or a row from all that a project keeps, place by place, and the record of it."""
