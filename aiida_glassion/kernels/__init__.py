"""The science: functions on arrays. AiiDA is not known here."""
