//! Published numbers.

use crate::networks::{Edge, mobilenet_v2, nas_bench_201};

#[test]
fn mobilenet_v2_has_its_published_parameters_and_macs() {
    let cost = mobilenet_v2().cost();
    assert_eq!(cost.parameters, 3_504_872);
    assert_eq!(cost.macs, 300_774_272);
}

#[test]
fn flops_are_those_of_the_nas_bench_201_table() {
    use Edge::{Conv1, Conv3, None, Pool, Skip};
    let cells = [
        [Conv3; 6],
        [Conv1; 6],
        [Pool; 6],
        [Skip; 6],
        [Conv3, Pool, Conv1, Skip, Conv3, Conv1],
        [Pool, Conv3, Skip, Conv1, Pool, Conv3],
        [Conv1, None, Conv3, Skip, None, Pool],
    ];
    for cell in cells {
        let count = |wanted: fn(&Edge) -> bool| cell.iter().filter(|e| wanted(e)).count() as u64;
        let expected = 7_943_872
            + 35_819_520 * count(|edge| matches!(edge, Conv3))
            + 4_362_240 * count(|edge| matches!(edge, Conv1))
            + 1_290_240 * count(|edge| matches!(edge, Pool));
        let graph = nas_bench_201(cell);
        assert_eq!(graph.cost().flops, expected, "{cell:?}");
        assert_eq!(graph.live().cost().flops, expected, "{cell:?}");
    }
}

#[test]
fn parameters_are_those_of_the_nas_bench_201_table() {
    let cost = nas_bench_201([Edge::Conv3; 6]).cost();
    assert_eq!(cost.parameters, 1_531_546);
}
