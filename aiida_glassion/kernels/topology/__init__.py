"""What of a glass depends only on which atoms are bonded: its links and its rings."""
