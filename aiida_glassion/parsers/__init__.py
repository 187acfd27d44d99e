"""One parser per CalcJob; a broken run ends in an exit code, never in an exception."""
