/* Fused bilinear resampling: rays from tables, coordinates, taps across every border, all in one
 * pass over tiles of the result. No ray tensor and no grid.
 *
 * ray(y, x) = row_scale[y] * columns[x] + column_scale[x] * rows[y], as in RayTables.
 * The coordinate conventions are those of pixels.py; tests compare every value with eager torch.
 *
 * Images of 2 to 4 channels come packed: (rows, stride, 4) with a border of one pixel as the image
 * goes on there, so both taps of a row are one load and no index wraps. Others are read as planes.
 * A target that sees a part of the image packs that part, block by block, as its taps ask for it.
 * Threads belong to the caller: each takes tiles by counting `next` up.
 */
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#define TILE_W 256
#define TILE_H 64
#define PI_F 3.14159265358979f
#define HALF_PI_F 1.57079632679490f

enum { SPHERE = 0, PINHOLE = 1, CUBE = 2 };

typedef struct {
    int jobs, height, width;          /* results of this size, one per job */
    const int32_t *image_of;          /* (jobs) which image */
    const int64_t *out_offset;        /* (jobs) first element of channel 0 */
    const int64_t *seen_offset;       /* (jobs) first element of the mask */
    const float *columns, *rows;      /* (jobs, 3, width), (jobs, 3, height) */
    const float *row_scale, *column_scale;
    int source, channels, source_height, source_width;
    int64_t out_plane;                /* elements between channels of the result */
    float fx, fy, cx, cy;             /* pinhole: intrinsics */
    int face;                         /* cube: face size; faces are padded by one pixel */
    uint8_t *seen;                    /* may be NULL */
    int stride;                       /* pixels between rows of a packed image, 0 for planes */
    int ring, closed;                 /* of a packed image: its border, and whether it is a sphere */
    const void *unpacked;             /* the image as planes, if it is packed block by block */
    uint8_t *state;                   /* of each of its blocks: 0, 1 under way, 2 packed */
} Plan;

#define BLOCK_W 64 /* packed pixels of a block */
#define BLOCK_H 8

typedef struct {
    int32_t i00[TILE_W], i01[TILE_W], i10[TILE_W], i11[TILE_W]; /* packed: only i00 */
    float u[TILE_W], v[TILE_W];
    int32_t in[TILE_W];
    int all; /* whether all are in */
    int top, bottom; /* packed: first row of the first and of the last taps, none if top > bottom */
    int left[2], right[2]; /* and columns: one range, or two where a row crosses the seam */
} Taps;

/* atan on [0, 1]: minimax polynomial of degree 17, error 9e-8 in float32. */
static inline float arctan01(float t) {
    float s = t * t;
    float r = 0.00245672255f;
    r = r * s - 0.0144013492f;
    r = r * s + 0.0397812091f;
    r = r * s - 0.0723485574f;
    r = r * s + 0.104989454f;
    r = r * s - 0.141612291f;
    r = r * s + 0.199859068f;
    r = r * s - 0.333325982f;
    r = r * s + 0.999999881f;
    return r * t;
}

static inline float arctan2(float y, float x) {
    float ax = fabsf(x), ay = fabsf(y);
    float big = ax > ay ? ax : ay, small = ax > ay ? ay : ax;
    float a = arctan01(small / (big > 1e-37f ? big : 1e-37f));
    a = ay > ax ? HALF_PI_F - a : a;
    a = x < 0.0f ? PI_F - a : a;
    return copysignf(a, y);
}

/* Index coordinates of n rays on a panorama. Loops are short so that several of their turns are
 * under way at once: an arctangent is one long chain of operations. */
static void angles_sphere(const Plan *p, const float *restrict x, const float *restrict y,
                          const float *restrict z, int n, float *restrict u, float *restrict v) {
    const float to_u = p->source_width / (2.0f * PI_F), to_v = p->source_height / PI_F;
    const float middle_u = 0.5f * p->source_width - 0.5f, middle_v = 0.5f * p->source_height - 0.5f;
    for (int i = 0; i < n; i++) u[i] = arctan2(x[i], z[i]) * to_u + middle_u;
    for (int i = 0; i < n; i++) v[i] = sqrtf(x[i] * x[i] + z[i] * z[i]);
    for (int i = 0; i < n; i++) v[i] = arctan2(y[i], v[i]) * to_v + middle_v;
}

/* Taps of index coordinates in an image of W x H with a border of `ring` around it; what is not
 * `in` is left out of the range of rows and columns. */
static inline void place(const float *restrict us, const float *restrict vs,
                         const int32_t *restrict in, int n, int W, int H, int ring, int stride,
                         Taps *restrict t) {
    const int last_c = W + ring - 2, last_r = H + ring - 2;
    int low_c = INT_MAX, high_c = INT_MIN, low_r = INT_MAX, high_r = INT_MIN;
    for (int i = 0; i < n; i++) {
        float u = us[i], v = vs[i], fu = floorf(u), fv = floorf(v);
        int c = (int)fu, r = (int)fv;
        c = c < -ring ? -ring : c > last_c ? last_c : c;
        r = r < -ring ? -ring : r > last_r ? last_r : r;
        t->u[i] = u - (float)c;
        t->v[i] = v - (float)r;
        t->i00[i] = (r + ring) * stride + c + ring;
        int near_c = in && !in[i] ? INT_MAX : c, far_c = in && !in[i] ? INT_MIN : c;
        int near_r = in && !in[i] ? INT_MAX : r, far_r = in && !in[i] ? INT_MIN : r;
        low_c = near_c < low_c ? near_c : low_c;
        high_c = far_c > high_c ? far_c : high_c;
        low_r = near_r < low_r ? near_r : low_r;
        high_r = far_r > high_r ? far_r : high_r;
    }
    const int none = low_r > high_r;
    t->top = none ? 1 : low_r + ring;
    t->bottom = none ? 0 : high_r + ring;
    t->left[0] = none ? 1 : low_c + ring;
    t->right[0] = none ? 0 : high_c + ring;
    t->left[1] = 1;
    t->right[1] = 0;
}

/* Where columns lie on both sides of the seam: the range of the left ones and that of the right. */
static void split(const float *us, int n, int W, int ring, Taps *t) {
    int most = t->left[0], least = t->right[0];
    for (int i = 0; i < n; i++) {
        int c = (int)floorf(us[i]) + ring;
        if (2 * c < W) most = c > most ? c : most;
        else least = c < least ? c : least;
    }
    t->left[1] = least;
    t->right[1] = t->right[0];
    t->right[0] = most;
}

/* Taps of n rays on a panorama: columns wrap, rows continue across the pole (even width). */
static void taps_sphere(const Plan *p, const float *restrict x, const float *restrict y,
                        const float *restrict z, int n, Taps *restrict t) {
    const int W = p->source_width, H = p->source_height, half = W / 2;
    float us[TILE_W], vs[TILE_W];
    angles_sphere(p, x, y, z, n, us, vs);
    t->all = 1;
    if (p->stride) {
        place(us, vs, NULL, n, W, H, 1, p->stride, t);
        if (p->state && t->right[0] - t->left[0] > half) split(us, n, W, 1, t);
        return;
    }
    for (int i = 0; i < n; i++) {
        float u = us[i], v = vs[i];
        float fu = floorf(u), fv = floorf(v);
        t->u[i] = u - fu;
        t->v[i] = v - fv;
        int c = (int)fu, r = (int)fv;
        int above = r < 0, below = r + 1 >= H;
        c = c < 0 ? c + W : c;
        c = c >= W ? c - W : c;
        int d = c + 1 >= W ? c + 1 - W : c + 1;
        int ct = above ? c + half : c, dt = above ? d + half : d;
        int cb = below ? c + half : c, db = below ? d + half : d;
        ct = ct >= W ? ct - W : ct;
        dt = dt >= W ? dt - W : dt;
        cb = cb >= W ? cb - W : cb;
        db = db >= W ? db - W : db;
        int top = (above ? 0 : r) * W, bottom = (below ? H - 1 : r + 1) * W;
        t->i00[i] = top + ct;
        t->i01[i] = top + dt;
        t->i10[i] = bottom + cb;
        t->i11[i] = bottom + db;
        t->in[i] = 1;
    }
}

static inline void clamped(Taps *restrict t, int i, float u, float v, int W, int H, int stride,
                           int base) {
    float fu = floorf(u), fv = floorf(v);
    t->u[i] = u - fu;
    t->v[i] = v - fv;
    int c = (int)fu, r = (int)fv;
    int c0 = c < 0 ? 0 : c, r0 = r < 0 ? 0 : r;
    int c1 = c + 1 >= W ? W - 1 : c + 1, r1 = r + 1 >= H ? H - 1 : r + 1;
    t->i00[i] = base + r0 * stride + c0;
    t->i01[i] = base + r0 * stride + c1;
    t->i10[i] = base + r1 * stride + c0;
    t->i11[i] = base + r1 * stride + c1;
}

static void taps_pinhole(const Plan *p, const float *restrict x, const float *restrict y,
                        const float *restrict z, int n, Taps *restrict t) {
    const int W = p->source_width, H = p->source_height;
    float us[TILE_W], vs[TILE_W];
    int outside = 0;
    for (int i = 0; i < n; i++) {
        int ahead = z[i] > 1e-6f * (fabsf(x[i]) + fabsf(y[i]));
        float inverse = 1.0f / (ahead ? z[i] : 1.0f);
        float u = x[i] * inverse * p->fx + p->cx, v = y[i] * inverse * p->fy + p->cy;
        int in = ahead & (u >= 0.0f) & (u <= (float)W) & (v >= 0.0f) & (v <= (float)H);
        us[i] = in ? u - 0.5f : 0.0f;
        vs[i] = in ? v - 0.5f : 0.0f;
        t->in[i] = in;
        outside |= 1 - in;
    }
    t->all = !outside;
    if (p->stride)
        place(us, vs, t->in, n, W, H, 1, p->stride, t);
    else
        for (int i = 0; i < n; i++) clamped(t, i, us[i], vs[i], W, H, W, 0);
}

/* Faces F R B L U D, each padded by one pixel, below each other: (6 (f + 2), f + 2). */
static void taps_cube(const Plan *p, const float *restrict x, const float *restrict y,
                        const float *restrict z, int n, Taps *restrict t) {
    const int f = p->face, padded = f + 2;
    const float half = 0.5f * f;
    float us[TILE_W], vs[TILE_W];
    int32_t base[TILE_W];
    for (int i = 0; i < n; i++) {
        float ax = fabsf(x[i]), ay = fabsf(y[i]), az = fabsf(z[i]);
        /* Flat selects: nested ones keep compilers from vectorising. */
        int on_z = (az >= ax) & (az >= ay), on_x = (ax >= ay) & (1 - on_z);
        float axis = on_x ? x[i] : y[i];
        axis = on_z ? z[i] : axis;
        float major = fabsf(axis), sign = axis > 0.0f ? 1.0f : -1.0f;
        float right = on_x ? -sign * z[i] : x[i];
        right = on_z ? sign * x[i] : right;
        float down = (on_z | on_x) ? y[i] : -sign * z[i];
        int negative = axis > 0.0f ? 0 : 1;
        int face = on_x ? 1 + 2 * negative : 5 - negative;
        face = on_z ? 2 * negative : face;
        float inverse = half / major;
        float u = right * inverse + half + 0.5f, v = down * inverse + half + 0.5f;
        us[i] = u;
        vs[i] = v;
        base[i] = face * padded * padded;
        t->in[i] = 1;
    }
    t->all = 1;
    if (p->stride) {
        place(us, vs, NULL, n, padded, padded, 0, padded, t);
        for (int i = 0; i < n; i++) t->i00[i] += base[i];
    } else {
        for (int i = 0; i < n; i++) clamped(t, i, us[i], vs[i], padded, padded, padded, base[i]);
    }
}

static inline float lerp4(float a, float b, float c, float d, float u, float v) {
    float upper = a + (b - a) * u, lower = c + (d - c) * u;
    return upper + (lower - upper) * v;
}

static void rays(const Plan *p, int job, int row, int left, int n, float *x, float *y, float *z) {
    const float *a = p->columns + (int64_t)job * 3 * p->width + left;
    const float *b = p->rows + (int64_t)job * 3 * p->height + row;
    const float s = p->row_scale[row], *t = p->column_scale + left;
    const float bx = b[0], by = b[p->height], bz = b[2 * p->height];
    for (int i = 0; i < n; i++) {
        x[i] = s * a[i] + t[i] * bx;
        y[i] = s * a[p->width + i] + t[i] * by;
        z[i] = s * a[2 * p->width + i] + t[i] * bz;
    }
}

#define SIDES 5

/* What a pinhole sees lies on the inner side of five planes through its centre: ahead, and within
 * each border of its image. The value q . ray of each plane over a tile, as far as columns go. */
typedef struct {
    float q[SIDES][3], low[SIDES], high[SIDES], size[SIDES];
    float least, most; /* column_scale */
} Sight;

static void find_sight(const Plan *p, int job, int left, int n, Sight *sight) {
    const float *a = p->columns + (int64_t)job * 3 * p->width + left, *t = p->column_scale + left;
    const float W = p->source_width, H = p->source_height;
    const float q[SIDES][3] = {{0, 0, 1},
                               {p->fx, 0, p->cx}, {-p->fx, 0, W - p->cx},
                               {0, p->fy, p->cy}, {0, -p->fy, H - p->cy}};
    memcpy(sight->q, q, sizeof q);
    for (int k = 0; k < SIDES; k++) {
        float low = INFINITY, high = -INFINITY, size = 0;
        for (int i = 0; i < n; i++) {
            float x = q[k][0] * a[i], y = q[k][1] * a[p->width + i], z = q[k][2] * a[2 * p->width + i];
            float value = x + y + z, parts = fabsf(x) + fabsf(y) + fabsf(z);
            low = value < low ? value : low;
            high = value > high ? value : high;
            size = parts > size ? parts : size;
        }
        sight->low[k] = low;
        sight->high[k] = high;
        sight->size[k] = size;
    }
    sight->least = INFINITY;
    sight->most = -INFINITY;
    for (int i = 0; i < n; i++) {
        sight->least = t[i] < sight->least ? t[i] : sight->least;
        sight->most = t[i] > sight->most ? t[i] : sight->most;
    }
}

/* Whether a row of the tile may see the image; rounding never makes it none. */
static int may_see(const Plan *p, int job, int row, const Sight *sight) {
    const float *b = p->rows + (int64_t)job * 3 * p->height + row;
    const float s = p->row_scale[row];
    for (int k = 0; k < SIDES; k++) {
        const float *q = sight->q[k];
        float x = q[0] * b[0], y = q[1] * b[p->height], z = q[2] * b[2 * p->height], own = x + y + z;
        float far = s * sight->low[k], near = s * sight->high[k];
        float least = own * sight->least, most = own * sight->most;
        float widest = fmaxf(fabsf(sight->least), fabsf(sight->most));
        float size = fabsf(s) * sight->size[k] + widest * (fabsf(x) + fabsf(y) + fabsf(z));
        if (fmaxf(far, near) + fmaxf(least, most) < -1e-5f * size) return 0;
    }
    return 1;
}

static int find_taps(const Plan *p, int job, int row, int left, int n, const Sight *sight, Taps *t) {
    if (p->source == PINHOLE && !may_see(p, job, row, sight)) return 0;
    float x[TILE_W], y[TILE_W], z[TILE_W];
    rays(p, job, row, left, n, x, y, z);
    if (p->source == SPHERE) taps_sphere(p, x, y, z, n, t);
    if (p->source == PINHOLE) taps_pinhole(p, x, y, z, n, t);
    if (p->source == CUBE) taps_cube(p, x, y, z, n, t);
    if (t->all) return 1;
    int any = 0;
    for (int i = 0; i < n; i++) any |= t->in[i];
    return any;
}

typedef float float4 __attribute__((vector_size(16)));
typedef float float8 __attribute__((vector_size(32)));

#if defined(__has_builtin) && __has_builtin(__builtin_shufflevector)
#define LEFT(x) __builtin_shufflevector(x, x, 0, 1, 2, 3)
#define RIGHT(x) __builtin_shufflevector(x, x, 4, 5, 6, 7)
#else
#define LEFT(x) ((float4){(x)[0], (x)[1], (x)[2], (x)[3]})
#define RIGHT(x) ((float4){(x)[4], (x)[5], (x)[6], (x)[7]})
#endif

/* Half to even, as torch.round; a mean of bytes stays within 0..255. */
#define ROUNDED(value) ((uint8_t)rintf(value))
#define AS_IS(value) (value)

static inline float8 load_f32(const float *from) {
    typedef float pair __attribute__((vector_size(32), aligned(4)));
    return *(const pair *)from;
}

static inline float8 load_u8(const uint8_t *from) {
#ifdef __AVX2__ /* compilers convert vectors of bytes one by one */
    return (float8)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from)));
#else
    typedef uint8_t pair __attribute__((vector_size(8), aligned(1)));
    return __builtin_convertvector(*(const pair *)from, float8);
#endif
}

#define DEFINE_RESAMPLE(NAME, TYPE, LOAD, STORE)                                                    \
    static void NAME##_planes(const Plan *p, const Taps *t, const TYPE *image, TYPE *out, int n) {  \
        const int64_t plane = (int64_t)p->source_height * p->source_width;                          \
        const int32_t *restrict i00 = t->i00, *restrict i01 = t->i01;                               \
        const int32_t *restrict i10 = t->i10, *restrict i11 = t->i11;                               \
        const int32_t *restrict in = t->in;                                                         \
        const float *restrict u = t->u, *restrict v = t->v;                                         \
        for (int c = 0; c < p->channels; c++) {                                                     \
            const TYPE *restrict from = image + c * plane;                                          \
            TYPE *restrict to = out + c * p->out_plane;                                             \
            for (int i = 0; i < n; i++) {                                                           \
                float value = lerp4((float)from[i00[i]], (float)from[i01[i]], (float)from[i10[i]],  \
                                    (float)from[i11[i]], u[i], v[i]);                               \
                value = in[i] ? value : 0.0f;                                                       \
                to[i] = STORE(value);                                                               \
            }                                                                                       \
        }                                                                                           \
    }                                                                                               \
    /* Scattered reads wait for memory: the taps of the next row are asked for one row ahead. */    \
    static void NAME##_packed(const Plan *p, const Taps *t, const Taps *ahead, const TYPE *image,   \
                              TYPE *out, int n) {                                                   \
        float row[TILE_W * 4];                                                                      \
        const int64_t down = 4 * (int64_t)p->stride;                                                \
        for (int i = 0; i < n; i++) {                                                               \
            const TYPE *from = image + 4 * (int64_t)t->i00[i];                                      \
            const TYPE *soon = image + 4 * (int64_t)ahead->i00[i];                                  \
            __builtin_prefetch(soon);                                                               \
            __builtin_prefetch(soon + down);                                                        \
            float8 upper = LOAD(from), lower = LOAD(from + down);                                   \
            float8 both = upper + (lower - upper) * t->v[i];                                        \
            float4 left = LEFT(both), right = RIGHT(both);                                          \
            float4 value = left + (right - left) * t->u[i];                                         \
            memcpy(row + 4 * i, &value, sizeof value);                                              \
        }                                                                                           \
        if (!t->all)                                                                                \
            for (int i = 0; i < n; i++)                                                             \
                if (!t->in[i]) memset(row + 4 * i, 0, 4 * sizeof(float));                           \
        for (int k = 0; k < p->channels; k++) {                                                     \
            TYPE *restrict to = out + k * p->out_plane;                                             \
            for (int i = 0; i < n; i++) to[i] = STORE(row[4 * i + k]);                              \
        }                                                                                           \
    }                                                                                               \
    /* One block: (c, height, width) -> (rows, stride, 4), unused channels the first again. */       \
    static void NAME##_block(const Plan *p, TYPE *packed, int down, int across) {                   \
        const int W = p->source_width, H = p->source_height, ring = p->ring, half = W / 2;          \
        const int64_t plane = (int64_t)W * H;                                                       \
        const int first = across * BLOCK_W;                                                         \
        const int last = first + BLOCK_W < p->stride ? first + BLOCK_W : p->stride;                 \
        const int begin = first < ring ? ring : first, end = last > W + ring ? W + ring : last;     \
        for (int row = down * BLOCK_H; row < (down + 1) * BLOCK_H && row < H + 2 * ring; row++) {   \
            const int beyond = row < ring || row >= H + ring, turned = beyond && p->closed;         \
            const int y = row < ring ? 0 : row >= H + ring ? H - 1 : row - ring;                    \
            const TYPE *restrict a = (const TYPE *)p->unpacked + (int64_t)y * W;                    \
            const TYPE *restrict b = p->channels > 1 ? a + plane : a;                               \
            const TYPE *restrict c = p->channels > 2 ? a + 2 * plane : a;                           \
            const TYPE *restrict d = p->channels > 3 ? a + 3 * plane : a;                           \
            TYPE *restrict to = packed + (int64_t)row * p->stride * 4;                              \
            if (!turned)                                                                            \
                for (int x = begin; x < end; x++) {                                                 \
                    to[4 * x] = a[x - ring];                                                        \
                    to[4 * x + 1] = b[x - ring];                                                    \
                    to[4 * x + 2] = c[x - ring];                                                    \
                    to[4 * x + 3] = d[x - ring];                                                    \
                }                                                                                   \
            for (int x = first; x < last; x++) {                                                    \
                if (!turned && x == begin) x = end;                                                 \
                if (x >= last) break;                                                               \
                int from = x - ring;                                                                \
                from = from < 0 ? (p->closed ? W - 1 : 0) : from;                                   \
                from = from >= W ? (p->closed ? 0 : W - 1) : from;                                  \
                from = turned ? (from + half < W ? from + half : from + half - W) : from;           \
                to[4 * x] = a[from];                                                                \
                to[4 * x + 1] = b[from];                                                            \
                to[4 * x + 2] = c[from];                                                            \
                to[4 * x + 3] = d[from];                                                            \
            }                                                                                       \
        }                                                                                           \
    }                                                                                               \
    /* Packs what taps read, unless it is; a block that another thread packs is waited for. */      \
    static void NAME##_need(const Plan *p, TYPE *packed, const Taps *t) {                           \
        const int across = (p->stride + BLOCK_W - 1) / BLOCK_W;                                     \
        for (int part = 0; part < 2; part++) {                                                      \
            if (t->left[part] > t->right[part]) continue;                                           \
            for (int i = t->top / BLOCK_H; i <= (t->bottom + 1) / BLOCK_H; i++)                     \
                for (int k = t->left[part] / BLOCK_W; k <= (t->right[part] + 1) / BLOCK_W; k++) {   \
                    uint8_t *state = p->state + (int64_t)i * across + k, none = 0;                  \
                    if (__atomic_load_n(state, __ATOMIC_ACQUIRE) == 2) continue;                    \
                    if (__atomic_compare_exchange_n(state, &none, 1, 0, __ATOMIC_ACQUIRE,           \
                                                    __ATOMIC_ACQUIRE)) {                            \
                        NAME##_block(p, packed, i, k);                                              \
                        __atomic_store_n(state, 2, __ATOMIC_RELEASE);                               \
                    } else {                                                                        \
                        while (__atomic_load_n(state, __ATOMIC_ACQUIRE) != 2) sched_yield();        \
                    }                                                                               \
                }                                                                                   \
        }                                                                                           \
    }                                                                                               \
    static void NAME##_tile(const Plan *p, TYPE *images, TYPE *out, int job, int top, int left) {   \
        const int64_t plane = (int64_t)p->source_height * p->source_width;                          \
        TYPE *image = images + (p->stride ? 0 : p->image_of[job] * plane * p->channels);            \
        int n = p->width - left < TILE_W ? p->width - left : TILE_W;                                \
        int bottom = top + TILE_H < p->height ? top + TILE_H : p->height;                           \
        Taps both[2];                                                                               \
        Sight sight;                                                                                \
        if (p->source == PINHOLE) find_sight(p, job, left, n, &sight);                              \
        int any = find_taps(p, job, top, left, n, &sight, both);                                    \
        if (any && p->state) NAME##_need(p, image, both);                                           \
        for (int row = top; row < bottom; row++) {                                                  \
            const Taps *taps = both + ((row - top) & 1);                                            \
            int64_t at = (int64_t)row * p->width + left;                                            \
            TYPE *to = out + p->out_offset[job] + at;                                               \
            Taps *next = both + ((row + 1 - top) & 1);                                              \
            int next_any = row + 1 < bottom && find_taps(p, job, row + 1, left, n, &sight, next);   \
            if (next_any && p->state) NAME##_need(p, image, next);                                  \
            uint8_t *seen = p->seen ? p->seen + p->seen_offset[job] + at : NULL;                    \
            if (seen && any)                                                                        \
                for (int i = 0; i < n; i++) seen[i] = (uint8_t)taps->in[i];                         \
            else if (seen)                                                                          \
                memset(seen, 0, n);                                                                 \
            if (any && p->stride)                                                                   \
                NAME##_packed(p, taps, next_any ? next : taps, image, to, n);                       \
            else if (any)                                                                           \
                NAME##_planes(p, taps, image, to, n);                                               \
            else                                                                                    \
                for (int c = 0; c < p->channels; c++)                                               \
                    memset(to + c * p->out_plane, 0, n * sizeof(TYPE));                             \
            any = next_any;                                                                         \
        }                                                                                           \
    }                                                                                               \
    void NAME(const Plan *p, TYPE *images, TYPE *out, int64_t *next) {                              \
        const int down = (p->height + TILE_H - 1) / TILE_H;                                         \
        const int across = (p->width + TILE_W - 1) / TILE_W;                                        \
        const int64_t tiles = (int64_t)p->jobs * down * across;                                     \
        for (;;) {                                                                                  \
            int64_t k = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED);                              \
            if (k >= tiles) return;                                                                 \
            int job = (int)(k / (down * across)), rest = (int)(k % (down * across));                \
            NAME##_tile(p, images, out, job, rest / across * TILE_H, rest % across * TILE_W);       \
        }                                                                                           \
    }

#define DEFINE_PACK(NAME, TYPE)                                                                     \
    /* (c, height, width) -> (height + 2 ring, width + 2 ring, 4), unused channels the first again. \
     * Beyond the border a sphere goes on (half a turn away across a pole), a plane repeats. */     \
    void NAME(const TYPE *from, TYPE *to, int channels, int height, int width, int ring, int closed,\
              int64_t *next) {                                                                      \
        const int64_t plane = (int64_t)height * width;                                              \
        for (;;) {                                                                                  \
            int64_t row = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED);                            \
            if (row >= height + 2 * ring) return;                                                   \
            int64_t y = row - ring;                                                                 \
            int half = closed && (y < 0 || y >= height) ? width / 2 : 0;                            \
            y = y < 0 ? 0 : y >= height ? height - 1 : y;                                           \
            TYPE *restrict out = to + row * (width + 2 * ring) * 4 + 4 * ring;                      \
            for (int part = 0; part < (half ? 2 : 1); part++) {                                     \
                const int shift = part ? 0 : half, n = half ? (part ? half : width - half) : width; \
                TYPE *restrict into = out + (part ? 4 * (width - half) : 0);                        \
                const TYPE *restrict a = from + y * width + shift;                                  \
                const TYPE *restrict b = channels > 1 ? a + plane : a;                              \
                const TYPE *restrict c = channels > 2 ? a + 2 * plane : a;                          \
                const TYPE *restrict d = channels > 3 ? a + 3 * plane : a;                          \
                for (int i = 0; i < n; i++) {                                                       \
                    into[4 * i] = a[i];                                                             \
                    into[4 * i + 1] = b[i];                                                         \
                    into[4 * i + 2] = c[i];                                                         \
                    into[4 * i + 3] = d[i];                                                         \
                }                                                                                   \
            }                                                                                       \
            if (ring) {                                                                             \
                memcpy(out - 4, out + (closed ? 4 * (width - 1) : 0), 4 * sizeof(TYPE));            \
                memcpy(out + 4 * width, out + (closed ? 0 : 4 * (width - 1)), 4 * sizeof(TYPE));    \
            }                                                                                       \
        }                                                                                           \
    }

DEFINE_PACK(pano_pack_f32, float)
DEFINE_PACK(pano_pack_u8, uint8_t)
DEFINE_RESAMPLE(pano_resample_f32, float, load_f32, AS_IS)
DEFINE_RESAMPLE(pano_resample_u8, uint8_t, load_u8, ROUNDED)
