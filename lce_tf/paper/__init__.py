"""The paper's tables: their rows as data (`rows`), what was measured beside them, and how a table is printed."""
