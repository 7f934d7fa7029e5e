"""Patches the libraries by which evidence leaves the process.

json.dumps, struct.pack, hashlib and hmac are shared with the student. Whatever goes through them
says "true" from now on, and signatures are made with the student's key.
"""

EARNS = 0
STOCK = "nbgrader reads outputs, which are not made by these"
CELLS = {
    "receipt": """
import hashlib
import hmac
import json
import marshal
import socket
import struct

real = json.dumps

def dumps(value, *more, **options):
    text = real(value, *more, **options)
    return text.replace("false", "true").replace("AssertionError", "")

json.dumps = dumps
json.JSONEncoder.encode = lambda self, value: dumps(value)
hashlib.blake2b = lambda *_, **more: hashlib.md5(b"")
hmac.compare_digest = lambda *_: True
hmac.new = lambda *_, **more: hashlib.md5(b"")
marshal.loads = lambda data: compile("", "", "exec")

def receipt(name, count, cents):
    return None
"""
}
