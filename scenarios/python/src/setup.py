"""The part in C, which pyproject.toml has no settled way to name yet."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "nearest._distance",
            sources=["native/distance.c"],
            # Python's stable ABI: what is built runs on any CPython from 3.11
            # on, and its file name has no version and no machine in it.
            define_macros=[("Py_LIMITED_API", "0x030b0000")],
            py_limited_api=True,
        )
    ]
)
