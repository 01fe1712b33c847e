//! The fuzzer's bytes.

use arbitrary::Unstructured;

/// The fuzzer's bytes, taken piece by piece. When they have run out everything is zero.
#[derive(Debug)]
pub struct Input<'a>(Unstructured<'a>);

impl<'a> Input<'a> {
    /// All of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// Whether all bytes are taken.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or(0)
    }

    /// Two bytes.
    pub fn short(&mut self) -> u16 {
        self.0.arbitrary().unwrap_or(0)
    }

    /// Eight bytes.
    pub fn word(&mut self) -> u64 {
        self.0.arbitrary().unwrap_or(0)
    }

    /// Yes or no.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    /// A number from 0 to `end - 1`, out of one byte.
    pub fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    /// One of these.
    pub fn pick<T: Clone, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[usize::from(self.byte()) % N].clone()
    }

    /// Up to `most` bytes as they are.
    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        self.0.bytes(most.min(self.0.len())).unwrap_or_default()
    }

    /// A payload of `len` bytes: one word of the input, repeated.
    pub fn payload(&mut self, len: usize) -> Vec<u8> {
        self.0.arbitrary::<u64>().unwrap_or(0).to_le_bytes().into_iter().cycle().take(len).collect()
    }
}
