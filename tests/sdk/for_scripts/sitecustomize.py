"""Read by every Python of a script as it starts, before the client is imported: saves time, and changes nothing else.

While it is imported the client declares hundreds of pydantic models, and pydantic asks for the module of every frame
below each. The import system's own frames belong to none, which `inspect` finds out by going through all modules,
twice for each frame: two thirds of the time in which 0.22 is imported. This answers the same at once.
"""

import inspect

search = inspect.getmodule


def module_of(object, _filename=None):
    if inspect.isframe(object) and object.f_code.co_filename.startswith("<frozen "):
        return None
    return search(object, _filename)


inspect.getmodule = module_of
