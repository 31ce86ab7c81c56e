# syntax=docker/dockerfile:1
# `panodepth` alone: predict, view, reconstruct, export, audit.
#
#   docker build --target cuda -t panodepth:cuda .        # PyPI's torch for Linux, which brings CUDA
#   docker build --target cpu --build-arg TORCH_INDEX=URL -t panodepth:cpu .    # URL: index of torch's CPU wheels
#   docker run --rm -v "$PWD:/data" panodepth:cpu room.jpg
#   docker run --rm --gpus all -v "$PWD:/data" panodepth:cuda photos --device cuda
#   docker run --rm -v "$PWD:/data" -p 8360:8360 panodepth:cpu view panodepth-out --host 0.0.0.0 --port 8360
#
# Without TORCH_INDEX the CPU image works too; it is as large as the CUDA one then.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS sources
WORKDIR /src
COPY constraints.txt ./
COPY packages/geometry packages/geometry
COPY packages/models packages/models
COPY packages/data packages/data
COPY packages/panodepth packages/panodepth

FROM sources AS install-cuda
RUN python -m venv /opt/panodepth \
    && /opt/panodepth/bin/pip install --no-cache-dir -c constraints.txt \
       packages/geometry packages/models packages/data 'packages/panodepth[onnx]'

FROM sources AS install-cpu
ARG TORCH_INDEX=""
# The CPU build has a local version (+cpu), which a pin of constraints.txt accepts.
RUN python -m venv /opt/panodepth \
    && grep -v -i -E '^(nvidia|triton|cuda)' constraints.txt > pins.txt \
    && if [ -n "$TORCH_INDEX" ]; then \
         /opt/panodepth/bin/pip install --no-cache-dir -c pins.txt --index-url "$TORCH_INDEX" torch; \
       fi \
    && /opt/panodepth/bin/pip install --no-cache-dir -c pins.txt \
       packages/geometry packages/models packages/data 'packages/panodepth[onnx]'

FROM python:${PYTHON}-slim AS runtime
ENV PATH=/opt/panodepth/bin:$PATH \
    OMP_WAIT_POLICY=PASSIVE \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --create-home --uid 1000 panodepth
WORKDIR /data
ENTRYPOINT ["panodepth"]
CMD ["--help"]

FROM runtime AS cpu
COPY --from=install-cpu /opt/panodepth /opt/panodepth
USER 1000

FROM runtime AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=install-cuda /opt/panodepth /opt/panodepth
USER 1000
