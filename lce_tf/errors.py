"""The exceptions that callers may catch."""


class UserError(Exception):
    """A fault in what the user gave: one line that names the file, line or value and what to do."""


class LostWorker(Exception):
    """Another process of the same job ended: one line. The same command resumes the job once all are back."""
