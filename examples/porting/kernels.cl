// The kernels of kernels.cu in OpenCL C, line by line: blocks are work-groups, threads work-items, shared memory local.

#define LANES 64
#define TILE 16

__kernel void norm_rope(__global const float *x, __global const float *scale, __global const float *cosine,
                        __global const float *sine, __global float *y, int heads, int width, float eps) {
    __local float part[LANES];
    const int lane = get_local_id(0), row = get_group_id(0), half_width = width / 2;
    __global const float *in = x + (long)row * width;
    __global float *out = y + (long)row * width;
    const long turn = (long)(row / heads) * half_width;
    float sum = 0.0f;
    for (int at = lane; at < width; at += LANES) sum += in[at] * in[at];
    part[lane] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int step = LANES / 2; step > 0; step /= 2) {
        if (lane < step) part[lane] += part[lane + step];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const float inverse = 1.0f / sqrt(part[0] / width + eps);
    for (int at = lane; at < half_width; at += LANES) {
        const float low = in[at] * inverse * scale[at], high = in[at + half_width] * inverse * scale[at + half_width];
        out[at] = low * cosine[turn + at] - high * sine[turn + at];
        out[at + half_width] = high * cosine[turn + at] + low * sine[turn + at];
    }
}

__kernel void bag_sum(__global const float *table, __global const long *indices, __global const long *offsets,
                      __global float *pooled, int width) {
    const int bag = get_group_id(0);
    for (int at = get_local_id(0); at < width; at += LANES) {
        float sum = 0.0f;
        for (long i = offsets[bag]; i < offsets[bag + 1]; ++i) sum += table[indices[i] * width + at];
        pooled[(long)bag * width + at] = sum;
    }
}

__kernel void quantised_matmul(__global const float *x, __global const char *q, __global const float *scale,
                               __global float *y, int rows, int columns, int inner) {
    __local float left[TILE][TILE];
    __local float right[TILE][TILE];
    const int i = get_local_id(1), j = get_local_id(0);
    const int m = get_group_id(1) * TILE + i, n = get_group_id(0) * TILE + j, other = get_group_id(0) * TILE + i;
    float sum = 0.0f;
    for (int start = 0; start < inner; start += TILE) {
        const int k = start + j;
        left[i][j] = m < rows && k < inner ? x[(long)m * inner + k] : 0.0f;
        right[i][j] = other < columns && k < inner ? (float)q[(long)other * inner + k] : 0.0f;
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int at = 0; at < TILE; ++at) sum += left[i][at] * right[j][at];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (m < rows && n < columns) y[(long)m * columns + n] = sum * scale[n];
}
