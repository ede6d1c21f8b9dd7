"""The board: a project seen and worked on in a browser. One file a page; `board` puts them together."""
