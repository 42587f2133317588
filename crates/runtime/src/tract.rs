//! tract: a pure-Rust compiler for ONNX, on the CPU.

use std::sync::Arc;

use bespoke_device::Precision;
use bespoke_measure::OperatorTime;
use tract_onnx::{
    prelude::{
        Datum, Framework, InferenceModel, InferenceModelExt, IntoTValue, RunOptions, Tensor,
        TractResult, TypedModel, TypedSimpleState, multithread::Executor, tvec,
    },
    tract_core::plan::eval,
    tract_hir::internal::{DimLike, Factoid, InferenceFact, TypedRunnableModel},
};

use crate::{
    Clock, CompileOptions, Compiled, Loaded, Runtime, RuntimeError, Session, contain::contained,
    profile::Profile,
};

pub(crate) const NAME: &str = "tract";

/// The version that the lock file has; the library does not tell.
const VERSION: &str = "0.23.9";

/// The runtime `tract`.
pub(crate) struct Tract;

/// A file as tract's importer read it, and the axes of its input: none where they are open.
struct Network {
    model: InferenceModel,
    axes: Vec<Option<usize>>,
}

struct Plan {
    runnable: Arc<TypedRunnableModel>,
    input_shape: Vec<usize>,
}

struct Pass {
    state: TypedSimpleState,
    input_shape: Vec<usize>,
}

// === impl Tract ===

impl Runtime for Tract {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }

    fn precisions(&self) -> &'static [Precision] {
        &[Precision::F32]
    }

    fn load(&self, onnx: &[u8]) -> Result<Box<dyn Loaded>, RuntimeError> {
        contained(|| Network::read(onnx))
            .map(|network| Box::new(network) as Box<dyn Loaded>)
            .map_err(|reason| RuntimeError::Load {
                runtime: NAME,
                reason,
            })
    }
}

// === impl Network ===

impl Network {
    fn read(mut onnx: &[u8]) -> Result<Self, String> {
        // Shapes that the file states between input and output name the batch; they are inferred anew from the input,
        // where the batch becomes a number.
        let model = tract_onnx::onnx()
            .with_ignore_output_shapes(true)
            .with_ignore_value_info(true)
            .model_for_read(&mut onnx)
            .map_err(sentence)?;
        let outputs = model.output_outlets().map_err(sentence)?.len();
        let [input] = model.input_outlets().map_err(sentence)? else {
            let inputs = model.input_outlets().map_err(sentence)?.len();
            return Err(format!("it has {inputs} inputs, one is needed"));
        };
        if outputs != 1 {
            return Err(format!("it has {outputs} outputs, one is needed"));
        }
        let axes = input_axes(model.outlet_fact(*input).map_err(sentence)?)?;
        Ok(Self { model, axes })
    }

    /// The input's axes with the batch in front.
    fn input_shape(&self, batch: u32) -> Result<Vec<usize>, String> {
        let batch = batch as usize;
        let (first, sample) = self.axes.split_first().ok_or("its input has no axis")?;
        if let Some(fixed) = first.filter(|fixed| *fixed != batch) {
            return Err(format!(
                "the file fixes the batch at {fixed}, {batch} is asked for"
            ));
        }
        let sample = sample.iter().copied().enumerate().map(|(index, axis)| {
            axis.ok_or_else(|| format!("axis {} of its input is not fixed", index + 1))
        });
        std::iter::once(Ok(batch)).chain(sample).collect()
    }

    fn typed(&self, input_shape: &[usize]) -> TractResult<TypedModel> {
        let mut model = self.model.clone();
        model.set_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), input_shape))?;
        model.into_typed()
    }
}

impl Loaded for Network {
    fn compile(&self, options: &CompileOptions) -> Result<Arc<dyn Compiled>, RuntimeError> {
        options.check(&Tract)?;
        let refused = |reason| RuntimeError::DoesNotCompile {
            runtime: NAME,
            reason,
        };
        let input_shape = self.input_shape(options.batch).map_err(refused)?;
        options.check_memory(NAME, bytes(&input_shape, size_of::<f32>()))?;
        let typed = contained(|| self.typed(&input_shape)).map_err(refused)?;
        options.check_memory(NAME, least_memory(&typed))?;
        let run_options = RunOptions {
            executor: Some(executor(options.threads)),
            ..RunOptions::default()
        };
        let prepare = || {
            typed
                .into_optimized()?
                .into_runnable_with_options(&run_options)
        };
        let runnable = contained(prepare).map_err(refused)?;
        Ok(Arc::new(Plan {
            runnable,
            input_shape,
        }))
    }
}

// === impl Plan ===

impl Compiled for Plan {
    fn input_shape(&self) -> &[usize] {
        &self.input_shape
    }

    fn spawn(&self) -> Result<Box<dyn Session>, RuntimeError> {
        let state = contained(|| self.runnable.spawn()).map_err(failed)?;
        Ok(Box::new(Pass {
            state,
            input_shape: self.input_shape.clone(),
        }))
    }
}

// === impl Pass ===

impl Session for Pass {
    fn run(&mut self, input: &[f32]) -> Result<Vec<f32>, RuntimeError> {
        self.check(input)?;
        contained(|| self.pass(input)).map_err(failed)
    }

    fn profile(
        &mut self,
        input: &[f32],
        passes: u32,
        clock: Clock<'_>,
    ) -> Result<Vec<OperatorTime>, RuntimeError> {
        self.check(input)?;
        let mut profile = Profile::new(clock);
        for _ in 0..=passes {
            profile.begin();
            contained(|| self.profiled(input, &mut profile)).map_err(failed)?;
        }
        Ok(profile.medians())
    }
}

impl Pass {
    fn check(&self, input: &[f32]) -> Result<(), RuntimeError> {
        let expected = self.input_shape.iter().product();
        match input.len() {
            got if got == expected => Ok(()),
            got => Err(RuntimeError::Input {
                runtime: NAME,
                expected,
                got,
            }),
        }
    }

    fn pass(&mut self, input: &[f32]) -> TractResult<Vec<f32>> {
        let input = Tensor::from_shape(&self.input_shape, input)?;
        let outputs = self.state.run(tvec![input.into_tvalue()])?;
        Ok(outputs[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
    }

    fn profiled(&mut self, input: &[f32], profile: &mut Profile<'_>) -> TractResult<()> {
        let input = Tensor::from_shape(&self.input_shape, input)?;
        self.state.run_plan_with_eval(
            tvec![input.into_tvalue()],
            |context, state, node, inputs| {
                let value = eval(context, state, node, inputs);
                profile.ran(&node.op.name(), &node.name);
                value
            },
        )?;
        Ok(())
    }
}

// === helpers ===

fn input_axes(fact: &InferenceFact) -> Result<Vec<Option<usize>>, String> {
    if fact.datum_type.concretize() != Some(f32::datum_type()) {
        return Err("its input is not of 32-bit floats".to_owned());
    }
    if fact.shape.is_open() {
        return Err("its input has no fixed number of axes".to_owned());
    }
    let axes = fact.shape.dims().map(Factoid::concretize);
    Ok(axes
        .map(|axis| axis.and_then(|axis| axis.to_usize().ok()))
        .collect())
}

/// tract computes on the calling thread unless it is given a pool; a pool of one would only add the way there.
fn executor(threads: u32) -> Executor {
    match threads {
        1 => Executor::SingleThread,
        threads => Executor::multithread_with_name(threads as usize, NAME),
    }
}

/// All constants and the largest value: less than this no schedule can do with.
fn least_memory(model: &TypedModel) -> u64 {
    let facts = || model.nodes.iter().flat_map(|node| &node.outputs);
    let constants = facts()
        .filter_map(|outlet| outlet.fact.konst.as_ref())
        .fold(0_u64, |sum, tensor| {
            let bytes = tensor.datum_type().size_of() as u64;
            sum.saturating_add((tensor.len() as u64).saturating_mul(bytes))
        });
    let largest = facts()
        .filter(|outlet| outlet.fact.konst.is_none())
        .filter_map(|outlet| {
            let shape = outlet.fact.shape.as_concrete()?;
            Some(bytes(shape, outlet.fact.datum_type.size_of()))
        })
        .max();
    constants.saturating_add(largest.unwrap_or(0))
}

/// Bytes of a value.
fn bytes(shape: &[usize], of_element: usize) -> u64 {
    shape.iter().fold(of_element as u64, |product, length| {
        product.saturating_mul(*length as u64)
    })
}

fn sentence(error: impl std::fmt::Display) -> String {
    format!("{error:#}")
}

fn failed(reason: String) -> RuntimeError {
    RuntimeError::Run {
        runtime: NAME,
        reason,
    }
}
