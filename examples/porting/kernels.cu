// Three kernels as CUDA code bases hold them. Nothing in them depends on the width of a warp: partial sums meet in
// shared memory, so that the same source is right where 32 or 64 lanes go together.

#define LANES 64
#define TILE 16

// y[t, h, :] = rotate(x[t, h, :] / sqrt(mean(x^2) + eps) * scale), the two halves of a head turned together.
// One block a head, LANES threads; cosine and sine are (tokens, width / 2).
extern "C" __global__ void norm_rope(const float *x, const float *scale, const float *cosine, const float *sine,
                                     float *y, int heads, int width, float eps) {
    __shared__ float part[LANES];
    const int lane = threadIdx.x, row = blockIdx.x, half = width / 2;
    const float *in = x + (long long)row * width;
    float *out = y + (long long)row * width;
    const long long turn = (long long)(row / heads) * half;
    float sum = 0.0f;
    for (int at = lane; at < width; at += LANES) sum += in[at] * in[at];
    part[lane] = sum;
    __syncthreads();
    for (int step = LANES / 2; step > 0; step /= 2) {
        if (lane < step) part[lane] += part[lane + step];
        __syncthreads();
    }
    const float inverse = 1.0f / sqrtf(part[0] / width + eps);
    for (int at = lane; at < half; at += LANES) {
        const float low = in[at] * inverse * scale[at], high = in[at + half] * inverse * scale[at + half];
        out[at] = low * cosine[turn + at] - high * sine[turn + at];
        out[at + half] = high * cosine[turn + at] + low * sine[turn + at];
    }
}

// pooled[b, :] = sum of table[indices[i], :] for offsets[b] <= i < offsets[b + 1]. One block a bag.
// Rows are addressed in 64 bits: a table of 2^31 elements is not a large one.
extern "C" __global__ void bag_sum(const float *table, const long long *indices, const long long *offsets,
                                   float *pooled, int width) {
    const int bag = blockIdx.x;
    for (int at = threadIdx.x; at < width; at += LANES) {
        float sum = 0.0f;
        for (long long i = offsets[bag]; i < offsets[bag + 1]; ++i) sum += table[indices[i] * width + at];
        pooled[(long long)bag * width + at] = sum;
    }
}

// y[m, n] = scale[n] * sum_k x[m, k] * q[n, k]: weights of 8 bits with a scale a row. Blocks of TILE x TILE threads;
// sizes need not be multiples of TILE.
extern "C" __global__ void quantised_matmul(const float *x, const signed char *q, const float *scale, float *y,
                                            int rows, int columns, int inner) {
    __shared__ float left[TILE][TILE];
    __shared__ float right[TILE][TILE];
    const int i = threadIdx.y, j = threadIdx.x;
    const int m = blockIdx.y * TILE + i, n = blockIdx.x * TILE + j, other = blockIdx.x * TILE + i;
    float sum = 0.0f;
    for (int start = 0; start < inner; start += TILE) {
        const int k = start + j;
        left[i][j] = m < rows && k < inner ? x[(long long)m * inner + k] : 0.0f;
        right[i][j] = other < columns && k < inner ? (float)q[(long long)other * inner + k] : 0.0f;
        __syncthreads();
        for (int at = 0; at < TILE; ++at) sum += left[i][at] * right[j][at];
        __syncthreads();
    }
    if (m < rows && n < columns) y[(long long)m * columns + n] = sum * scale[n];
}
