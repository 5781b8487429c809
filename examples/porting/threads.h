// Just enough of CUDA for a CPU: the threads of a block are threads, __syncthreads is a barrier, blocks run one after
// another. Slow, and exact in what it shows: whether the kernel's arithmetic and synchronisation are right.
#pragma once
#include <barrier>
#include <cmath>
#include <thread>
#include <vector>

struct Place { int x, y; };
static thread_local Place threadIdx;
static thread_local Place blockIdx;
static std::barrier<> *together = nullptr;

#define __global__
#define __shared__ static
#define __syncthreads() together->arrive_and_wait()

// Every block of a grid, each with its threads; a barrier keeps a block's shared memory from the next.
template <class Kernel> void launch(Place grid, Place block, Kernel kernel) {
    std::barrier<> barrier(block.x * block.y);
    together = &barrier;
    std::vector<std::thread> threads;
    for (int at = 0; at < block.x * block.y; ++at)
        threads.emplace_back([=, &barrier] {
            threadIdx = {at % block.x, at / block.x};
            for (int y = 0; y < grid.y; ++y)
                for (int x = 0; x < grid.x; ++x) {
                    blockIdx = {x, y};
                    kernel();
                    barrier.arrive_and_wait();
                }
        });
    for (auto &one : threads) one.join();
}
