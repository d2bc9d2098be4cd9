"""Heavy functions on the CPU or the GPU."""
