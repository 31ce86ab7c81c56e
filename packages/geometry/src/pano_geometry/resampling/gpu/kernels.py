"""Triton kernels: one launch from ray tables to pixels, and its adjoint.

ray(y, x) = R (row_scale[y] columns[x] + column_scale[x] rows[y]), as in RayTables. Coordinates are
those of pixels.py in float32 whatever the dtype of the image; tests compare with eager torch.
"""

# Triton reads the names and annotations of kernels: they stay bare.
# ruff: noqa: ANN001, ANN201, ANN202, D103
# mypy: ignore-errors
from importlib import import_module

# Triton comes with torch's builds for accelerators; it is no dependency of its own.
triton = import_module("triton")
tl = import_module("triton.language")

SPHERE = tl.constexpr(0)
PINHOLE = tl.constexpr(1)
CUBE = tl.constexpr(2)
PI = tl.constexpr(3.14159265358979)


@triton.jit
def _arctan2(y, x):
    ax, ay = tl.abs(x), tl.abs(y)
    big, small = tl.maximum(ax, ay), tl.minimum(ax, ay)
    t = small / tl.maximum(big, 1e-37)
    s = t * t
    # Minimax polynomial of degree 17 on [0, 1], error 9e-8 in float32.
    r = 0.00245672255 * s - 0.0144013492
    r = r * s + 0.0397812091
    r = r * s - 0.0723485574
    r = r * s + 0.104989454
    r = r * s - 0.141612291
    r = r * s + 0.199859068
    r = r * s - 0.333325982
    r = (r * s + 0.999999881) * t
    r = tl.where(ay > ax, 0.5 * PI - r, r)
    r = tl.where(x < 0, PI - r, r)
    return tl.where(y < 0, -r, r)


@triton.jit
def _rays(columns, rows, row_scale, column_scale, rotation, sample, y, x, h, w, mask):
    s = tl.load(row_scale + y, mask, other=1.0)
    t = tl.load(column_scale + x, mask, other=1.0)
    a = s * tl.load(columns + x, mask, other=0.0) + t * tl.load(rows + y, mask, other=0.0)
    b = s * tl.load(columns + w + x, mask, other=0.0) + t * tl.load(rows + h + y, mask, other=0.0)
    c = s * tl.load(columns + 2 * w + x, mask, other=1.0)
    c += t * tl.load(rows + 2 * h + y, mask, other=0.0)
    m = rotation + sample * 9
    px = tl.load(m) * a + tl.load(m + 1) * b + tl.load(m + 2) * c
    py = tl.load(m + 3) * a + tl.load(m + 4) * b + tl.load(m + 5) * c
    pz = tl.load(m + 6) * a + tl.load(m + 7) * b + tl.load(m + 8) * c
    return px, py, pz


@triton.jit
def _sphere(x, y, z, H, W):
    u = _arctan2(x, z) * (W / (2 * PI)) + (0.5 * W - 0.5)
    v = _arctan2(y, tl.sqrt(x * x + z * z)) * (H / PI) + (0.5 * H - 0.5)
    fu, fv = tl.floor(u), tl.floor(v)
    c, r = fu.to(tl.int32), fv.to(tl.int32)
    above, below = r < 0, r + 1 >= H
    c = tl.where(c < 0, c + W, c)
    c = tl.where(c >= W, c - W, c)
    d = tl.where(c + 1 >= W, c + 1 - W, c + 1)
    # Across a pole the row continues half a turn away (even width).
    ct, dt = tl.where(above, c + W // 2, c), tl.where(above, d + W // 2, d)
    cb, db = tl.where(below, c + W // 2, c), tl.where(below, d + W // 2, d)
    ct, dt = tl.where(ct >= W, ct - W, ct), tl.where(dt >= W, dt - W, dt)
    cb, db = tl.where(cb >= W, cb - W, cb), tl.where(db >= W, db - W, db)
    top = tl.where(above, 0, r) * W
    bottom = tl.where(below, H - 1, r + 1) * W
    return u - fu, v - fv, top + ct, top + dt, bottom + cb, bottom + db, x == x


@triton.jit
def _clamped(u, v, H, W, stride, base, seen):
    fu, fv = tl.floor(u), tl.floor(v)
    c, r = fu.to(tl.int32), fv.to(tl.int32)
    c0, r0 = tl.maximum(c, 0), tl.maximum(r, 0)
    c1, r1 = tl.minimum(c + 1, W - 1), tl.minimum(r + 1, H - 1)
    top, bottom = base + r0 * stride, base + r1 * stride
    return u - fu, v - fv, top + c0, top + c1, bottom + c0, bottom + c1, seen


@triton.jit
def _pinhole(x, y, z, H, W, fx, fy, cx, cy):
    ahead = z > 1e-6 * (tl.abs(x) + tl.abs(y))
    inverse = 1.0 / tl.where(ahead, z, 1.0)
    u, v = x * inverse * fx + cx, y * inverse * fy + cy
    seen = ahead & (u >= 0) & (u <= W) & (v >= 0) & (v <= H)
    u, v = tl.where(seen, u - 0.5, 0.0), tl.where(seen, v - 0.5, 0.0)
    return _clamped(u, v, H, W, W, 0, seen)


@triton.jit
def _cube(x, y, z, W):
    # Faces F R B L U D, each padded by one pixel, below each other.
    ax, ay, az = tl.abs(x), tl.abs(y), tl.abs(z)
    on_z = (az >= ax) & (az >= ay)
    on_x = (ax >= ay) & (on_z == 0)
    axis = tl.where(on_z, z, tl.where(on_x, x, y))
    sign = tl.where(axis > 0, 1.0, -1.0)
    right = tl.where(on_z, sign * x, tl.where(on_x, -sign * z, x))
    down = tl.where(on_z | on_x, y, -sign * z)
    negative = tl.where(axis > 0, 0, 1)
    face = tl.where(on_z, 2 * negative, tl.where(on_x, 1 + 2 * negative, 5 - negative))
    half = 0.5 * (W - 2)
    inverse = half / tl.abs(axis)
    u, v = right * inverse + half + 0.5, down * inverse + half + 0.5
    return _clamped(u, v, W, W, W, face * W * W, x == x)


@triton.jit
def _taps(
    columns, rows, row_scale, column_scale, rotation, sample, y, x, h, w, mask,
    H, W, fx, fy, cx, cy, KIND: tl.constexpr,
):  # fmt: skip
    a, b, c = _rays(columns, rows, row_scale, column_scale, rotation, sample, y, x, h, w, mask)
    if KIND == SPHERE:
        return _sphere(a, b, c, H, W)
    if KIND == PINHOLE:
        return _pinhole(a, b, c, H, W, fx, fy, cx, cy)
    return _cube(a, b, c, W)


@triton.jit
def _pixels(h, w, BLOCK_H: tl.constexpr, BLOCK_W: tl.constexpr):
    # Square-ish tiles: a rotated row would touch the whole image.
    across = tl.cdiv(w, BLOCK_W)
    tile = tl.program_id(0)
    k = tl.arange(0, BLOCK_H * BLOCK_W)
    y = (tile // across) * BLOCK_H + k // BLOCK_W
    x = (tile % across) * BLOCK_W + k % BLOCK_W
    return y, x, (y < h) & (x < w)


@triton.jit
def forward(
    image, out, seen_out, columns, rows, row_scale, column_scale, rotation,
    h, w, H, W, channels, image_stride, rotation_step, fx, fy, cx, cy,
    KIND: tl.constexpr, HAS_SEEN: tl.constexpr, BLOCK_H: tl.constexpr, BLOCK_W: tl.constexpr,
):  # fmt: skip
    sample = tl.program_id(1)
    y, x, mask = _pixels(h, w, BLOCK_H, BLOCK_W)
    fu, fv, i00, i01, i10, i11, seen = _taps(
        columns, rows, row_scale, column_scale, rotation, sample * rotation_step, y, x, h, w,
        mask, H, W, fx, fy, cx, cy, KIND,
    )  # fmt: skip
    live = mask & seen
    source = image + sample.to(tl.int64) * image_stride
    at = y.to(tl.int64) * w + x
    for channel in range(channels):
        a = tl.load(source + i00, live, other=0.0).to(tl.float32)
        b = tl.load(source + i01, live, other=0.0).to(tl.float32)
        c = tl.load(source + i10, live, other=0.0).to(tl.float32)
        d = tl.load(source + i11, live, other=0.0).to(tl.float32)
        upper, lower = a + (b - a) * fu, c + (d - c) * fu
        value = upper + (lower - upper) * fv
        to = out + (sample.to(tl.int64) * channels + channel) * h * w + at
        tl.store(to, value.to(out.dtype.element_ty), mask)
        source += H * W
    if HAS_SEEN:
        tl.store(seen_out + sample.to(tl.int64) * h * w + at, seen.to(tl.int8), mask)


@triton.jit
def backward(
    grad_out, grad_image, columns, rows, row_scale, column_scale, rotation,
    h, w, H, W, channels, image_stride, rotation_step, fx, fy, cx, cy,
    KIND: tl.constexpr, BLOCK_H: tl.constexpr, BLOCK_W: tl.constexpr,
):  # fmt: skip
    sample = tl.program_id(1)
    y, x, mask = _pixels(h, w, BLOCK_H, BLOCK_W)
    fu, fv, i00, i01, i10, i11, seen = _taps(
        columns, rows, row_scale, column_scale, rotation, sample * rotation_step, y, x, h, w,
        mask, H, W, fx, fy, cx, cy, KIND,
    )  # fmt: skip
    live = mask & seen
    target = grad_image + sample.to(tl.int64) * image_stride
    at = y.to(tl.int64) * w + x
    for channel in range(channels):
        where = grad_out + (sample.to(tl.int64) * channels + channel) * h * w + at
        g = tl.load(where, live, other=0.0).to(tl.float32)
        tl.atomic_add(target + i00, g * (1 - fu) * (1 - fv), live)
        tl.atomic_add(target + i01, g * fu * (1 - fv), live)
        tl.atomic_add(target + i10, g * (1 - fu) * fv, live)
        tl.atomic_add(target + i11, g * fu * fv, live)
        target += H * W
