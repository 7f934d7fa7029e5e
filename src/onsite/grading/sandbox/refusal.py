"""Why no sandbox can be had, in one sentence, and what helps."""

from __future__ import annotations

import os
import re
from pathlib import Path

OLDEST = (5, 14)
"""The first Linux that counts a run's processes by its own account."""

_SETTINGS = {
    "kernel.apparmor_restrict_unprivileged_userns": (
        "1",
        "AppArmor keeps ordinary users from making user namespaces",
        "have an administrator run `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or "
        "give bwrap an AppArmor profile with `userns,` and the capabilities",
    ),
    "kernel.unprivileged_userns_clone": (
        "0",
        "the kernel keeps ordinary users from making user namespaces",
        "have an administrator run `sysctl kernel.unprivileged_userns_clone=1`",
    ),
    "user.max_user_namespaces": (
        "0",
        "the kernel is set to make no user namespaces",
        "have an administrator run `sysctl user.max_user_namespaces=10000`",
    ),
}
_CONTAINER = (
    "if this is a container, start it with `--privileged`, or grade outside of it; "
    "otherwise ask an administrator to allow bubblewrap"
)


def sentence(why: str, cure: str) -> str:
    """The refusal, for that reason."""
    return (
        f"there is no sandbox for other people's work on this machine: {why}; {cure}, "
        "or add --trust to run it as yourself, with all that you may do."
    )


def explain(said: str) -> str:
    """The refusal, when bubblewrap or the first run in it ended with the words `said`."""
    said = said.strip().removeprefix("bwrap: ").rstrip(".")
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if release and (int(release[1]), int(release[2])) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        return sentence(f"Linux {release[0]} is older than {wanted}", "use a newer kernel")
    if os.geteuid() != 0:
        for name, (value, why, cure) in _SETTINGS.items():
            if _setting(name) == value:
                return sentence(f"{why} ({said})", cure)
    return sentence(f"bubblewrap cannot make one ({said})", _CONTAINER)


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", *name.split(".")).read_text(encoding="ascii").strip()
    except OSError:
        return ""
