"""Adds lines to the files that shells and sessions read when they start.

.bashrc, .profile, .pam_environment, a user unit of systemd, an entry that autostarts with the
desktop, and a key that lets somebody in.
"""

EARNS = 0
STOCK = "leaves"
CELLS = {
    "receipt": """
import os
import pathlib

for home in ("@HOME@", os.path.expanduser("~"), "/root"):
    for name in (".bashrc", ".profile", ".zshrc", ".ssh/authorized_keys",
                 ".config/systemd/user/hostile.service", ".config/autostart/hostile.desktop"):
        path = pathlib.Path(home, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write("# hostile\\n")
        except OSError as error:
            print(error)
"""
}
