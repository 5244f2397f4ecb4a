"""Generates the Python stubs in `generated/` from the `.proto` files beside this script.

    python proto/generate.py            write what changed
    python proto/generate.py --check    write nothing, fail when something would change

Owns everything under `generated/`: protoc's layout is kept, every folder is a
typed package, and what no `.proto` file accounts for is removed. The result
depends on the sources and on the versions of grpcio-tools and mypy-protobuf
only, so the committed stubs can be compared byte by byte. `make` calls it.
"""

import argparse
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
GENERATED = SOURCES.parent / "generated"

# Servers and clients here are asynchronous throughout. Concrete servicers are what the generated
# code really is: an RPC that a subclass leaves out answers UNIMPLEMENTED.
GRPC_TYPES = "quiet,only_async,generate_concrete_servicer_stubs"

Tree = dict[Path, bytes]


def main() -> int:
    parser = argparse.ArgumentParser(description="Generate the Python stubs in generated/.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check: bool = parser.parse_args().check
    differences = list(compare(read_tree(GENERATED), fresh := generate()))
    if not check:
        write_tree(GENERATED, fresh)
    for difference in differences:
        print(difference)
    return 1 if check and differences else 0


def generate() -> Tree:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        protos = sorted(SOURCES.rglob("*.proto"))
        protoc(protos, f"--python_out={target}", f"--mypy_out=quiet:{target}")
        services = [proto for proto in protos if has_service(proto)]
        protoc(services, f"--grpc_python_out={target}", f"--mypy_grpc_out={GRPC_TYPES}:{target}")
        mark_packages(target)
        return read_tree(target)


def has_service(proto: Path) -> bool:
    return any(line.startswith("service ") for line in proto.read_text().splitlines())


def protoc(protos: list[Path], *outputs: str) -> None:
    scripts = Path(sysconfig.get_path("scripts"))
    plugins = [f"--plugin={scripts / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    compiler = [sys.executable, "-m", "grpc_tools.protoc", f"-I{SOURCES}", *plugins]
    if code := subprocess.call([*compiler, *outputs, *map(str, protos)]):
        sys.exit(code)


def mark_packages(root: Path) -> None:
    for folder in [path for path in root.rglob("*") if path.is_dir()]:
        (folder / "__init__.py").touch()
        (folder / "py.typed").touch()


def read_tree(root: Path) -> Tree:
    files = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(root): path.read_bytes() for path in files}


def write_tree(root: Path, wanted: Tree) -> None:
    for path in read_tree(root).keys() - wanted.keys():
        (root / path).unlink()
    for path, content in wanted.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def compare(committed: Tree, fresh: Tree) -> Iterator[str]:
    for path in sorted(committed.keys() | fresh.keys()):
        if path not in committed:
            yield f"missing: {path}"
        elif path not in fresh:
            yield f"left over: {path}"
        elif committed[path] != fresh[path]:
            yield f"changed: {path}"


if __name__ == "__main__":
    sys.exit(main())
