"""A headless Chromium, driven through the DevTools protocol on a pipe, as far as looking at a page takes."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)


@dataclass
class Page:
    """One tab: what it asked for and what it complained about, since it was opened."""

    _browser: Browser
    session: str = ""
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def hear(self, method, facts):
        """What the browser tells of its own."""
        if method == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(facts["exceptionDetails"].get("exception", facts["exceptionDetails"])))
        elif method == "Log.entryAdded" and facts["entry"]["level"] == "error":
            self.complaints.append(f"{facts['entry']['text']} {facts['entry'].get('url', '')[:200]}")
        elif method == "Runtime.consoleAPICalled" and facts["type"] in {"error", "assert"}:
            self.complaints.append(str([each.get("value", each.get("description")) for each in facts["args"]]))

    def call(self, method, **parameters):
        """One command."""
        return self._browser.call(method, session=self.session, **parameters)

    def go(self, url):
        """Open an address; an address that differs only after the `#` changes the page without loading it anew."""
        self.call("Page.navigate", url=url)

    def value(self, script):
        """What some JavaScript gives."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def text(self):
        """All that is to be read now, those parts that are drawn as one line too."""
        return self.value("document.body ? document.body.innerText : ''") or ""

    def until(self, script, seconds=30.0):
        """Wait until some JavaScript gives something true."""
        give_up = time.monotonic() + seconds
        while not self.value(script):
            assert time.monotonic() < give_up, f"never true: {script}\n{self.text()[:2000]}"
            time.sleep(0.1)

    def shows(self, *words, seconds=30.0):
        """Wait until all words stand on the page, whatever their case."""
        wanted = json.dumps([word.lower() for word in words])
        self.until(
            f'(text => {wanted}.every(word => text.includes(word)))((document.body?.innerText ?? "").toLowerCase())',
            seconds,
        )

    def click(self, words, *, within="*"):
        """Click on the innermost element that holds these words and is seen."""
        found = f"""(() => {{
            const all = [...document.querySelectorAll({json.dumps(within)})];
            const holding = all.filter(one => one.innerText && one.innerText.includes({json.dumps(words)})
                && one.getClientRects().length);
            const inner = holding.filter(one => !holding.some(other => other !== one && one.contains(other)))[0];
            if (inner) {{ inner.scrollIntoView({{block: "center"}}); inner.click(); }}
            return Boolean(inner);
        }})()"""
        self.until(found)

    def picture(self, path, *, width=1280, height=900):
        """A picture of what is seen now."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        time.sleep(0.4)  # what is animated comes to rest
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


class Browser:
    """The other end of the pipe."""

    def __init__(self, write, read):
        self._write, self._read = write, read
        self._rest, self._last, self._pages = b"", 0, {}

    def call(self, method, *, session="", **parameters):
        """One command and its answer; what is told meanwhile goes to its page."""
        self._last += 1
        told = {"id": self._last, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self._write, json.dumps(told).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == self._last:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            if page := self._pages.get(message.get("sessionId")):
                page.hear(message.get("method"), message.get("params"))

    def _next(self):
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], 60)
            assert ready, "Chromium says nothing"
            got = os.read(self._read, 1 << 20)
            assert got, "Chromium has ended"
            self._rest += got
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def page(self):
        """A new tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        page = Page(self)
        page.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._pages[page.session] = page
        for part in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{part}.enable")
        page.call("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
        return page


@contextmanager
def running(binary, profile):
    """A Chromium with a fresh profile, until the block ends."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()

    def place():  # where Chromium looks for the ends of its pipe
        # Out of the way first: either end may lie where the other one goes.
        read, write = os.dup(theirs_in), os.dup(theirs_out)
        os.dup2(read, 3)
        os.dup2(write, 4)

    command = [binary, *SWITCHES, f"--user-data-dir={profile}"]
    # The parent's other files are closed by Chromium's own start, which keeps 3 and 4.
    process = subprocess.Popen(
        command,
        preexec_fn=place,  # noqa: PLW1509 - it makes two system calls, and no thread can be in their way
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for end in (theirs_in, theirs_out):
        os.close(end)
    try:
        yield Browser(ours_out, ours_in)
    finally:
        for end in (ours_out, ours_in):
            os.close(end)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
