"""`frostline serve`: TF Serving where it is installed, and a faithful stand-in where it is not."""
