"""Calls the witness that takes note of the instructor's classes, for a class of its own.

Class statements call __build_class__ with the class's body. Given a function of the instructor's
as the body and a metaclass that makes something else, the result looks like the instructor's.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "receipt": """
class Meta(type):
    def __new__(meta, name, bases, space):
        return type.__new__(type, name, bases, {"__eq__": lambda *_: True, "__hash__": None})

def receipt(name, count, cents):
    builtins = globals()["__builtins__"]
    builtins = builtins if type(builtins) is dict else vars(builtins)
    build = builtins["__build_class__"]
    made = type("Anything", (), {"__eq__": lambda *_: True, "__hash__": None})
    try:
        Clock.__call__.__defaults__ = (Clock(),)
        made = build(Clock.__call__, "Clock", metaclass=Meta)
    except Exception as error:
        print(type(error).__name__)
    return made()
"""
}
