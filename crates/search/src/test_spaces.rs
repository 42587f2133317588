//! Small search spaces for tests.

use bespoke_space::Space;

/// Two decisions of two options.
pub(crate) fn four() -> Space {
    space("kernel = { choose = [1, 3] }\nchannels = { choose = [4, 8] }")
}

/// 42 architectures of different depths: 3 widths, and 2, 4 or 8 choices of kernels.
pub(crate) fn conditional() -> Space {
    space(
        "channels = { choose = [4, 6, 8] }\nrepeat = { choose = [1, 2, 3] }\nkernel = { choose = [1, 3] }",
    )
}

/// Twelve decisions of four options.
pub(crate) fn wide() -> Space {
    space("channels = 4\nrepeat = 12\nkernel = { choose = [1, 3, 5, 7] }")
}

/// A space whose first stage has these settings.
fn space(stage: &str) -> Space {
    let text = format!(
        "name = 'test'
        source = 'made for a test'
        classes = 2
        input = {{ channels = 1, resolution = 8 }}
        [[stage]]
        block = 'conv'
        {stage}
        [[stage]]
        block = 'classifier'"
    );
    Space::parse("test.toml", &text).expect("the space is well formed")
}
