"""`report.html`: a run on one page that needs no server and no network."""
