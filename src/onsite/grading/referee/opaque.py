"""Functions that can be called without being had.

The constants of the referee's functions can be read by whoever gets hold of their code, which a
library that shows tracebacks may hand out. So what leads to the referee is no function there but a
key of `functools.cmp_to_key`, which is written in C: `key(value) > NOTHING` calls the function with
the value and 0, and asks whether what it returns is above 0. A key shows what it holds and never
the function; the collector is not asked about keys (see watch.py).

Loaded apart (see apart.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

Key = Callable[[Any], Any]

#: Makes a function of two arguments into such a key.
opaque: Callable[[Callable[[Any, int], int]], Key] = cmp_to_key

#: What keys are compared with.
NOTHING = cmp_to_key(lambda *_: 0)(0)
