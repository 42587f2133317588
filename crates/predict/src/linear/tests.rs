use ndarray::{Array1, Array2, array};

use super::*;

/// Six rows of three features, the last of which never varies.
fn rows() -> Array2<f64> {
    array![
        [1.0, 10.0, 5.0],
        [2.0, 0.0, 5.0],
        [3.0, -20.0, 5.0],
        [4.0, 5.0, 5.0],
        [5.0, 30.0, 5.0],
        [7.0, -5.0, 5.0],
    ]
}

/// What the rows give by `y = 4 + 3a − 0.5b`.
fn values() -> Array1<f64> {
    rows().map_axis(ndarray::Axis(1), |row| 4.0 + 3.0 * row[0] - 0.5 * row[1])
}

#[track_caller]
fn assert_near(given: ArrayView1<'_, f64>, wanted: &[f64], tolerance: f64) {
    assert_eq!(given.len(), wanted.len());
    for (given, wanted) in given.iter().zip(wanted) {
        assert!((given - wanted).abs() <= tolerance, "{given} for {wanted}");
    }
}

#[test]
fn least_squares_finds_the_weights_that_made_the_values() {
    let model = Ridge { penalty: 0.0 }
        .fit(rows().view(), values().view())
        .expect("a model");
    assert_near(model.weights(), &[3.0, -0.5, 0.0], 1e-9);
    assert!((model.intercept() - 4.0).abs() < 1e-9);
    let unseen = array![[100.0, 2.0, -7.0]];
    assert_near(
        model.predict(unseen.view()).expect("a value").view(),
        &[303.0],
        1e-9,
    );
}

#[test]
fn penalties_shrink_the_weight_of_a_standardised_feature_as_computed_by_hand() {
    // The one feature and the values are 1 and −1 once standardised, so their covariance is 1 and least squares is 1.
    let (x, y) = (array![[10.0], [20.0]], array![3.0, 7.0]);
    let slope = |weight: f64| weight * 2.0 / 5.0;
    let ridge = Ridge { penalty: 0.25 }.fit(x.view(), y.view());
    assert_near(
        ridge.expect("a model").weights(),
        &[slope(1.0 / 1.25)],
        1e-12,
    );
    let net = |penalty, l1_ratio| {
        let net = ElasticNet { penalty, l1_ratio }.fit(x.view(), y.view());
        net.expect("a model")
    };
    assert_near(net(0.25, 1.0).weights(), &[slope(0.75)], 1e-9);
    assert_near(net(0.5, 0.5).weights(), &[slope(0.75 / 1.25)], 1e-9);
    assert_near(net(1.5, 1.0).weights(), &[0.0], 0.0);
    assert!((net(1.5, 1.0).intercept() - 5.0).abs() < 1e-12);
}

#[test]
fn the_elastic_net_without_its_absolute_part_is_ridge_regression() {
    let (x, y) = (rows(), values());
    let penalty = 0.3;
    let ridge = Ridge { penalty }.fit(x.view(), y.view()).expect("a model");
    let net = |l1_ratio| {
        let net = ElasticNet { penalty, l1_ratio };
        net.fit(x.view(), y.view()).expect("a model")
    };
    assert_eq!(net(0.0), ridge);
    // The descent, which the closed form knows nothing of, comes to the same.
    assert_near(net(1e-7).weights(), &ridge.weights().to_vec(), 1e-4);
}

#[test]
fn the_lasso_leaves_out_the_weaker_feature() {
    let net = ElasticNet {
        penalty: 0.6,
        l1_ratio: 1.0,
    };
    let model = net.fit(rows().view(), values().view()).expect("a model");
    assert_eq!(model.weights()[0], 0.0);
    assert!(model.weights()[1] < 0.0);
}

#[test]
fn features_that_depend_on_each_other_need_a_penalty_and_share_the_weight() {
    let x = array![[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]];
    let y = array![2.0, 4.0, 8.0];
    let free = Ridge { penalty: 0.0 }.fit(x.view(), y.view());
    assert_eq!(free, Err(LinearError::Singular));
    let held = Ridge { penalty: 1e-6 }.fit(x.view(), y.view());
    assert_near(held.expect("a model").weights(), &[1.0, 1.0], 1e-5);
}

#[test]
fn more_features_than_rows_can_be_fitted_with_a_penalty() {
    let x = array![[1.0, 0.0, 3.0, 1.0], [0.0, 1.0, 5.0, 2.0]];
    let y = array![1.0, 2.0];
    let model = Ridge { penalty: 1e-9 }.fit(x.view(), y.view());
    let predicted = model.expect("a model").predict(x.view()).expect("values");
    assert_near(predicted.view(), &[1.0, 2.0], 1e-6);
}

#[test]
fn values_that_do_not_vary_are_predicted_as_they_are() {
    let y = Array1::from_elem(6, 0.1);
    let svr = Svr {
        cost: 1.0,
        epsilon: 0.1,
        kernel: Kernel::Linear,
    };
    let fitted = [
        Ridge { penalty: 0.1 }
            .fit(rows().view(), y.view())
            .and_then(|model| model.predict(rows().view())),
        ElasticNet {
            penalty: 0.1,
            l1_ratio: 0.5,
        }
        .fit(rows().view(), y.view())
        .and_then(|model| model.predict(rows().view())),
        svr.fit(rows().view(), y.view())
            .and_then(|model| model.predict(rows().view())),
    ];
    for predicted in fitted {
        assert_near(predicted.expect("values").view(), &[0.1; 6], 1e-9);
    }
}

#[test]
fn support_vectors_lie_on_the_edge_of_the_tube() {
    // The flattest line within 0.2 of (−1, −1) and (1, 1) has slope 0.8; both features are standardised as they are.
    let (x, y) = (array![[-1.0], [1.0]], array![-1.0, 1.0]);
    let fit = |cost| {
        let svr = Svr {
            cost,
            epsilon: 0.2,
            kernel: Kernel::Linear,
        };
        let model = svr.fit(x.view(), y.view()).expect("a model");
        model.predict(array![[-1.0], [0.5], [1.0]].view())
    };
    assert_near(fit(100.0).expect("values").view(), &[-0.8, 0.4, 0.8], 1e-4);
    // A weight of w costs w²/2 and saves 2 · cost · w: the best is 2 · cost as long as the tube is not reached.
    assert_near(fit(0.25).expect("values").view(), &[-0.5, 0.25, 0.5], 1e-4);
}

#[test]
fn a_gaussian_kernel_follows_a_curve() {
    let x = Array2::from_shape_fn((40, 1), |(row, _)| row as f64 * 100.0);
    let curve = |x: f64| 1000.0 + 50.0 * (x / 600.0).sin();
    let y = x.column(0).mapv(curve);
    let svr = Svr {
        cost: 100.0,
        epsilon: 0.01,
        kernel: Kernel::Gaussian { gamma: 2.0 },
    };
    let model = svr.fit(x.view(), y.view()).expect("a model");
    let between = array![[950.0], [2050.0]];
    let wanted = between.column(0).mapv(curve);
    let predicted = model.predict(between.view()).expect("values");
    assert_near(predicted.view(), &wanted.to_vec(), 2.0);
    let again = svr.fit(x.view(), y.view()).expect("a model");
    assert_eq!(again.predict(between.view()), Ok(predicted));
}

#[test]
fn rows_that_no_model_can_be_fitted_to_are_refused() {
    let ridge = Ridge { penalty: 0.1 };
    let refusal = |x: Array2<f64>, y: Array1<f64>| {
        let error = ridge.fit(x.view(), y.view()).expect_err("no model");
        error.to_string()
    };
    assert_eq!(
        refusal(array![[1.0]], array![1.0]),
        "1 rows are too few to fit a model: at least 2 are needed"
    );
    assert_eq!(
        refusal(array![[1.0], [2.0]], array![1.0]),
        "1 values for 2 rows"
    );
    assert_eq!(
        refusal(array![[1.0, 2.0], [1.0, f64::NAN]], array![1.0, 2.0]),
        "feature 1 of row 1 is NaN"
    );
    assert_eq!(
        refusal(array![[1.0], [2.0]], array![1.0, f64::INFINITY]),
        "the value of row 1 is inf"
    );
}

#[test]
fn settings_out_of_range_are_refused() {
    let (x, y) = (rows(), values());
    let (x, y) = (x.view(), y.view());
    let refusal = |error: LinearError| error.to_string();
    assert_eq!(
        refusal(Ridge { penalty: -1.0 }.fit(x, y).expect_err("no model")),
        "`penalty` is -1: a number from 0"
    );
    let net = ElasticNet {
        penalty: 1.0,
        l1_ratio: 1.5,
    };
    assert_eq!(
        refusal(net.fit(x, y).expect_err("no model")),
        "`l1_ratio` is 1.5: a number from 0 to 1"
    );
    let svr = Svr {
        cost: 0.0,
        epsilon: 0.1,
        kernel: Kernel::Linear,
    };
    assert_eq!(
        refusal(svr.fit(x, y).expect_err("no model")),
        "`cost` is 0: a number above 0"
    );
    let svr = Svr {
        cost: 1.0,
        epsilon: 0.1,
        kernel: Kernel::Gaussian { gamma: f64::NAN },
    };
    assert_eq!(
        refusal(svr.fit(x, y).expect_err("no model")),
        "`gamma` is NaN: a number above 0"
    );
}

#[test]
fn a_model_predicts_only_from_rows_like_those_it_was_fitted_on() {
    let model = Ridge { penalty: 0.1 }
        .fit(rows().view(), values().view())
        .expect("a model");
    assert_eq!(
        model.predict(array![[1.0, 2.0]].view()),
        Err(LinearError::Features {
            given: 2,
            fitted: 3
        })
    );
    let error = model.predict(array![[1.0, f64::NAN, 0.0]].view());
    assert_eq!(
        error.expect_err("no value").to_string(),
        "feature 1 of row 0 is NaN"
    );
}
