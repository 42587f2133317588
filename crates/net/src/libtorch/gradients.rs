//! Gradients that libtorch computes in one go and that tch has no function for: see `gradients.cpp`.

use std::{
    ffi::{CStr, c_char, c_void},
    ptr::null_mut,
};

use tch::Tensor;

type Pointer = *const c_void;

/// Room for what libtorch says.
const MESSAGE: usize = 512;

#[expect(unsafe_code, reason = "functions of C++ are declared")]
unsafe extern "C" {
    fn bespoke_convolved(
        gradient: Pointer,
        maps: Pointer,
        weights: Pointer,
        stride: *const i64,
        padding: *const i64,
        dilation: *const i64,
        groups: i64,
        asked: *const bool,
        results: *mut *mut c_void,
        message: *mut c_char,
        length: usize,
    ) -> bool;

    fn bespoke_normalised(
        gradient: Pointer,
        values: Pointer,
        scale: Pointer,
        mean: Pointer,
        inverse: Pointer,
        epsilon: f64,
        results: *mut *mut c_void,
        message: *mut c_char,
        length: usize,
    ) -> bool;
}

/// How a convolution goes over its maps.
pub(crate) struct Steps {
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) groups: usize,
}

/// The gradients by the maps and by the weights, each where it is asked for, of a convolution's gradient, maps and weights.
///
/// # Panics
/// When libtorch refuses the tensors.
#[expect(unsafe_code, reason = "a function of C++ is called")]
pub(crate) fn convolved(
    [gradient, maps, weights]: [&Tensor; 3],
    steps: &Steps,
    asked: [bool; 2],
) -> [Option<Tensor>; 2] {
    let long = |lengths: [usize; 2]| lengths.map(|length| i64::try_from(length).expect("small"));
    let (stride, padding) = (long(steps.stride), long(steps.padding));
    let dilation = long(steps.dilation);
    let groups = i64::try_from(steps.groups).expect("small");
    // SAFETY: the pointers are those of living tensors and of arrays of the lengths that the function reads.
    called(|results, message| unsafe {
        bespoke_convolved(
            gradient.as_ptr().cast(),
            maps.as_ptr().cast(),
            weights.as_ptr().cast(),
            stride.as_ptr(),
            padding.as_ptr(),
            dilation.as_ptr(),
            groups,
            asked.as_ptr(),
            results,
            message,
            MESSAGE,
        )
    })
}

/// The gradients by the values, the scale and the shift of a batch normalisation's gradient, values, scale, mean and
/// 1 / √(variance + ε).
///
/// # Panics
/// When libtorch refuses the tensors.
#[expect(unsafe_code, reason = "a function of C++ is called")]
pub(crate) fn normalised(
    [gradient, values, scale, mean, inverse]: [&Tensor; 5],
    epsilon: f64,
) -> [Tensor; 3] {
    // SAFETY: the pointers are those of living tensors.
    let results = called(|results, message| unsafe {
        bespoke_normalised(
            gradient.as_ptr().cast(),
            values.as_ptr().cast(),
            scale.as_ptr().cast(),
            mean.as_ptr().cast(),
            inverse.as_ptr().cast(),
            epsilon,
            results,
            message,
            MESSAGE,
        )
    });
    results.map(|tensor| tensor.expect("all are asked for"))
}

/// The tensors that a function leaves.
#[expect(unsafe_code, reason = "what a function of C++ leaves is taken")]
fn called<const N: usize>(
    function: impl FnOnce(*mut *mut c_void, *mut c_char) -> bool,
) -> [Option<Tensor>; N] {
    let mut results = [null_mut(); N];
    let mut message = [0; MESSAGE];
    if !function(results.as_mut_ptr(), message.as_mut_ptr()) {
        // SAFETY: the function ends its message with a zero, and the room began with zeros.
        let message = unsafe { CStr::from_ptr(message.as_ptr()) };
        panic!("libtorch: {}", message.to_string_lossy());
    }
    // SAFETY: what is not null is a tensor that the function made and nobody else has.
    results.map(|result| (!result.is_null()).then(|| unsafe { Tensor::from_ptr(result.cast()) }))
}
