use super::*;

fn graph(operations: &[f32], edges: &[(usize, usize)]) -> Encoding {
    Encoding::Graph {
        operations: operations
            .iter()
            .map(|operation| vec![*operation])
            .collect(),
        edges: edges.to_vec(),
    }
}

fn values(tensor: Tensor<3>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn fault(networks: &[Encoding]) -> String {
    let error = Encoded::new(networks.iter(), networks[0].kind()).unwrap_err();
    error.to_string()
}

#[test]
fn a_node_reads_itself_and_its_senders_and_the_global_node_reads_all() {
    let networks = [graph(&[2.0, 3.0], &[(0, 1)])];
    let encoded = Encoded::new(networks.iter(), networks[0].kind()).unwrap();
    let batch = encoded.batch(&[0], 1, &Device::flex());
    assert_eq!(
        values(batch.readers.unwrap()),
        [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]
    );
    assert_eq!(values(batch.inputs), [2.0, 0.0, 5.0, 0.0, 5.0, 1.0]);
}

#[test]
fn a_small_graph_beside_a_large_one_is_read_as_if_alone() {
    let small = graph(&[2.0], &[]);
    let networks = [small.clone(), graph(&[1.0, 4.0, 5.0], &[(0, 2)])];
    let read = |networks: &[Encoding]| {
        let encoded = Encoded::new(networks.iter(), networks[0].kind()).unwrap();
        let batch = encoded.batch(&[0], 1, &Device::flex());
        values(batch.gather(batch.inputs.clone(), true))
    };
    assert_eq!(read(&networks), read(&[small]));
}

#[test]
fn gradients_flow_back_along_the_edges() {
    let networks = [graph(&[1.0, 1.0, 1.0], &[(0, 1), (1, 2)])];
    let encoded = Encoded::new(networks.iter(), networks[0].kind()).unwrap();
    let batch = encoded.batch(&[0], 1, &Device::flex());
    let tensor = |values: &[f32]| {
        let shape = [1, values.len(), 1];
        Tensor::<3>::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
    };
    let (outputs, slope) = (tensor(&[1.0, 2.0, 3.0, 4.0]), tensor(&[5.0, 6.0, 7.0, 8.0]));
    let forward = batch.gather(outputs.clone(), false) * slope.clone();
    let back = outputs * batch.scatter(slope, false);
    assert_eq!(
        values(forward).iter().sum::<f32>(),
        values(back).iter().sum::<f32>()
    );
}

#[test]
fn networks_that_are_not_alike_are_refused_by_name() {
    assert_eq!(
        fault(&[Encoding::Flat(vec![1.0]), Encoding::Flat(vec![1.0, 2.0])]),
        "network 1 is a row of 2 features, where a row of 1 features was expected"
    );
    assert_eq!(
        fault(&[Encoding::Flat(vec![1.0]), graph(&[1.0], &[])]),
        "network 1 is a graph with 1 features a node, where a row of 1 features was expected"
    );
    assert_eq!(
        fault(&[graph(&[1.0, 2.0], &[(0, 2)])]),
        "network 0 has 2 nodes and an edge from 0 to 2"
    );
    assert_eq!(
        fault(&[Encoding::Flat(vec![1.0, f32::NAN])]),
        "network 0 has NaN for a feature"
    );
    assert_eq!(fault(&[graph(&[], &[])]), "network 0 has no features");
    let uneven = Encoding::Graph {
        operations: vec![vec![1.0], vec![1.0, 2.0]],
        edges: Vec::new(),
    };
    assert_eq!(
        fault(&[uneven]),
        "network 0 has nodes of 1 features and of 2"
    );
}
