"""DeePMD-kit's files and arrays."""
