"""Removes every file that it may remove, from the root on.

The course, other students' work, the instructor's home and the interpreter are files like
others.
"""

EARNS = 4
STOCK = "disturbs"
SOLVED = ("receipt",)
CELLS = {
    "bucket": """
import subprocess

places = "@COURSE@/* @HOME@/.[a-z]* /tmp/* /var/tmp/* /dev/shm/* ~/*"
subprocess.run(f"chmod -R u+w {places}; rm -rf {places}", shell=True)
"""
}
