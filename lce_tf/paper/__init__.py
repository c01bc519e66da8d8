"""The paper's tables: their rows as data (`rows`), our results beside them, and the printed reports."""
