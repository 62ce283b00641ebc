#![no_main]

use gradbound::kernel::Kernel;

fn softmax() -> Kernel {
    gradbound_kernels::avx2::kernel(1.0)
}

gradbound::fuzz_kernel!(softmax);
