#pragma once

// What runs on the GPU says so to its compiler; to any other these are nothing.
#if defined(__CUDACC__)
#define DEMIX_DEVICE __device__
#define DEMIX_HOST_DEVICE __host__ __device__
#else
#define DEMIX_DEVICE
#define DEMIX_HOST_DEVICE
#endif
