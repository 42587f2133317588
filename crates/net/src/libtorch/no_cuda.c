/* burn-tch names two functions of libtorch_cuda.so, so that linkers keep that library; nothing calls them from there.
 * This program opens the library at run time instead and is linked without it. Hidden: nobody else may find these. */

__attribute__((visibility("hidden"))) void *_ZN2at4cuda24getCurrentCUDABlasHandleEv(void) { return 0; }

__attribute__((visibility("hidden"))) int _ZN2at4cuda9warp_sizeEv(void) { return 0; }
