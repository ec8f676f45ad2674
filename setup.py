"""The operators in C++; all metadata is in setup.cfg, which cannot name extensions."""

from pathlib import Path

from setuptools import Extension, setup

SOURCE = Path("ccnn_pc/native/src")

# Plain C++17, compiled once for each instruction set. Optional: where no compiler is, the package works without it.
operators = Extension(
    "ccnn_pc.native._operators",
    sources=[str(SOURCE / f"{name}.cpp") for name in ("operators", "baseline", "avx2", "avx512")],
    depends=[str(header) for header in sorted(SOURCE.glob("*.h"))],
    extra_compile_args=["-std=c++17", "-O3", "-g0", "-fno-math-errno", "-fvisibility=hidden", "-Wno-psabi"],
    extra_link_args=["-pthread"],
    optional=True,
)

setup(ext_modules=[operators])
