//! A kernel that stays and emits a token now and then, as a language model does.

use perdix_gpu::intrinsics::now_ns;
use perdix_gpu::{DeviceRing, KernelArg, ThreadProducer};

use crate::Span;

/// A text as numbers of words, and for each word where it stands: enough to continue a text with what followed the word somewhere.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Corpus {
    /// The text: a number for each word.
    pub words: Span<u32>,
    /// The places of all words in the text, those of one word together; the text's last word has none there.
    pub places: Span<u32>,
    /// Where the places of each word begin, and behind the last word's the number of places.
    pub starts: Span<u32>,
}

impl KernelArg for Corpus {}

/// The word that follows `word` in the text, at one of the places where it stands, chosen by `state`, which is advanced; `None` if
/// nothing follows.
///
/// # Safety
/// The corpus lies where it says, and nobody writes it.
pub unsafe fn next_word(corpus: Corpus, word: u32, state: &mut u64) -> Option<u32> {
    // A linear congruential generator (Knuth, MMIX).
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    // SAFETY: the caller's contract.
    let (start, end) =
        unsafe { (corpus.starts.get(u64::from(word))?, corpus.starts.get(u64::from(word) + 1)?) };
    let choices = end.checked_sub(start).filter(|choices| *choices > 0)?;
    let choice = start + ((*state >> 33) % u64::from(choices)) as u32;
    // SAFETY: as above.
    let place = unsafe { corpus.places.get(u64::from(choice)) }?;
    // SAFETY: as above.
    unsafe { corpus.words.get(u64::from(place) + 1) }
}

perdix_gpu::kernel! {
    /// Continues a text that ends in the word `first` by up to `count` words, one every `interval_ns`, each a message of 12 bytes: the
    /// word's number and the nanoseconds since the kernel began. One thread.
    pub unsafe fn tokens(ring: DeviceRing, corpus: Corpus, first: u32, seed: u64, count: u64, interval_ns: u64) {
        // SAFETY: the host launches one thread on this ring.
        let Ok(mut producer) = (unsafe { ThreadProducer::new(ring) }) else { return };
        let begun = now_ns();
        let (mut word, mut state, mut sent) = (first, seed, 0);
        while sent < count {
            // SAFETY: the host passes a corpus that stays as it is.
            let Some(next) = (unsafe { next_word(corpus, word, &mut state) }) else { break };
            word = next;
            // The model thinks.
            while now_ns().wrapping_sub(begun) < sent * interval_ns {
                core::hint::spin_loop();
            }
            let mut message = [0; 12];
            message[..4].copy_from_slice(&word.to_le_bytes());
            message[4..].copy_from_slice(&now_ns().wrapping_sub(begun).to_le_bytes());
            if let Err(error) = producer.produce(0, &message) {
                return producer.fail(error); // the reader has left
            }
            sent += 1;
        }
        producer.finish();
    }
}
