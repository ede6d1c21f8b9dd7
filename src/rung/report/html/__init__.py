"""The report page, section by section: one HTML file that needs nothing else."""
