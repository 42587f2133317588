//! Cycles of a matrix product on a systolic array.

use bespoke_device::{Dataflow, Systolic};

use super::work::Product;

/// Cycles of all groups of a product, one after the other.
pub(super) fn cycles(array: &Systolic, product: &Product) -> f64 {
    let Product {
        pixels,
        window,
        filters,
        groups,
    } = *product;
    let (along_rows, along_columns, steps) = match array.dataflow {
        Dataflow::WeightStationary => (window, filters, pixels),
        Dataflow::OutputStationary => (pixels, filters, window),
        Dataflow::InputStationary => (window, pixels, filters),
    };
    let (rows, columns) = (f64::from(array.rows), f64::from(array.columns));
    let folds = (along_rows / rows).ceil() * (along_columns / columns).ceil();
    groups * (2.0 * rows + columns + steps - 2.0) * folds
}
