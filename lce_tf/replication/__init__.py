"""The paper's tables: their rows as data (`rows`), what was measured beside them, and the reports (`report`)."""
