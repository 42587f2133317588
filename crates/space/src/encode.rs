//! Architectures as numbers for predictors.

use crate::{Architecture, Space};

impl Space {
    /// Length of [`Space::encode`]'s result: the number of options of all decisions together.
    pub fn encoding_width(&self) -> usize {
        self.decisions().iter().map(|d| d.options().len()).sum()
    }

    /// One number for each option of each decision, in order: 1 for the chosen one of an active decision, else 0.
    pub fn encode(&self, architecture: &Architecture) -> Vec<f32> {
        let active = self.active(architecture);
        let mut encoding = Vec::with_capacity(self.encoding_width());
        for (index, decision) in self.decisions().iter().enumerate() {
            let chosen = usize::from(architecture.choices()[index]);
            encoding.extend((0..decision.options().len()).map(|option| {
                let is_set = active[index] && option == chosen;
                f32::from(u8::from(is_set))
            }));
        }
        encoding
    }
}
