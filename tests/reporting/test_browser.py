"""The page in a real headless browser: it is drawn, and on a phone nothing overflows sideways."""

import html
import json
import re
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"no browser on the PATH: none of {', '.join(NAMES)}"),
]
# A frame has the width that it is given, which a window without a screen has not. The page itself runs no script.
WRAPPER = """<!DOCTYPE html><iframe width="{width}" height="800" srcdoc="{page}"></iframe><pre></pre><script>
addEventListener("load", () => {{
  const page = document.querySelector("iframe").contentDocument, root = page.documentElement;
  const box = element => element.getBoundingClientRect();
  const colour = getComputedStyle(page.body);
  document.querySelector("pre").textContent = JSON.stringify({{
    words: page.body.innerText.length, sideways: root.scrollWidth - root.clientWidth, height: root.scrollHeight,
    drawn: [...page.querySelectorAll("svg")].filter(svg => box(svg).width > 100 && box(svg).height > 50).length,
    charts: page.querySelectorAll("svg").length, paper: colour.backgroundColor, ink: colour.color,
  }});
}});
</script>"""


def measured(tmp_path, page, width, *flags):
    """What a browser of this width in pixels makes of the page."""
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(WRAPPER.format(width=width, page=html.escape(page)), encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", *flags)
    command = [BROWSER, *flags, "--dump-dom", wrapper.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r"<pre>(.+?)</pre>", done.stdout)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("width", [390, 1200])
def test_all_is_drawn_and_nothing_sticks_out(made, place, tmp_path, width):
    long = "new." + "x" * 60 + ".trec"
    (place / "new.trec").rename(place / long)
    (place / "new.trec.json").rename(place / f"{long}.json")
    (place / "collection.tsv").write_text(f"p9\t{'y' * 500}\np1\t{'long text ' * 60}\n")
    measures = ["--measures", "MRR@10", "nDCG@10", "R@1000", "AP", "P@10", "Success@10"]
    page = made(*measures, sources=[long]).replace("<details", "<details open")
    found = measured(tmp_path, page, width)
    assert found["words"] > 500 and found["height"] > 800
    assert found["sideways"] == 0
    assert found["drawn"] == found["charts"] == 5  # ranks and four curves


def test_light_and_dark(made, tmp_path):
    def brightness(colour):
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    page = made()
    light = measured(tmp_path, page, 390, "--blink-settings=preferredColorScheme=1")
    dark = measured(tmp_path, page, 390, "--blink-settings=preferredColorScheme=0")
    assert brightness(light["paper"]) > 700 > 150 > brightness(light["ink"])
    assert brightness(dark["paper"]) < 150 < 600 < brightness(dark["ink"])
