// kernels.cu on a CPU, one function a kernel for a caller from Python.
#include "threads.h"

#include "kernels.cu"

extern "C" void run_norm_rope(const float *x, const float *scale, const float *cosine, const float *sine, float *y,
                              int rows, int heads, int width, float eps) {
    launch({rows, 1}, {LANES, 1}, [=] { norm_rope(x, scale, cosine, sine, y, heads, width, eps); });
}

extern "C" void run_bag_sum(const float *table, const long long *indices, const long long *offsets, float *pooled,
                            int bags, int width) {
    launch({bags, 1}, {LANES, 1}, [=] { bag_sum(table, indices, offsets, pooled, width); });
}

extern "C" void run_quantised_matmul(const float *x, const signed char *q, const float *scale, float *y, int rows,
                                     int columns, int inner) {
    launch({(columns + TILE - 1) / TILE, (rows + TILE - 1) / TILE}, {TILE, TILE},
           [=] { quantised_matmul(x, q, scale, y, rows, columns, inner); });
}
