//! Proofs that all lanes of a warp, or all threads of a block, are here.

use core::marker::PhantomData;

use super::target;

/// All 32 lanes of a warp, here together: what operations of the whole warp need.
///
/// A lane that comes to such an operation without the others hangs the device or gets garbage, and
/// the compiler cannot see that. So a kernel makes the token once, by an `unsafe` call that says
/// so, or borrows it from a producer or consumer that was made by one
/// ([`WarpProducer::warp`](crate::WarpProducer::warp)).
///
/// * The token cannot be copied, sent or shared between threads.
/// * Its methods take `&mut self`, and closures that lanes call by themselves (those of a
///   [`Source`](crate::Source), of `produce`) are `Fn + Sync`. So no such closure can use it.
///
/// ```compile_fail,E0596
/// # use perdix_gpu::{WarpProducer, Warp};
/// fn divergent(producer: &mut WarpProducer, warp: &mut Warp) {
///     // each lane by itself: the warp is not together
///     let _ = producer.produce(0, 240, |chunk| [warp.ballot(chunk > 3).into(), 0]);
/// }
/// ```
/// ```compile_fail,E0277
/// # use perdix_gpu::{WarpProducer, Warp};
/// fn hidden(producer: &mut WarpProducer, warp: core::cell::RefCell<Warp>) {
///     // a cell does not help: the closure must be `Sync`
///     let _ = producer.produce(0, 240, |chunk| [warp.borrow_mut().ballot(chunk > 3).into(), 0]);
/// }
/// ```
/// ```compile_fail,E0277
/// # use perdix_gpu::Warp;
/// fn sent(mut warp: Warp) {
///     std::thread::spawn(move || warp.sync());
/// }
/// ```
/// ```compile_fail,E0599
/// # use perdix_gpu::Warp;
/// fn twice(warp: &Warp) -> (Warp, Warp) {
///     (warp.clone(), warp.clone())
/// }
/// ```
#[derive(Debug)]
pub struct Warp(PhantomData<*mut ()>);

impl Warp {
    /// The token of this warp.
    ///
    /// # Safety
    /// All lanes of the warp make it together, and call every method of it together. On a device
    /// the warp has 32 lanes.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        Self(PhantomData)
    }

    /// Waits for all lanes, and makes their earlier writes visible to each other. (`bar.warp.sync`)
    #[inline(always)]
    pub fn sync(&mut self) {
        // SAFETY: by the contract of `new` the whole warp calls this.
        unsafe { target::sync_warp() }
    }

    /// The value that lane `lane` (modulo 32) has. It orders no memory. (`shfl.sync.idx.b32`)
    #[inline(always)]
    pub fn shuffle(&mut self, value: u32, lane: u32) -> u32 {
        // SAFETY: as above.
        unsafe { target::shuffle(value, lane) }
    }

    /// [`shuffle`](Self::shuffle) of 64 bits.
    #[inline(always)]
    pub fn shuffle_u64(&mut self, value: u64, lane: u32) -> u64 {
        let low = self.shuffle(value as u32, lane);
        let high = self.shuffle((value >> 32) as u32, lane);
        u64::from(low) | u64::from(high) << 32
    }

    /// Which lanes say yes: bit `i` for lane `i`. (`vote.sync.ballot.b32`)
    #[inline(always)]
    pub fn ballot(&mut self, yes: bool) -> u32 {
        // SAFETY: as above.
        unsafe { target::ballot(yes) }
    }
}

/// All threads of a block, here together: what barriers of the block need. As [`Warp`].
///
/// ```compile_fail,E0596
/// # use perdix_gpu::{Block, BlockProducer, FromFn};
/// fn divergent(producer: &mut BlockProducer, block: &mut Block) {
///     let _ = producer.produce_batch(9, &FromFn::new(16, 0, |_, _| { block.sync(); [0, 0] }));
/// }
/// ```
#[derive(Debug)]
pub struct Block(PhantomData<*mut ()>);

impl Block {
    /// The token of this block.
    ///
    /// # Safety
    /// All threads of the block make it, and call every method of it together.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        Self(PhantomData)
    }

    /// Waits for all threads, and makes their earlier writes visible to each other. (`bar.sync`)
    #[inline(always)]
    pub fn sync(&mut self) {
        // SAFETY: by the contract of `new` the whole block calls this.
        unsafe { target::sync_threads() }
    }

    /// [`sync`](Self::sync), and whether all threads say yes. (`bar.red.and`)
    #[inline(always)]
    pub fn all(&mut self, yes: bool) -> bool {
        // SAFETY: as above.
        unsafe { target::sync_threads_and(yes) }
    }
}
