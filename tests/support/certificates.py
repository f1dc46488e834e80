"""A certificate authority of the tests' own, and what can be wrong with what it signs; made with openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SETTINGS = """
[ca]
default_ca = ours
[ours]
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = anything
copy_extensions = copy
unique_subject = no
[anything]
commonName = supplied
"""


class Certificates:
    """`ca.pem` and, for each name that is signed, `NAME.pem` and `NAME.key` in one folder."""

    def __init__(self, openssl, folder):
        self.openssl, self.folder = openssl, Path(folder)
        (self.folder / "index.txt").write_text("")
        (self.folder / "serial").write_text("01\n")
        (self.folder / "ca.conf").write_text(_SETTINGS.format(folder=folder))
        self.self_signed("ca")

    def self_signed(self, name):
        """A certificate that nobody else vouches for."""
        self._run("req", "-x509", *self._key(name), "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")

    def sign(self, name, *, host, begin="20200101000000Z", end="20500101000000Z"):
        """A certificate of the authority for one host."""
        request = ["req", *self._key(name), "-out", f"{name}.csr", "-subj", f"/CN={name}"]
        self._run(*request, "-addext", f"subjectAltName={host}")
        authority = ["-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key", "-batch", "-notext"]
        self._run("ca", *authority, "-in", f"{name}.csr", "-out", f"{name}.pem", "-startdate", begin, "-enddate", end)

    def encrypt(self, name, out, password):
        """A copy of a key that needs a password."""
        self._run("pkey", "-in", f"{name}.key", "-aes256", "-passout", f"pass:{password}", "-out", out)

    def _key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key"]

    def _run(self, *arguments):
        subprocess.run([self.openssl, *arguments], cwd=self.folder, check=True, capture_output=True, timeout=30)
