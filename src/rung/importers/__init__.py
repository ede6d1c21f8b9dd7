"""Files of other tools as cases, examples and documents: one module a form or family of forms, found through `registry`.

Nothing is dropped: an importer gives one `ImportedRow` for each row of its file, taken or refused with a reason. Writing the
results is left to `rung.commands.import_files`.
"""
