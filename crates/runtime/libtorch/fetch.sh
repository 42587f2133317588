#!/usr/bin/env bash
# Fetches libtorch 2.11 from PyPI into a folder and prints the environment to build and run with:
#
#     eval "$(bash crates/runtime/libtorch/fetch.sh ~/libtorch)"
#     cargo build --release --features libtorch
#
# Needs Python with pip, and a C compiler. The folder takes 0.5 GB; 0.6 GB more are needed while it is made.
set -euo pipefail

if [ $# -ne 1 ]; then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
libraries=$folder/lib/lib

if [ ! -e "$libraries/libtorch.so" ]; then
    wheels=$(mktemp -d -p "$folder")
    trap 'rm -rf "$wheels"' EXIT
    # The library wants CUDA's runtime and CUPTI also where no GPU is.
    python3 -m pip download --quiet --no-deps --dest "$wheels" \
        torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 >&2
    python3 - "$wheels" "$folder" <<'PYTHON'
import pathlib, shutil, sys, zipfile

wheels, folder = map(pathlib.Path, sys.argv[1:])
libraries = ["libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"]
for wheel in wheels.glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            path = pathlib.PurePosixPath(name)
            if path.name in libraries and path.parent.name == "lib":
                target = folder / "lib/lib" / path.name
            elif name.startswith("torch/include/") and not name.endswith("/"):
                target = folder / path.relative_to("torch")
            else:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink)
PYTHON
    # burn-tch uses a GPU only where this file was there when it was built. torch-sys, which would link to it, looks one
    # folder further down.
    touch "$folder/lib/libtorch_cuda.so"
    # PyTorch's own libtorch.so has nothing in it but a wish for libtorch_cuda.so.
    cc -shared -o "$libraries/libtorch.so.part" -L"$libraries" -Wl,--no-as-needed -ltorch_cpu -lc10 -Wl,--allow-shlib-undefined
    mv "$libraries/libtorch.so.part" "$libraries/libtorch.so"
fi

cat <<ENVIRONMENT
export LIBTORCH='$folder' LIBTORCH_LIB='$folder/lib'
export LD_LIBRARY_PATH='$libraries'"\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
ENVIRONMENT
