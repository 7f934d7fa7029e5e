"""Asks cron, at and systemd to run something later.

The tools may be there or not; their folders may be writable or not. Nothing of it may be there
when the run is over.
"""

EARNS = 0
STOCK = "an ordinary account without these tools cannot"
CELLS = {
    "receipt": """
import pathlib
import subprocess

for command in ("echo '* * * * * touch /tmp/hostile-cron' | crontab -",
                "echo touch /tmp/hostile-at | at now + 1 minute",
                "systemd-run --user --on-active=1 touch /tmp/hostile-unit"):
    subprocess.run(command, shell=True, timeout=3)
for folder in ("/etc/cron.d", "/var/spool/cron/crontabs", "/etc/profile.d", "/etc/init.d"):
    try:
        pathlib.Path(folder, "hostile").write_text("* * * * * root true")
    except OSError as error:
        print(error)
"""
}
