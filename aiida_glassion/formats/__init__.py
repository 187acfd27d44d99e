"""Text and files to arrays and back. AiiDA is not known here."""
