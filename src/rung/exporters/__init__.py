"""Cases and answers in the forms of other tools, one file a form. Pure: reading and writing files is left to `commands`."""
