//! NAS-Bench-201 against its published counts.

use std::thread;

use bespoke_space::{Architecture, Space};

use crate::builtin;

#[test]
fn flops_of_all_cells_are_the_published_ones() {
    let space = builtin("nasbench201");
    let cells: Vec<Architecture> = space.architectures().collect();
    assert_eq!(cells.len(), 15_625);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for share in cells.chunks(cells.len().div_ceil(threads)) {
            scope.spawn(|| share.iter().for_each(|cell| check_flops(&space, cell)));
        }
    });
}

/// FLOPs are 7.943872 + 35.81952 n(3x3) + 4.36224 n(1x1) + 1.29024 n(pool) million.
fn check_flops(space: &Space, cell: &Architecture) {
    let text = space.format_architecture(cell);
    let count = |operation: &str| text.matches(operation).count() as u64;
    let expected = 7_943_872
        + 35_819_520 * count("nor_conv_3x3")
        + 4_362_240 * count("nor_conv_1x1")
        + 1_290_240 * count("avg_pool_3x3");
    let graph = space.lower(cell).expect("every cell is a network");
    assert_eq!(graph.cost().flops, expected, "{text}");
}

#[test]
fn parameters_are_the_published_ones() {
    let space = builtin("nasbench201");
    let published = [
        (
            "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
            129_306,
        ),
        (
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
            802_426,
        ),
        (
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
            1_531_546,
        ),
    ];
    for (text, parameters) in published {
        let cell = space.parse_architecture(text).expect("a cell");
        let graph = space.lower(&cell).expect("a network");
        assert_eq!(graph.cost().parameters, parameters, "{text}");
    }
}
