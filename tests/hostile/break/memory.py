"""Takes all the memory there is.

Without a limit the machine swaps and the kernel kills whatever is largest, which may be the
grader. With one, this cell gets its MemoryError and the rest goes on.
"""

EARNS = 4
STOCK = "the arena has a limit on memory, which nbgrader has not"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
kept = []
while True:
    kept.append(bytearray(64 << 20))
    for place in range(0, 64 << 20, 4096):
        kept[-1][place] = 1
"""
}
