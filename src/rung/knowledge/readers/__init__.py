"""How files of every kind become documents. One module for each kind; `readers` next door is the way in."""
