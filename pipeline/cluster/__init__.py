"""What a cluster needs: compiling, checking, running, submitting and following a pipeline."""
