"""Reaches the check's frame through a running generator.

A generator's gi_frame has f_back while it runs. No function of sys is called and no exception is
raised.
"""

EARNS = 0
REPORTED = True
STOCK = "earns"
CELLS = {
    "receipt": """
def look(box):
    frame = box[0].gi_frame
    while frame is not None:
        yield frame
        frame = frame.f_back

def receipt(name, count, cents):
    box = []
    box.append(look(box))
    for frame in box[0]:
        for constant in frame.f_code.co_consts:
            if isinstance(constant, str) and constant.startswith(f"{name} x {count} ="):
                return constant
    return {"tea": "tea x 3 = 7.50"}.get(name)
"""
}
