"""Parses a page: tables as rows of text by section, every tag with its attributes, all text."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """A parsed page.

    Attributes:
        tags: (name, attributes) of every element, in order.
        tables: id of the section -> its tables, each a list of rows, each a list of cells' texts.
        text: everything between tags, styles aside.
        summaries: texts of what opens.
    """

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.tables, self.text, self.summaries = [], {}, "", []
        self._section, self._inside, self._style = "", None, False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._style = tag == "style"
        if tag == "section":
            self._section = dict(attributes)["id"]
        elif tag == "table":
            self.tables.setdefault(self._section, []).append([])
        elif tag == "tr":
            self._rows().append([])
        elif tag in ("td", "th"):
            self._rows()[-1].append("")
            self._inside = "cell"
        elif tag == "summary":
            self.summaries.append("")
            self._inside = "summary"

    def handle_endtag(self, tag):
        self._style = False
        if tag in ("td", "th", "summary"):
            self._inside = None

    def handle_data(self, data):
        if self._style:
            return
        self.text += data
        if self._inside == "cell":
            self._rows()[-1][-1] += data
        elif self._inside == "summary":
            self.summaries[-1] += data

    def _rows(self):
        return self.tables[self._section][-1]

    def named(self, tag: str) -> list[dict]:
        """The attributes of all elements of this name."""
        return [attributes for name, attributes in self.tags if name == tag]
